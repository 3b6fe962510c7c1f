"""The savings by pruning: the same study with and without it, for several seeds.

    python benchmarks/search.py
    python benchmarks/search.py --epochs 4        # too short for pruning within a fold
    python benchmarks/search.py --against benchmarks/results/search-five-seeds.json

Both sides have the same number of configurations of homebrew under ``speaker-5:holdout``; the first
ten are equal as long as both sides have the same best configuration. A clip-pass is a clip of a
fold's training rows in one epoch. The refit for the holdout has the same cost on both sides and is
not counted (it is in ``with_holdout``). The target is that the winner's holdout score lies in the
95 % interval over speakers of the exhaustive search's winner.

The pruning rules do not affect the exhaustive side. After a change of the rules, ``--against``
reads this side from an earlier run, so that only the other side is run again.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from material import SearchSetup, search_setup, speech
from scipy.special import log_softmax, stdtrit
from timing import Finding, print_findings

from serbench.execute.job import Outcome
from serbench.execute.processes import WorkerProcesses
from serbench.model.compute import ComputeSettings
from serbench.plugins import Plugins
from serbench.score.confusion import tally
from serbench.score.intervals import tally_interval
from serbench.score.resampling import draws
from serbench.search.events import FoldScored, TrialEnded, WinnerTested
from serbench.search.study import run_study


@dataclass(frozen=True)
class Searched:
    """Cost and result of a search."""

    passes: int
    holdout_passes: int
    folds: int
    winner: int
    tuning_uar: float
    holdout_uar: float
    interval: tuple[float, float] | None


@dataclass(frozen=True)
class FoldComparison:
    """One fold of a configuration, compared with the first configuration of the study.

    Attributes:
        loss: difference of the validation losses, positive if its loss is lower.
        uar: difference of the UARs of its test clips, positive if its UAR is higher.
        others: difference of the mean UARs of the other folds.
        alike: correlation of the losses of its test clips.
    """

    loss: float
    uar: float
    others: float
    alike: float


def main(arguments: Sequence[str] | None = None) -> None:
    """Search twice for each seed, and print the savings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--trials", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--clips", type=int, default=352, help="number of clips of all speakers")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument(
        "--against",
        type=Path,
        metavar="FILE",
        help="result file whose exhaustive searches are used",
    )
    parser.add_argument(
        "--quick", action="store_true", help="a short run that checks that it works"
    )
    options = parser.parse_args(arguments)
    if options.quick:
        options.seeds, options.trials, options.epochs = 1, 2, 1
    plugins = Plugins()
    data, manifest = speech(plugins, 120 if options.quick else options.clips)
    known, telling = _kept(options.against, data, options) if options.against else ({}, [])
    pairs = []
    comparisons: list[FoldComparison] = []
    with tempfile.TemporaryDirectory() as folder, WorkerProcesses() as executor:
        work = search_setup(
            plugins, manifest, Path(folder), trials=options.trials, epochs=options.epochs
        )
        executor.share(work.material)
        for seed in range(options.first_seed, options.first_seed + options.seeds):
            whole, tried = known.get(seed) or _search(work, seed, True, executor, options.jobs)
            early, _ = _search(work, seed, False, executor, options.jobs)
            pairs.append((whole, early))
            comparisons += _comparisons(tried, manifest.targets)
            print(f"seed {seed}: {pairs[-1]}", file=sys.stderr)
    telling = telling or _prediction_note(comparisons)
    print_findings(
        "search",
        data,
        [_saved(pairs), _within(pairs)],
        notes=[_lost(pairs), *telling],
        telling=telling,
        trials=options.trials,
        epochs=options.epochs,
        first_seed=options.first_seed,
        seeds=[[asdict(side) for side in pair] for pair in pairs],
        with_holdout=_ratio(
            [
                sum(pair[side].passes + pair[side].holdout_passes for pair in pairs)
                for side in (0, 1)
            ]
        ),
    )


def _kept(
    path: Path, data: str, options: argparse.Namespace
) -> tuple[dict[int, tuple[Searched, list[Outcome]]], list[str]]:
    """Exhaustive searches by seed, without outcomes, and their notes, from an earlier run."""
    kept = json.loads(path.read_text())
    if (kept["data"], kept["trials"], kept["epochs"]) != (data, options.trials, options.epochs):
        raise SystemExit(f"{path} has other clips, trials or epochs")
    first = kept.get("first_seed", 0)
    searches = {first + at: (Searched(**pair[0]), []) for at, pair in enumerate(kept["seeds"])}
    return searches, kept.get("telling", [])


