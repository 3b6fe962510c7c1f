"""Recorded exhaustive searches and repeated trainings, to which pruning rules can be applied.

    python benchmarks/recorded.py search --seed 0
    python benchmarks/recorded.py repeats --trials 10

``search`` trains the configurations of a study without pruning; ``repeats`` trains the initial
configuration with many seeds, so that no trial is truly better than another. Both train homebrew
under ``speaker-5:holdout`` and write predictions for the test clips and validation losses of each
fold of each trial to ``benchmarks/recorded``.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from material import SearchSetup, search_setup, speech

from serbench.execute.executor import InThisProcess
from serbench.execute.fold import run_fold
from serbench.execute.job import LossReference, Outcome
from serbench.model.compute import ComputeSettings
from serbench.model.environment import Environment
from serbench.model.machine import Machine
from serbench.model.recipe import Configuration
from serbench.model.training import EpochReport, Validation
from serbench.plugins import Plugins
from serbench.score.confusion import confusion_of
from serbench.search.events import FoldScored
from serbench.search.study import run_study

FOLDER = Path(__file__).parent / "recorded"

OnEpoch = Callable[[int, int | str, EpochReport], None]


@dataclass(frozen=True)
class Training:
    """One fold of a recorded trial.

    Attributes:
        outcome: its outcome; the logits are 1 for the predicted emotion and 0 elsewhere, and the
            rows refer to the targets of the recording.
        reports: reports of its epochs.
        clips: number of training clips in each epoch.
    """

    outcome: Outcome
    reports: Sequence[EpochReport]
    clips: int

    def pruned_in(self, reference: LossReference) -> int | None:
        """The epoch in which it would be pruned, or None."""
        epochs = range(1, len(self.reports) + 1)
        return next((epoch for epoch in epochs if reference.is_behind(self.reports[:epoch])), None)


@dataclass(frozen=True)
class Recording:
    """A recorded search or recorded repeats.

    Attributes:
        data: description of the clips.
        targets: emotion codes of the test clips of all folds, ``[N]``.
        trials: folds of each trial.
    """

    data: str
    targets: npt.NDArray[np.int64]
    trials: Sequence[Sequence[Training]]


NOT_RECORDED = Environment(Machine("not recorded", 0, ""), "cpu", {})


def recordings(kind: str, folder: Path = FOLDER) -> list[Recording]:
    """All recordings of a kind, ``search`` or ``repeats``."""
    return [_read(json.loads(path.read_text())) for path in sorted(folder.glob(f"{kind}-*.json"))]


def _read(found: dict[str, Any]) -> Recording:
    codes = [_codes(fold["targets"]) for fold in found["folds"]]
    starts = np.cumsum([0, *map(len, codes)])
    trials: dict[int, list[Training]] = defaultdict(list)
    for each in found["trainings"]:
        number, trial = each["fold"], each["trial"]
        targets = codes[number]
        logits = np.eye(targets.max() + 1, dtype=np.float32)[_codes(each["predicted"])]
        losses, errors = each["losses"], each["errors"]
        outcome = Outcome(
            trial=trial,
            fold=number,
            rows=starts[number] + np.arange(len(targets)),
            logits=logits,
            confusion=confusion_of(logits, targets),
            epochs=len(losses),
            best_epoch=1 + int(np.argmin(losses)),
            seconds=1.0,
            seed=0,
            weights="none",
            environment=NOT_RECORDED,
            losses=tuple(losses),
        )
        reports = [
            EpochReport(epoch, len(losses), 0.0, Validation(loss, error, 0.0))
            for epoch, (loss, error) in enumerate(zip(losses, errors, strict=True), 1)
        ]
        trials[trial].append(Training(outcome, reports, found["folds"][number]["train"]))
    return Recording(found["data"], np.concatenate(codes), [trials[key] for key in sorted(trials)])


def write(
    path: Path,
    data: str,
    work: SearchSetup,
    outcomes: Sequence[Outcome],
    reports: dict[tuple[int, int | str], list[EpochReport]],
) -> None:
    """Write a recording with one training per line."""
    targets, folds = work.search.manifest.targets, work.search.split.folds
    tests = [{"train": len(fold.train), "targets": _text(targets[fold.test])} for fold in folds]
    trainings = [
        {
            "trial": outcome.trial,
            "fold": outcome.fold,
            "predicted": _text(outcome.logits.argmax(axis=1)),
            "losses": [round(each.loss, 4) for each in validated],
            "errors": [round(each.error, 4) for each in validated],
        }
        for outcome in outcomes
        for of_fold in [reports[outcome.trial, outcome.fold]]
        for validated in [[each.validation for each in of_fold if each.validation is not None]]
    ]
    lines = ",\n".join(json.dumps(each) for each in trainings)
    head = f'"data": {json.dumps(data)},\n"folds": {json.dumps(tests)}'
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(f'{{{head},\n"trainings": [\n{lines}\n]}}\n')


def _codes(text: str) -> npt.NDArray[np.int64]:
    """Emotion codes of one digit each."""
    return np.array([int(code) for code in text])


def _text(codes: npt.NDArray[np.int64]) -> str:
    return "".join(map(str, codes))


def main(arguments: Sequence[str] | None = None) -> None:
    """Record a search or repeated trainings."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kind", choices=("search", "repeats"))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--trials", type=int, default=16)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--clips", type=int, default=704, help="number of clips of all speakers")
    parser.add_argument("--to", type=Path, default=FOLDER, metavar="FOLDER")
    options = parser.parse_args(arguments)
    plugins = Plugins()
    data, manifest = speech(plugins, options.clips)
    reports: dict[tuple[int, int | str], list[EpochReport]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder:
        work = search_setup(
            plugins,
            manifest,
            Path(folder),
            trials=options.trials,
            epochs=options.epochs,
            seed=options.seed,
            exhaustive=True,
        ).with_compute(ComputeSettings(1))
        record = _searched if options.kind == "search" else _repeated
        outcomes = record(work, lambda trial, fold, report: reports[trial, fold].append(report))
        name = f"{options.kind}-{len(manifest)}-clips-{options.epochs}-epochs-{options.seed}.json"
        write(options.to / name, data, work, outcomes, reports)


def _searched(work: SearchSetup, on_epoch: OnEpoch) -> list[Outcome]:
    """All folds of an exhaustive search."""
    executor = InThisProcess(work.plugins)
    executor.share(work.material)
    events = run_study(work.search, [], {}, executor, on_epoch)
    scored = [event.outcome for event in events if isinstance(event, FoldScored)]
    return [outcome for outcome in scored if outcome.seconds > 0]


def _repeated(work: SearchSetup, on_epoch: OnEpoch) -> list[Outcome]:
    """All folds of the initial configuration, with the seeds that a study's trials have."""
    executor = InThisProcess(work.plugins)
    executor.share(work.material)
    initial = Configuration.from_parameters(work.search.space.initial())
    outcomes = []
    for trial in range(work.search.plan.trials):
        for number in range(len(work.search.split.folds)):
            job = work.search.job(trial, initial, number)
            send = _sender(on_epoch, trial, number)
            future = executor.submit(run_fold, job, send)
            executor.wait([future])
            outcomes.append(replace(future.result(), state={}))
    return outcomes


def _sender(on_epoch: OnEpoch, trial: int, fold: int) -> Callable[[Any], None]:
    return lambda report: on_epoch(trial, fold, report)


if __name__ == "__main__":
    main()
