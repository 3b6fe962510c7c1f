"""What a running study says: bars on a terminal, a line for each fold elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from serbench.cli.output import counted, errors
from serbench.data.protocols import HOLDOUT
from serbench.execute.fold import Bench, FoldOutcome
from serbench.model.training import EpochReport
from serbench.run.speed_tuning import Way
from serbench.run.study import Listener
from serbench.search.events import Known, TrialEnded
from serbench.search.plan import StudyPlan


class PlainListener(Listener):
    """A line for each fold and trial: for logs, pipes and terminals that cannot draw."""

    def __init__(self, plan: StudyPlan, console: Console) -> None:
        self.plan = plan
        self.console = console
        self.folds = 0
        self.best: float | None = None

    def say(self, text: str) -> None:
        """Print one line."""
        self.console.print(text, highlight=False, markup=False)

    def preparing(self, done: int, total: int) -> None:
        """Say when the clips are ready."""
        if done == total:
            self.say(f"{total:,} clips prepared")

    def calibrating(self, plan: StudyPlan) -> None:
        """Say why nothing is trained yet."""
        self.say(f"{plan.backbone}: trying for some seconds how this machine trains it fastest")

    def settled(self, way: Way) -> None:
        """Say how it is trained."""
        at_once = "" if way.jobs == 1 else f", {way.jobs} trainings at once"
        ahead = ", batches prepared ahead" if way.prefetch else ""
        self.say(f"training with {way.compute_settings.text}{at_once}{ahead}")

    def begun(self, bench: Bench, known: Known) -> None:
        """Say what is about to happen, and what a reader of the result must know."""
        self.folds = len(bench.split.folds)
        self.best = None
        plan = bench.plan
        which = (
            ""
            if bench.outer_folds == 1
            else f", outer fold {plan.outer_fold + 1} of {bench.outer_folds}"
        )
        self.say(
            f"{plan.backbone} · {plan.front_end} · {plan.schedule} · {plan.protocol} "
            f"on {plan.dataset}{which}: {counted(plan.trials, 'trial')} × {self.folds} folds, "
            f"{len(bench.split.holdout.train):,} clips to search with, "
            f"{len(bench.split.holdout.test):,} for the holdout"
        )
        if not bench.protocol.speaker_disjoint:
            self.say(f"note: {plan.protocol} is speaker-dependent: people tested were heard before")
        module = bench.front_end.build(bench.clips.format, bench.backbone.input_spec())
        for note in module.notes:
            self.say(f"note: {note}")
        if known:
            self.say(f"going on: trainings of an earlier run that are kept: {len(known)}")
            uars: dict[int, list[float]] = {}
            for (trial, fold), outcome in known.items():
                if fold != HOLDOUT:
                    uars.setdefault(trial, []).append(outcome.scores.uar)
            whole = [sum(each) / self.folds for each in uars.values() if len(each) == self.folds]
            self.best = max(whole, default=None)

    def fold_scored(self, outcome: FoldOutcome) -> None:
        """Say what a fold scored."""
        pruned = ", pruned" if outcome.pruned else ""
        self.say(
            f"trial {outcome.trial + 1}/{self.plan.trials} fold {int(outcome.fold) + 1}/"
            f"{self.folds}: UA {100 * outcome.scores.uar:.1f} "
            f"after {counted(outcome.epochs, 'epoch')} ({outcome.seconds:.0f} s){pruned}"
        )

    def trial_ended(self, ended: TrialEnded) -> None:
        """Say what a trial came to, and the best so far."""
        if not ended.pruned:
            self.best = max(ended.mean_uar, self.best or 0.0)
        outcome = f"mean UA {100 * ended.mean_uar:.1f}"
        if ended.pruned:
            outcome = f"pruned after {counted(len(ended.uars), 'fold')}"
        if ended.repeats is not None:
            outcome += f" like trial {ended.repeats + 1}, whose configuration it is"
        best = "" if self.best is None else f", best so far {100 * self.best:.1f}"
        self.say(f"trial {ended.trial + 1}/{self.plan.trials}: {outcome}{best}")

    def holdout_started(self, trial: int) -> None:
        """Say who won, and what happens now."""
        self.say(f"trial {trial + 1} won: refitting it on all dev clips for its one holdout")

    def measuring(self, entry: int, threads: int) -> None:
        """Say that latency is measured."""
        self.say(f"entry {entry}: measuring latency, {counted(threads, 'thread')}")


class BarListener(PlainListener):
    """Bars for trials, folds and epochs, with the best so far and the time left."""

    def __init__(self, plan: StudyPlan, progress: Progress) -> None:
        super().__init__(plan, progress.console)
        self.progress = progress
        self.clips = self._bar("clips", visible=False)
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

    def begun(self, bench: Bench, known: Known) -> None:
        """Show the bars."""
        super().begun(bench, known)
        self.first, self.ended, self.scored = None, 0, {}
        total = self.plan.trials * self.folds + 1
        self.progress.update(self.trials, completed=0, visible=True, note="")
        self.progress.update(self.trainings, completed=0, total=total, visible=True)
        self.progress.update(self.epochs, visible=True)

    def trial_started(self, trial: int, parameters: Mapping[str, float]) -> None:
        """Begin where an earlier run stopped."""
        self.first = trial if self.first is None else self.first
        self.scored[trial] = 0
        self._move()

    def _move(self) -> None:
        """Move the bars of trials and trainings, of those under way the folds that are done."""
        trials = (self.first or 0) + self.ended
        trainings = trials * self.folds + sum(self.scored.values())
        self.progress.update(self.trials, completed=trials)
        self.progress.update(self.trainings, completed=trainings)

    def epoch(self, trial: int, fold: int | str, report: EpochReport) -> None:
        """Move the bar of the epochs."""
        note = f"trial {trial + 1} fold {fold if isinstance(fold, str) else fold + 1} · "
        note += f"validation UA {100 * report.validation_uar:.1f}"
        self.progress.update(self.epochs, completed=report.epoch, note=note)

    def fold_scored(self, outcome: FoldOutcome) -> None:
        """Move the bar of the trainings."""
        self.scored[outcome.trial] += 1
        self._move()
        super().fold_scored(outcome)

    def trial_ended(self, ended: TrialEnded) -> None:
        """Move the bars, past folds that were not worth running."""
        super().trial_ended(ended)
        self.ended += 1
        del self.scored[ended.trial]
        self._move()
        note = "" if self.best is None else f"best UA {100 * self.best:.1f}"
        self.progress.update(self.trials, note=note)


@contextmanager
def study_listener(plan: StudyPlan) -> Iterator[Listener]:
    """Bars on a terminal, plain lines elsewhere; both on standard error."""
    console = errors()
    if not console.is_terminal:
        yield PlainListener(plan, console)
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
        yield BarListener(plan, progress)
