"""Progress of a running study as bars on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from serbench.cli.progress import PlainListener
from serbench.cli.remarks import errors
from serbench.errors import DivergedError
from serbench.execute.job import Outcome
from serbench.model.recipe import Parameter
from serbench.model.training import EpochReport
from serbench.plugins import Plugins
from serbench.run.listener import Listener
from serbench.search.events import Known, Repetition, TrialEnded
from serbench.search.plan import StudyPlan
from serbench.search.study import Search


class BarListener(PlainListener):
    """Bars for trials, folds and epochs, with the best so far and the time left."""

    def __init__(
        self, plan: StudyPlan, plugins: Plugins, reasons: Sequence[str], progress: Progress
    ) -> None:
        super().__init__(plan, plugins, reasons, progress.console)
        self.progress = progress
        self.clips = self._bar("clips", visible=False)
        self.features = self._bar("features", visible=False)
        self.trials = self._bar("trials", total=plan.trials, visible=False)
        self.trainings = self._bar("trainings", visible=False)
        self.epochs = self._bar("epochs", total=plan.epochs, visible=False)
        self.first: int | None = None
        self.ended = 0
        self.scored: dict[int, int] = {}

    def _bar(self, name: str, total: float | None = None, visible: bool = True) -> TaskID:
        return self.progress.add_task(name, total=total, visible=visible, note="")

    def preparing(self, done: int, total: int) -> None:
        """Move the bar of the clips."""
        self.progress.update(self.clips, completed=done, total=total, visible=done < total)

    def computing(self, done: int, total: int) -> None:
        """Move the bar of the features."""
        self.progress.update(self.features, completed=done, total=total, visible=done < total)

    def begun(self, search: Search, known: Known) -> None:
        """Show the bars."""
        super().begun(search, known)
        self.first, self.ended, self.scored = None, 0, {}
        total = self.plan.trials * self.folds + 1
        self.progress.update(
            self.trials, total=self.plan.trials, completed=0, visible=True, note=""
        )
        self.progress.update(self.trainings, completed=0, total=total, visible=True)
        self.progress.update(self.epochs, visible=self.plan.epochs > 0)

    def trial_started(self, trial: int, parameters: Mapping[str, Parameter]) -> None:
        """Continue the bars where an earlier run stopped."""
        self.first = trial if self.first is None else self.first
        self.scored[trial] = 0
        self._move()

    def _move(self) -> None:
        """Move the bars of trials and trainings; finished folds of running trials count."""
        trials = (self.first or 0) + self.ended
        trainings = trials * self.folds + sum(self.scored.values())
        self.progress.update(self.trials, completed=trials)
        self.progress.update(self.trainings, completed=trainings)

    def epoch(self, trial: int, fold: int | str, report: EpochReport) -> None:
        """Move the bar of the epochs."""
        note = f"trial {trial + 1} fold {fold if isinstance(fold, str) else fold + 1} · "
        if report.validation is not None:
            note += f"validation UA {100 * report.validation.uar:.1f}"
        self.progress.update(self.epochs, completed=report.epoch, note=note)

    def fold_scored(self, outcome: Outcome) -> None:
        """Move the bar of the trainings."""
        self.scored[outcome.trial] += 1
        self._move()
        super().fold_scored(outcome)

    def trial_ended(self, ended: TrialEnded) -> None:
        """Move the bars, past the folds of a pruned trial that were not run."""
        super().trial_ended(ended)
        self.ended += 1
        del self.scored[ended.trial]
        self._move()
        note = "" if self.best is None else f"best UA {100 * self.best:.1f}"
        self.progress.update(self.trials, note=note)

    def repeating(self, entry: int, trainings: int, seeds: int) -> None:
        """Count the repeated trainings on the bar of the trainings."""
        super().repeating(entry, trainings, seeds)
        self.progress.update(self.trials, visible=False)
        self.progress.update(self.trainings, completed=0, total=trainings, visible=True)
        self.progress.update(self.epochs, visible=self.plan.epochs > 0)

    def repeated(self, repetition: Repetition, result: Outcome | DivergedError) -> None:
        """Move the bar of the trainings."""
        self.progress.advance(self.trainings)
        super().repeated(repetition, result)


@contextmanager
def study_listener(plan: StudyPlan, plugins: Plugins, reasons: Sequence[str]) -> Iterator[Listener]:
    """Bars on a terminal, plain lines elsewhere; both on standard error.

    Args:
        plan: of the study.
        plugins: with everything that the plan names.
        reasons: sentences with the reasons for parts of the plan, shown at the beginning.
    """
    console = errors()
    if not console.is_terminal:
        yield PlainListener(plan, plugins, reasons, console)
        return
    columns = (
        TextColumn("{task.description:>9}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield BarListener(plan, plugins, reasons, progress)
