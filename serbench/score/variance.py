"""The variance of a score between trainings with different seeds, beside that between speakers.

A seed is no speaker: trainings with further seeds show how much a score depends on random numbers,
and no number of them says anything about speakers who were not tested.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
import numpy.typing as npt
from scipy.special import chdtri

from serbench.score.comparison import Bootstrap
from serbench.score.confusion import CountMetric, Tally, score_counts
from serbench.score.intervals import (
    CONFIDENCE,
    ROUNDING,
    Interval,
    share_interval,
    standard_error,
)
from serbench.score.metric import Floats
from serbench.score.resampling import RESAMPLES

Groups = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Components:
    """The variance of the score of one speaker and one network, in three components.

    Attributes:
        speaker: variance between speakers, the same for all seeds.
        seed: variance between networks that differ in their seed, the same for all speakers that a
            network tests: that of one network on infinitely many speakers.
        interaction: the rest: speakers who are recognised better with one seed and worse with
            another. It includes the chance of single clips.
        negative: names of the components whose estimate was negative; they are set to 0.
    """

    speaker: float
    seed: float
    interaction: float
    negative: tuple[str, ...] = ()


@dataclass(frozen=True)
class SeedVariance:
    """A score of one configuration that was trained with several seeds.

    Attributes:
        scores: the score with each seed, on all clips.
        mean: their mean.
        sd: their standard deviation.
        sd_interval: 95 % interval of that standard deviation for infinitely many seeds; None where
            all scores are equal.
        standard_error: standard error of ``mean`` over speakers; None where it cannot be estimated.
        interval: 95 % interval of ``mean`` over speakers; None where it cannot be estimated.
        components: the components of the variance; None where no network tests two speakers.
        speakers: number of speakers.
    """

    scores: tuple[float, ...]
    mean: float
    sd: float
    sd_interval: Interval | None
    standard_error: float | None
    interval: Interval | None
    components: Components | None
    speakers: int


def seed_variance(
    tallies: Sequence[Tally],
    networks: Groups | None = None,
    metric: CountMetric = "uar",
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> SeedVariance:
    """Separate the variance between seeds from that between speakers.

    The score is averaged over the seeds on every bootstrap draw of speakers. So the interval over
    speakers is that of a mean, and depends on the number of speakers only: the same tallies given
    twice have the same interval.

    Args:
        tallies: predictions with two or more seeds, of the same clips.
        networks: number of the network that tests each speaker ``[S]``, in the order of the
            tallies, such as the fold; by default one network with each seed tests all speakers.
        metric: the metric to compute.
        seed: seed of the bootstrap draws.
        resamples: number of draws.

    Raises:
        ValueError: there are fewer than two tallies, or they are not of the same clips.
    """
    if len(tallies) < 2:
        raise ValueError("the variance between seeds needs two trainings or more")
    shared = Bootstrap(tallies[0], metric, seed, resamples)
    found = [shared.of(each) for each in tallies]
    scores = tuple(each.score for each in found)
    mean, sd = fmean(scores), float(np.std(scores, ddof=1))
    drawn = [each.resampled for each in found if each.resampled is not None]
    error = interval = None
    if drawn:
        error = standard_error(np.mean(drawn, axis=0), found[0].effective)
        interval = share_interval(mean, error, found[0].effective - 1)
    return SeedVariance(
        scores,
        mean,
        sd,
        sd_interval(sd, len(scores)),
        error,
        interval,
        components(_by_speaker(tallies, metric), networks),
        found[0].speakers,
    )


def sd_interval(sd: float, seeds: int) -> Interval | None:
    """The 95 % interval of a standard deviation, for normally distributed scores.

    (S - 1) s² / σ² has a chi-square distribution with S - 1 degrees of freedom.

    Args:
        sd: standard deviation s over the seeds.
        seeds: S, number of seeds, at least 2.

    Returns:
        None where the standard deviation is 0.
    """
    if sd < ROUNDING:
        return None
    degrees = seeds - 1
    upper, lower = (chdtri(degrees, tail) for tail in ((1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2))
    return Interval(float(sd * np.sqrt(degrees / upper)), float(sd * np.sqrt(degrees / lower)))


def components(scores: Floats, networks: Groups | None = None) -> Components | None:
    """The components of the variance of scores by speaker and seed, by the method of moments.

    The mean squares of a two-way table without repeated cells are set equal to their expected
    values (Searle, Casella and McCulloch 1992, "Variance Components", chapter 4). If several
    networks with each seed test different speakers, each has a table of its own, and the squares of
    all tables are pooled. An estimate below 0, which occurs by chance where a component is small,
    is replaced by 0 and named.

    Args:
        scores: ``[S, N]`` of S speakers and N seeds, at least two seeds.
        networks: number of the network that tests each speaker ``[S]``; by default one tests all.

    Returns:
        None where no network tests two speakers.
    """
    speakers, seeds = scores.shape
    groups = np.zeros(speakers, dtype=np.int64) if networks is None else networks
    tables = [scores[groups == group] for group in np.unique(groups)]
    degrees = speakers - len(tables)
    if degrees == 0:
        return None
    by_speaker, by_seed, rest = np.sum([_squares(table) for table in tables], axis=0)
    between_speakers = by_speaker / degrees
    between_seeds = by_seed / (len(tables) * (seeds - 1))
    interaction = rest / (degrees * (seeds - 1))
    found = {
        "speaker": (between_speakers - interaction) / seeds,
        "seed": (between_seeds - interaction) * len(tables) / speakers,
        "interaction": interaction,
    }
    negative = tuple(name for name, value in found.items() if value < -(ROUNDING**2))
    return Components(
        **{name: max(float(value), 0.0) for name, value in found.items()}, negative=negative
    )


def _squares(table: Floats) -> tuple[float, float, float]:
    """Sums of squares of a table ``[S, N]``: of speakers, of seeds, and of the rest."""
    speakers, seeds = table.shape
    mean, by_speaker, by_seed = table.mean(), table.mean(axis=1), table.mean(axis=0)
    rest = table - by_speaker[:, None] - by_seed[None, :] + mean
    return (
        seeds * float(((by_speaker - mean) ** 2).sum()),
        speakers * float(((by_seed - mean) ** 2).sum()),
        float((rest**2).sum()),
    )


def _by_speaker(tallies: Sequence[Tally], metric: CountMetric) -> Floats:
    """The score of each speaker with each seed ``[S, N]``, over the emotions of this speaker."""
    found: Floats = np.array([[score_counts(each, metric) for each in t.counts] for t in tallies]).T
    return found