def _search(
    work: SearchSetup, seed: int, exhaustive: bool, executor: WorkerProcesses, jobs: int
) -> tuple[Searched, list[Outcome]]:
    search = work.with_compute(ComputeSettings(1, parallel=jobs)).search
    search = replace(search, plan=replace(search.plan, seed=seed, exhaustive=exhaustive))
    outcomes: list[Outcome] = []
    means: dict[int, float] = {}
    for event in run_study(search, [], {}, executor):
        match event:
            case FoldScored():
                outcomes.append(event.outcome)
            case TrialEnded():
                means[event.trial] = event.mean_uar
            case WinnerTested():
                holdout = event.outcome
    trained = [outcome for outcome in outcomes if outcome.seconds > 0]
    manifest = search.manifest
    counted = tally(holdout.logits, manifest.targets[holdout.rows], manifest.speakers[holdout.rows])
    searched = Searched(
        passes=sum(
            outcome.epochs * len(search.split.folds[int(outcome.fold)].train) for outcome in trained
        ),
        holdout_passes=holdout.epochs * len(search.split.holdout.train),
        folds=len(trained),
        winner=holdout.trial,
        tuning_uar=means[holdout.trial],
        holdout_uar=holdout.uar,
        interval=tally_interval(counted, "uar", draws(counted.clips)),
    )
    return searched, trained


def _comparisons(
    outcomes: Sequence[Outcome], targets: npt.NDArray[np.int64]
) -> list[FoldComparison]:
    """Comparisons of each fold of each configuration but the first; empty without outcomes."""
    of: dict[int, dict[int | str, Outcome]] = defaultdict(dict)
    for outcome in outcomes:
        of[outcome.trial][outcome.fold] = outcome
    first = of.pop(0, {})
    comparisons = []
    for folds in of.values():
        higher = {fold: folds[fold].uar - first[fold].uar for fold in folds}
        for fold, found in folds.items():
            its, reference = (_clip_losses(each, targets) for each in (found, first[fold]))
            comparisons.append(
                FoldComparison(
                    loss=min(first[fold].losses) - min(found.losses),
                    uar=higher[fold],
                    others=statistics.fmean(higher[other] for other in folds if other != fold),
                    alike=float(np.corrcoef(its, reference)[0, 1]),
                )
            )
    return comparisons


def _clip_losses(outcome: Outcome, targets: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Cross-entropy of each test clip."""
    shares = log_softmax(outcome.logits, axis=1)
    own: npt.NDArray[np.float64] = -shares[np.arange(len(shares)), targets[outcome.rows]]
    return own


def _saved(pairs: Sequence[tuple[Searched, ...]]) -> Finding:
    ratios = [whole.passes / early.passes for whole, early in pairs]
    total = _ratio([sum(pair[side].passes for pair in pairs) for side in (0, 1)])
    return Finding(
        what="clip-passes of a search, homebrew, all seeds together",
        unit="clip-passes",
        sides={
            "exhaustive": float(sum(whole.passes for whole, _ in pairs)),
            "serbench": float(sum(early.passes for _, early in pairs)),
        },
        ratio=total,
        spread=(min(ratios), max(ratios)),
        target=2.0,
        met=total >= 2.0,
    )


def _within(pairs: Sequence[tuple[Searched, ...]]) -> Finding:
    inside = [
        whole.interval is not None and whole.interval[0] <= early.holdout_uar <= whole.interval[1]
        for whole, early in pairs
    ]
    share = sum(inside) / len(inside)
    return Finding(
        what="seeds whose winner scores in the interval of the exhaustive search's winner",
        unit="seeds",
        sides={"all": float(len(inside)), "within": float(sum(inside))},
        ratio=share,
        spread=(share, share),
        target=1.0,
        met=all(inside),
    )


def _lost(pairs: Sequence[tuple[Searched, ...]]) -> str:
    """A sentence with the holdout scores of the winners on both sides."""
    whole, early = ([100 * pair[side].holdout_uar for pair in pairs] for side in (0, 1))
    differences = [one - other for one, other in zip(early, whole, strict=True)]
    means = (
        f"The mean holdout UA of the winners is {statistics.fmean(early):.1f} %, that of the "
        f"winners of the exhaustive searches {statistics.fmean(whole):.1f} %"
    )
    if len(pairs) < 2:
        return f"{means}."
    margin = stdtrit(len(pairs) - 1, 0.975) * statistics.stdev(differences) / len(pairs) ** 0.5
    mean = statistics.fmean(differences)
    low, high = mean - margin, mean + margin
    return f"{means}: a difference of {mean:+.1f}, 95 % interval {low:+.1f} to {high:+.1f}."


def _prediction_note(comparisons: Sequence[FoldComparison]) -> list[str]:
    """A note on how well one fold predicts the others; empty where there are too few folds."""
    if len(comparisons) < 10:
        return []
    others = [each.others for each in comparisons]
    loss, uar = (
        statistics.correlation(others, [getattr(each, name) for each in comparisons])
        for name in ("loss", "uar")
    )
    return [
        f"For {len(comparisons)} folds of the exhaustive searches, as differences to the first "
        "configuration, the correlation of the mean UA of the other folds with a fold's "
        f"validation loss is {loss:.2f}, and with the UA of its test clips {uar:.2f}. The "
        "correlation of the losses of the same test clips is "
        f"{statistics.median(each.alike for each in comparisons):.2f} (median)."
    ]


def _ratio(sides: Sequence[int]) -> float:
    return sides[0] / sides[1]


if __name__ == "__main__":
    main()
