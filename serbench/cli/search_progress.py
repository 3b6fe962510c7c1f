"""Progress of a search: what is tried, the best so far, the time left."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.progress import BarColumn, Progress, TextColumn

from serbench.cli.output import counted, percent
from serbench.cli.remarks import errors
from serbench.execute.job import Outcome
from serbench.run.watch import SearchListener
from serbench.search.events import Known, TrialEnded
from serbench.search.plan import StudyPlan
from serbench.search.study import Search

if TYPE_CHECKING:
    from rich.console import Console


def left_text(seconds: float) -> str:
    """The time left in minutes, or in seconds where it is short."""
    if seconds <= 0:
        return "no time left"
    return f"{seconds:.0f} s left" if seconds < 120 else f"{seconds / 60:.0f} min left"


class LineListener(SearchListener):
    """A line for each trial and each step: for logs, pipes and terminals that cannot draw."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.backbone, self.last, self.has_holdout = "", 0, False

    def line(self, text: str) -> None:
        """Print one line."""
        self.console.print(text, highlight=False, markup=False)

    def screening(self, plan: StudyPlan) -> None:
        """Print that latency is measured."""
        self.line(f"{plan.backbone}: measuring its latency")

    def left_out(self, backbone: str, reason: str) -> None:
        """Print why a candidate is not tried, or not continued."""
        self.line(f"{backbone} is left out: {reason}")

    def trying(self, backbone: str, first: int, last: int, left: float) -> None:
        """Print which trials begin, and the time left."""
        self.backbone, self.last = backbone, last
        trials = f"trial {last}" if first == last else f"trials {first} to {last}"
        self.line(f"{backbone}: {trials}, {left_text(left)}")

    def preparing(self, done: int, total: int) -> None:
        """Print that the clips are ready."""
        if done == total:
            self.line(f"{total:,} clips prepared")

    def computing(self, done: int, total: int) -> None:
        """Print that the features are ready."""
        if done == total:
            self.line(f"{self.backbone}: features of {total:,} clips computed")

    def speed_tuning(self, plan: StudyPlan) -> None:
        """Print that compute settings are tried."""
        self.line(f"{plan.backbone}: speed tuning, which takes some seconds")

    def begun(self, search: Search, known: Known) -> None:
        """Find out whether winners are tested on a holdout."""
        self.has_holdout = len(search.split.holdout.test) > 0

    def trial_ended(self, ended: TrialEnded) -> None:
        """Print the score of a trial."""
        outcome = f"UA {percent(ended.mean_uar)}"
        if ended.mean_uar is None:
            outcome = f"failed: {ended.failure}"
        elif ended.pruned:
            outcome = f"pruned after {counted(len(ended.uars), 'fold')}"
        self.line(f"{self.backbone}: trial {ended.trial + 1} of {self.last}, {outcome}")

    def interrupted(self, backbone: str) -> None:
        """Print that a trial was stopped."""
        self.line(f"{backbone}: stopped within a trial, since its time is over")

    def standing(self, backbone: str, uar: float, left: float) -> None:
        """Print the best candidate so far, and the time left."""
        self.line(f"best so far: {backbone}, UA {percent(uar)}; {left_text(left)}")

    def ranking(self, backbone: str, left: float) -> None:
        """Print which candidate becomes an entry, and the time left."""
        self.backbone = backbone
        self.line(f"{backbone}: last training and latency, {left_text(left)}")

    def last_training_started(self, trial: int) -> None:
        """Print that a winner is trained on all clips, and tested on the holdout."""
        tested = ", then testing it once on the holdout" if self.has_holdout else ""
        self.line(
            f"{self.backbone}: trial {trial + 1} is its best, training it on all clips of the "
            f"search{tested}"
        )

    def measuring(self, entry: int, threads: int) -> None:
        """Print that latency is measured."""
        self.line(f"entry {entry}: measuring latency, {counted(threads, 'thread')}")


class BarListener(LineListener):
    """The same lines above a bar of the time, with what is tried and the best so far."""

    def __init__(self, progress: Progress, seconds: float) -> None:
        super().__init__(progress.console)
        self.progress, self.seconds = progress, seconds
        self.bar = progress.add_task("", total=seconds, what="", best="", left="")
        self.done = 0

    def trying(self, backbone: str, first: int, last: int, left: float) -> None:
        """Show which trials begin."""
        super().trying(backbone, first, last, left)
        self.done = 0
        self._show(first, left)

    def _show(self, trial: int, left: float) -> None:
        self.progress.update(
            self.bar,
            completed=self.seconds - left,
            what=f"{self.backbone} {trial}/{self.last}",
            left=left_text(left),
        )

    def ranking(self, backbone: str, left: float) -> None:
        """Show which candidate becomes an entry."""
        super().ranking(backbone, left)
        what = f"{backbone} last training"
        self.progress.update(
            self.bar, completed=self.seconds - left, what=what, left=left_text(left)
        )

    def fold_scored(self, outcome: Outcome) -> None:
        """Show the trial and the fold."""
        what = f"{self.backbone} {outcome.trial + 1}/{self.last} fold {int(outcome.fold) + 1}"
        self.progress.update(self.bar, what=what)

    def standing(self, backbone: str, uar: float, left: float) -> None:
        """Show the best candidate so far."""
        self.progress.update(
            self.bar,
            completed=self.seconds - left,
            best=f"best {backbone} {percent(uar)}",
            left=left_text(left),
        )


@contextmanager
def search_listener(seconds: float) -> Iterator[SearchListener]:
    """A bar on a terminal, plain lines elsewhere; both on standard error.

    Args:
        seconds: the time of the whole search.
    """
    console = errors()
    if not console.is_terminal:
        yield LineListener(console)
        return
    columns = (
        TextColumn("{task.fields[what]}"),
        BarColumn(bar_width=12),
        TextColumn("{task.fields[left]}"),
        TextColumn("{task.fields[best]}"),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield BarListener(progress, seconds)
