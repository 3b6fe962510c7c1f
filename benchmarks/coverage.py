"""Coverage of the 95 % intervals, on simulated speakers whose accuracy is known.

    python benchmarks/coverage.py --repetitions 1000
    python benchmarks/coverage.py searches
    python benchmarks/coverage.py nested
    python benchmarks/coverage.py holdouts

**Intervals.** A simulated speaker has a probability of each predicted emotion for each true
emotion: that of the system, changed by how clearly the speaker expresses emotions in general and
each single one. The true value is the score over infinitely many such speakers. Each repetition
draws a few speakers and their clips, computes every interval of every score, and checks whether it
includes the true value.

**Searches.** The naive and the corrected score of the winner of simulated searches
(``simulated_searches.py``), other corrections of UA, and the differences and ranks of several
winners.

**Nested.** The corrected score of a search over all speakers, and that of nested cross-validation
with the same speakers (``nested_winners.py``).

**Holdouts.** The width of the interval if every speaker is tested, and if a fifth is held out.

One JSON object is printed.
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from nested_winners import nested_of
from scipy.special import softmax
from scipy.stats import norm
from selected_winners import searched, widths_of
from simulated_speakers import CORPUS, EMOTIONS, RAVDESS

from serbench.score.comparison import Bootstrapped
from serbench.score.confusion import (
    COUNT_METRICS,
    CountMetric,
    Tally,
    ratios_of_counts,
    score_counts,
)
from serbench.score.intervals import clip_interval, tally_interval
from serbench.score.metric import Floats
from serbench.score.resampling import draws, effective_units, resampled

MANY = 400_000
"""Number of speakers from whose expected predictions the true value is computed."""

Ends = tuple[float, float]


@dataclass(frozen=True)
class Population:
    """Systems and a population of speakers, described by logits.

    Attributes:
        clarity: mean logit of the true emotion, for each emotion ``[C]``.
        speaker_spread: standard deviation over speakers of all emotions together.
        emotion_spread: standard deviation over speakers of one emotion, and of each wrong emotion.
        balanced: True for the clips of RAVDESS with up to half of them missing, False for a corpus
            whose speakers and emotions have very unequal numbers of clips.
    """

    clarity: tuple[float, ...]
    speaker_spread: float
    emotion_spread: float
    balanced: bool

    def expected(self, random: np.random.Generator, n_speakers: int, better: float) -> Floats:
        """Probabilities ``[2, S, C, C]`` of predictions of two systems; the second is better."""
        wrong = np.random.default_rng(7).normal(0, 0.6, (EMOTIONS, EMOTIONS))
        clear = random.normal(0, self.speaker_spread, (n_speakers, 1))
        both = []
        for gain in (0.0, better):
            shape = (n_speakers, EMOTIONS, EMOTIONS)
            logits = wrong + random.normal(0, self.emotion_spread, shape)
            own = random.normal(0, self.emotion_spread, (n_speakers, EMOTIONS))
            each = np.arange(EMOTIONS)
            logits[:, each, each] = np.array(self.clarity) + gain + clear + own
            both.append(softmax(logits, axis=-1))
        return np.stack(both)

    def clips(self, random: np.random.Generator, n_speakers: int) -> npt.NDArray[np.int64]:
        """Numbers of clips ``[S, C]`` of each speaker and emotion."""
        if self.balanced:
            return random.binomial(RAVDESS, random.uniform(0.5, 1, (n_speakers, 1)))
        return random.poisson(CORPUS * random.lognormal(-0.18, 0.6, (n_speakers, 1)))

    def tests(self, random: np.random.Generator, n_speakers: int) -> tuple[Tally, Tally]:
        """Two systems tested on the same speakers and clips."""
        expected = self.expected(random, n_speakers, BETTER)
        clips = self.clips(random, n_speakers)
        names = tuple(f"{number:03}" for number in range(n_speakers))
        first, second = (Tally(names, random.multinomial(clips, each)) for each in expected)
        return first, second

    def truth(self, random: np.random.Generator) -> dict[str, float]:
        """The first system's scores and the second's gain in UAR, over infinitely many speakers."""
        pooled = np.zeros((2, EMOTIONS, EMOTIONS))
        for _ in range(20):
            expected = self.expected(random, MANY // 20, BETTER)
            clips = self.clips(random, MANY // 20)
            pooled += (expected * clips[..., None]).sum(axis=1)
        scores = {metric: score_counts(pooled[0], metric) for metric in COUNT_METRICS}
        return scores | {DIFFERENCE: score_counts(pooled[1], "uar") - scores["uar"]}


BETTER = 0.4
DIFFERENCE = "uar_difference"
MIDDLING = (1.6, 2.9, 2.2, 2.4, 1.5, 2.0)
STRONG = (3.8, 5.0, 4.5, 4.7, 4.0, 4.5)
WORLDS = {
    "ravdess": Population(MIDDLING, speaker_spread=0.7, emotion_spread=0.7, balanced=True),
    "strong": Population(STRONG, speaker_spread=0.9, emotion_spread=0.8, balanced=True),
    "uneven": Population(MIDDLING, speaker_spread=0.7, emotion_spread=0.7, balanced=False),
}


def influences(counts: npt.NDArray[np.int64], drawn: Floats, metric: CountMetric) -> Floats:
    """Influence of each speaker on the score of each draw ``[resamples, S]``.

    It is the empirical influence function divided by S (Efron and Tibshirani 1993, section 21.3);
    the root of its sum of squares is the infinitesimal-jackknife standard error.
    """
    ratios = ratios_of_counts(counts, metric)
    numerators, denominators = ratios.numerators, ratios.denominators
    above, below = drawn @ numerators, drawn @ denominators
    pulls: Floats = (1 / below) @ numerators.T - (above / below**2) @ denominators.T
    return np.asarray(pulls / numerators.shape[1])


def other_intervals(tally: Tally, drawn: Floats, metric: CountMetric) -> Iterator[tuple[str, Ends]]:
    """The bootstrap intervals that serbench does not use."""
    everyone = np.ones((1, len(tally.speakers)))
    point = score_counts(tally.confusion, metric)
    scores = resampled(ratios_of_counts(tally.counts, metric), drawn)
    yield "percentile", quantiles(scores, 0.025, 0.975)
    pull = influences(tally.counts, everyone, metric)[0]
    if not pull.any():
        yield "bca", (point, point)
        yield "studentised", (point, point)
        return
    below = ((scores < point).mean() + (scores <= point).mean()) / 2
    bias = norm.ppf(np.clip(below, 1 / len(scores), 1 - 1 / len(scores)))
    acceleration = (pull**3).sum() / (6 * (pull**2).sum() ** 1.5)
    moved = bias + norm.ppf([0.025, 0.975])
    yield "bca", quantiles(scores, *norm.cdf(bias + moved / (1 - acceleration * moved)))
    errors = np.sqrt((drawn * influences(tally.counts, drawn, metric) ** 2).sum(axis=1))
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(errors > 1e-12, (scores - point) / errors, np.sign(scores - point) * np.inf)
    # A draw that has one speaker S times has no variance, so that for small S an end is infinite.
    low, high = quantiles(np.nan_to_num(t, nan=0.0, posinf=1e6, neginf=-1e6), 0.025, 0.975)
    error = float(np.sqrt((pull**2).sum()))
    yield "studentised", (max(point - high * error, 0.0), min(point - low * error, 1.0))


def quantiles(scores: Floats, low: float, high: float) -> Ends:
    """Two quantiles."""
    ends = np.quantile(scores, [low, high])
    return float(ends[0]), float(ends[1])


def every_interval(
    tests: tuple[Tally, Tally], drawn: Floats, resamples: int
) -> Iterator[tuple[str, str, Ends]]:
    """The method, the estimated quantity, and both ends of each interval."""
    first, second = tests
    bootstrapped = [
        Bootstrapped(
            score_counts(each.confusion, "uar"),
            resampled(ratios_of_counts(each.counts, "uar"), drawn),
            len(drawn.T),
            effective_units(each.clips),
        )
        for each in (second, first)
    ]
    gain = bootstrapped[0].minus(bootstrapped[1]).interval
    if gain is not None:
        yield "student_t", DIFFERENCE, gain
    for metric in COUNT_METRICS:
        chosen = tally_interval(first, metric, drawn)
        assert chosen is not None
        yield "student_t", metric, chosen
        per_clip = clip_interval(first, metric, resamples=resamples)
        if per_clip is not None:
            yield "per_clip", metric, per_clip
        for name, ends in other_intervals(first, drawn, metric):
            yield name, metric, ends


def coverage(
    world: Population, truth: dict[str, float], n_speakers: int, repetitions: int, resamples: int
) -> dict[str, object]:
    """Coverage and mean width of every interval, over repeated tests of ``n_speakers`` speakers."""
    random = np.random.default_rng([3, n_speakers])
    held: dict[tuple[str, str], list[tuple[bool, float]]] = defaultdict(list)
    known: dict[bytes, Floats | None] = {}
    for _ in range(repetitions):
        tests = world.tests(random, n_speakers)
        # The draws depend only on which emotions each speaker has: most repetitions have the same.
        who = (tests[0].clips > 0).tobytes()
        if who not in known:
            known[who] = draws(tests[0].clips, resamples=resamples)
        drawn = known[who]
        if drawn is None:
            continue
        for method, estimated, (low, high) in every_interval(tests, drawn, resamples):
            held[method, estimated].append((low <= truth[estimated] <= high, high - low))
    table: dict[str, dict[str, object]] = defaultdict(dict)
    for (method, estimated), each in held.items():
        inside, widths = zip(*each, strict=True)
        table[method][estimated] = {
            "coverage": round(float(np.mean(inside)), 4),
            "width": round(float(np.mean(widths)), 4),
            "intervals": len(each),
        }
    return dict(table)


def intervals(asked: argparse.Namespace) -> dict[str, object]:
    """Coverage of the intervals of a single test."""
    worlds = {}
    for name in asked.worlds:
        truth = WORLDS[name].truth(np.random.default_rng(1))
        worlds[name] = {
            "truth": {key: round(value, 4) for key, value in truth.items()},
            "speakers": {
                n: coverage(WORLDS[name], truth, n, asked.repetitions, asked.resamples)
                for n in asked.speakers
            },
        }
    return {"worlds": worlds}


@dataclass(frozen=True)
class Part:
    """One of the simulations, with its usual numbers of repetitions, draws and speakers."""

    run: Callable[[argparse.Namespace], dict[str, object]]
    repetitions: int
    resamples: int
    speakers: Sequence[int]
    seed: int = 18


PARTS = {
    "intervals": Part(intervals, 1000, 1000, (3, 4, 8, 16, 24, 48)),
    "searches": Part(searched, 1000, 500, (8, 16, 24, 48)),
    "nested": Part(nested_of, 2000, 500, (8, 16, 24, 48), seed=20),
    "holdouts": Part(widths_of, 200, 500, (10, 16, 24, 32, 40, 48, 60, 80, 100)),
}


def main() -> None:
    """Run a simulation and print the result."""
    parser = argparse.ArgumentParser(description="coverage of the 95 % intervals")
    parser.add_argument("part", nargs="?", choices=PARTS, default="intervals")
    parser.add_argument("--repetitions", type=int)
    parser.add_argument("--resamples", type=int)
    parser.add_argument("--speakers", type=int, nargs="+")
    parser.add_argument("--seed", type=int, help="seed of simulated searches")
    parser.add_argument("--worlds", nargs="+", choices=WORLDS, default=list(WORLDS))
    parser.add_argument("--quick", action="store_true", help="a few repetitions, for the tests")
    asked = parser.parse_args()
    part = PARTS[asked.part]
    asked.repetitions = asked.repetitions or (8 if asked.quick else part.repetitions)
    asked.resamples = asked.resamples or (50 if asked.quick else part.resamples)
    asked.seed = part.seed if asked.seed is None else asked.seed
    asked.speakers = asked.speakers or ([8] if asked.quick else part.speakers)
    settings = {"repetitions": asked.repetitions, "resamples": asked.resamples}
    print(json.dumps(settings | part.run(asked), indent=2))


if __name__ == "__main__":
    main()
