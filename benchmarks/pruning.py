"""How often pruning loses a good configuration, and how much it saves.

    python benchmarks/pruning.py

**Lost.** serbench's rule compares simulated configurations with the best of 1, 2, 4, 8 or 16
simulated ones, over 3, 5 or 10 folds of 108 clips with six emotions. Some clips are difficult for
all configurations, so that the UAR of a fold, about 45 %, has a standard deviation of 4 points over
configurations. Configurations whose true UAR is equal to that of the best one, or 3 points higher,
are lost if they are pruned. How often the validation loss prunes a first fold is measured with real
trainings of one configuration with several seeds (``benchmarks/recorded/repeats-*``), in all pairs.

**Saved.** The rules are applied to exhaustive searches (``benchmarks/recorded/search-*``, made by
``recorded.py``) in the order of their configurations, and to simulated searches whose
configurations have the same differences in UAR as those of
``recorded/lite0-704-clips-15-epochs.json``. A clip-pass is a clip of a fold's training rows in one
epoch.

**Upper bound.** The savings of the best possible rule that loses no more equal configurations than
allowed, for the observed differences between configurations (``pruning_bound.py``), if it decides
from UA, and if it decides from something less noisy.
"""

from __future__ import annotations

import argparse
import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pruning_bound import leads_of, most_saved
from recorded import Recording, Training, recordings
from simulated_folds import (
    NOISE,
    TARGETS,
    leads_over_others,
    simulated_searches,
    tried,
    variance_alone,
)
from timing import Finding, print_findings

from serbench.search.propose import generation_of
from serbench.search.pruning import BestSoFar, behind, lead_variance

STUDY = Path(__file__).parent / "recorded" / "lite0-704-clips-15-epochs.json"
RIVALS, FOLDS = (1, 2, 4, 8, 16), (3, 5, 10)
BETTER = 0.03
MOST_EQUAL, MOST_BETTER, FEWER_PASSES = 0.20, 0.10, 2.0
EARLY = 5 / 12
"""The share of a training before which it cannot be pruned in the recorded searches."""

LESS_NOISE = 0.6
"""A rule that decides from something less noisy than UA, for instance paired losses."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the simulations, apply the rules to recorded searches, and print the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=20_000)
    parser.add_argument("--searches", type=int, default=400, help="number of simulated searches")
    parser.add_argument(
        "--quick", action="store_true", help="a short run that checks that it works"
    )
    options = parser.parse_args(arguments)
    if options.quick:
        options.repetitions, options.searches = 200, 3
    random = np.random.default_rng(0)
    within = _lost_within(recordings("repeats"))
    lost = {
        better: {
            (rivals, folds): _lost(random, rivals, folds, better, options.repetitions)
            for rivals in RIVALS
            for folds in FOLDS
        }
        for better in (0.0, BETTER)
    }
    both = {
        better: {key: 1 - (1 - found.after) * (1 - within) for key, found in cases.items()}
        for better, cases in lost.items()
    }
    replayed = [_replayed(recording) for recording in recordings("search")]
    simulated = simulated_searches(random, _recorded_mix(STUDY), options.searches)
    mixes = {
        f"the recorded search over {recording.data}": leads_of(
            [_mean_uar(each) for each in recording.trials]
        )
        for recording in recordings("search")
    } | {"the study of Lite0": leads_of(_recorded_mix(STUDY))}
    most = {
        name: [
            most_saved(leads, part * NOISE * 2**0.5, MOST_EQUAL, first=first)
            for part in (1.0, LESS_NOISE)
            for first in (1.0, EARLY)
        ]
        for name, leads in mixes.items()
    }
    print_findings(
        "pruning",
        f"{options.repetitions:,} simulated configurations of each kind; "
        + "; ".join(recording.data for recording in recordings("search")),
        [
            _at_most("equal configurations lost, worst case", both[0.0], MOST_EQUAL),
            _at_most("configurations 3 points better lost, worst case", both[BETTER], MOST_BETTER),
            _fewer("clip-passes of recorded searches", replayed),
            _fewer("folds of simulated searches like the study of Lite0", simulated),
        ],
        notes=[
            "Of trainings that differ only in their seed, the validation loss pruned "
            f"{100 * within:.2f} % in the first fold; the shares of lost configurations include "
            "them.",
            "If the same trainings are compared by both rules as if they were different "
            f"configurations, {100 * _lost_repeats(recordings('repeats')):.1f} % are lost.",
            "The earlier rule (a standard error of the difference in UAR, computed after each "
            "fold for independent clips, without a correction for selecting the best) lost "
            + " and ".join(
                f"{100 * min(old):.0f} to {100 * max(old):.0f} % of the {name} ones"
                for name, old in (
                    (name, [found.before for found in lost[better].values()])
                    for name, better in (("equal", 0.0), ("better", BETTER))
                )
            )
            + " between folds alone.",
            "The best possible rule that decides from UA and loses no more equal configurations "
            "than allowed is expected to save "
            + " and ".join(
                f"{whole:.2f} times if the true differences of configurations are those observed "
                f"in {name} ({early:.2f} times if the result of a first fold were known after "
                f"{100 * EARLY:.0f} % of its training; {whole_less:.2f} and {early_less:.2f} "
                f"times if its lead had {LESS_NOISE} times the standard deviation)"
                for name, (whole, early, whole_less, early_less) in most.items()
            )
            + ".",
        ],
        most_saved=most,
        lost={
            f"{100 * better:+.0f} points, best of {rivals}, {folds} folds": round(share, 4)
            for better, cases in both.items()
            for (rivals, folds), share in cases.items()
        },
        within=within,
    )


@dataclass(frozen=True)
class Lost:
    """Shares pruned between folds, by the earlier rule and by the present one."""

    before: float
    after: float


def _lost(
    random: np.random.Generator, rivals: int, folds: int, better: float, repetitions: int
) -> Lost:
    """Share of configurations that are pruned although they are better by ``better``."""
    counts = np.zeros(2)
    for start in range(0, repetitions, 500):
        size = min(500, repetitions - start)
        simulated = tried(random, [0.0] * rivals + [better], folds, size)
        place = simulated[:, :-1].mean(axis=(2, 3)).argmax(axis=1)
        best, found = simulated[np.arange(size), place], simulated[:, -1]
        leads = best.mean(axis=-1) - found.mean(axis=-1)
        variances = lead_variance(best, found, TARGETS)
        alone = sum(variance_alone(each) for each in (best, found))
        looks = range(1, folds)
        before = [
            leads[:, :look].sum(axis=1) > np.sqrt(alone[:, :look].sum(axis=1)) for look in looks
        ]
        others = leads_over_others(simulated[:, :-1].mean(axis=-1), place)
        after = [behind(leads[:, :look], variances[:, :look], others) for look in looks]
        counts += [np.any(each, axis=0).sum() for each in (before, after)]
    return Lost(*(counts / repetitions).tolist())


def _lost_within(repeats: Sequence[Recording]) -> float:
    """Share of recorded trainings of equal configurations that are pruned in a first fold."""
    ended = [
        first.pruned_in(_best_so_far(recording, best).loss_reference(int(first.outcome.fold)))
        is not None
        for recording in repeats
        for best in recording.trials
        for first, *_ in recording.trials
        if first is not best[0]
    ]
    return float(np.mean(ended))


def _lost_repeats(repeats: Sequence[Recording]) -> float:
    """Share of recorded trials of one configuration that are pruned, over all pairs of trials."""
    kept = [
        _tried_with(_best_so_far(recording, best), other)[1]
        for recording in repeats
        for best in recording.trials
        for other in recording.trials
        if other is not best
    ]
    return 1 - float(np.mean(kept))


def _best_so_far(
    recording: Recording, best: Sequence[Training], others: Sequence[Sequence[Training]] = ()
) -> BestSoFar:
    outcomes = {int(each.outcome.fold): each.outcome for each in best}
    uars = [{int(each.outcome.fold): each.outcome.uar for each in other} for other in others]
    return BestSoFar(outcomes, recording.targets, uars)


def _replayed(recording: Recording) -> tuple[float, float]:
    """Clip-passes of a recorded search without and with pruning."""
    whole = early = 0
    complete: list[int] = []
    means = [_mean_uar(folds) for folds in recording.trials]
    for number, folds in enumerate(recording.trials):
        before = [each for each in complete if each < generation_of(number).start]
        best_so_far = None
        if before:
            best = max(before, key=lambda each: means[each])
            others = [recording.trials[each] for each in before if each != best]
            best_so_far = _best_so_far(recording, recording.trials[best], others)
        whole += sum(each.clips * each.outcome.epochs for each in folds)
        passes, kept = _tried_with(best_so_far, folds)
        early += passes
        if kept:
            complete.append(number)
    return float(whole), float(early)


def _mean_uar(folds: Sequence[Training]) -> float:
    return float(np.mean([each.outcome.uar for each in folds]))


def _tried_with(best_so_far: BestSoFar | None, folds: Sequence[Training]) -> tuple[int, bool]:
    """Clip-passes of a trial with pruning, and whether it is completed."""
    passes = 0
    outcomes = {}
    for at, each in enumerate(folds, 1):
        number = int(each.outcome.fold)
        outcomes[number] = each.outcome
        judged = best_so_far is not None and at == 1
        ended = each.pruned_in(best_so_far.loss_reference(number)) if judged else None
        passes += each.clips * (each.outcome.epochs if ended is None else ended)
        worse = at < len(folds) and best_so_far is not None and best_so_far.worse(outcomes)
        if ended is not None or worse:
            return passes, False
    return passes, True


def _recorded_mix(study: Path) -> list[float]:
    """Difference in UAR of each trial of a study and its first one, over the folds of the trial."""
    trials = [
        {fold["fold"]: fold["uar"] for fold in trial["folds"] if fold["fold"].isdigit()}
        for trial in json.loads(study.read_text())["trials"]
    ]
    return [
        statistics.fmean(uar - trials[0][fold] for fold, uar in trial.items()) for trial in trials
    ]


def _at_most(what: str, shares: Mapping[tuple[int, int], float], limit: float) -> Finding:
    worst, least = max(shares.values()), min(shares.values())
    return Finding(
        what=what,
        unit="%",
        sides={"limit": 100 * limit, "serbench": 100 * worst},
        ratio=limit / worst,
        spread=(limit / worst, limit / least),
        target=1.0,
        met=worst <= limit,
    )


def _fewer(what: str, pairs: Sequence[tuple[float, float]]) -> Finding:
    ratios = [whole / early for whole, early in pairs]
    whole, early = (sum(pair[side] for pair in pairs) for side in (0, 1))
    return Finding(
        what=what,
        unit=what.split()[0],
        sides={"exhaustive": whole, "serbench": early},
        ratio=whole / early,
        spread=(min(ratios), max(ratios)),
        target=FEWER_PASSES,
        met=whole / early >= FEWER_PASSES,
    )


if __name__ == "__main__":
    main()
