"""Progress of a running study as a line for each fold and trial."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

import numpy as np
from rich.console import Console

from serbench.cli.output import counted
from serbench.data.protocols import HOLDOUT
from serbench.errors import DivergedError
from serbench.execute.job import Outcome
from serbench.model.compute import ComputeSettings
from serbench.model.readout import readouts_text
from serbench.plugins import Plugins
from serbench.run.listener import Listener
from serbench.search.events import Known, Repetition, TrialEnded
from serbench.search.plan import StudyPlan
from serbench.search.study import Search

OPTION_NAMES = {
    "dataset_hash": "recordings (hash)",
    "seconds": "clip length in seconds",
}
"""Names for options of a plan whose own names are not readable."""


def _plain(value: object) -> str:
    """An option's value as text."""
    if isinstance(value, list):
        is_interval = len(value) == 2 and not any(isinstance(each, str) for each in value)
        return ("–" if is_interval else ", ").join(map(str, value)) or "none"
    return "the default" if value is None else str(value)


def _changed(name: str, there: Any, here: Any) -> str:
    """The values of an option in this and in another study."""
    before, now = _plain(there), _plain(here)
    named = OPTION_NAMES.get(name, name)
    if name == "readouts":
        short = readouts_text(there), readouts_text(here)
        before, now = short if len(set(short)) == 2 else (before, now)
        named = "read-out" if len(here) == 1 else "searched:"
    return f"{named} {now} instead of {before}"


class PlainListener(Listener):
    """A line for each fold and trial: for logs, pipes and terminals that cannot draw."""

    def __init__(
        self, plan: StudyPlan, plugins: Plugins, reasons: Sequence[str], console: Console
    ) -> None:
        self.plan = plan
        self.reasons = reasons
        self.plugins = plugins
        self.console = console
        self.folds = 0
        self.best: float | None = None
        self.tested: int | None = None

    def line(self, text: str) -> None:
        """Print one line."""
        self.console.print(text, highlight=False, markup=False)

    def screening(self, plan: StudyPlan) -> None:
        """Print that latency is measured."""
        self.line(f"{plan.backbone}: measuring its latency")

    def spent(self, trials: int) -> None:
        """Print that there are more trials than requested."""
        if trials > self.plan.trials:
            self.line(
                f"this study has {counted(trials, 'trial')} already, more than --trials "
                f"{self.plan.trials}: no trial was run, and its entry comes from all its trials"
            )

    def differs(self, study: int, options: Mapping[str, tuple[Any, Any]]) -> None:
        """Print the options that distinguish this study from the nearest earlier one."""
        named = ", ".join(_changed(name, there, here) for name, (there, here) in options.items())
        self.line(
            f"this is a new study; it differs from study {study}, the most similar one, in: {named}"
        )

    def time_is_up(self, trials: int) -> None:
        """Print that the search ended before all trials were tried."""
        self.line(
            f"the time limit was reached after {trials} of {counted(self.plan.trials, 'trial')}"
        )

    def restoring(self, trial: int, fold: int) -> None:
        """Print why a fold of the winner is trained again."""
        self.line(
            f"trial {trial + 1} fold {fold + 1}: training again, since the network was deleted "
            "while another trial was the best"
        )

    def preparing(self, done: int, total: int) -> None:
        """Print that the clips are ready."""
        if done == total:
            self.line(f"{total:,} clips prepared")

    def computing(self, done: int, total: int) -> None:
        """Print that the features are ready."""
        if done == total:
            self.line(f"features of {total:,} clips computed")

    def speed_tuning(self, plan: StudyPlan) -> None:
        """Print that speed tuning runs."""
        self.line(
            f"{plan.backbone}: speed tuning, which tries compute settings on this machine for some "
            "seconds"
        )

    def settled(self, compute: ComputeSettings) -> None:
        """Print the compute settings."""
        parallel = "" if compute.parallel == 1 else f", {compute.parallel} trainings at once"
        prefetch = ", batches prepared ahead" if compute.prefetch else ""
        self.line(f"compute settings: {compute.text}{parallel}{prefetch}")

    def begun(self, search: Search, known: Known) -> None:
        """Print the plan of the search, and notes that affect how its result is read."""
        plan, self.folds, self.best = search.plan, len(search.split.folds), None
        for reason in self.reasons:
            self.line(reason)
        self.reasons = ()  # the same in all outer folds
        self.plan = plan
        self.has_holdout = len(search.split.holdout.test) > 0
        self.tested = next((trial for trial, fold in known if fold == HOLDOUT), None)
        outer = f", outer fold {plan.outer_fold + 1} of {search.outer_folds}"
        self.line(
            f"{plan.backbone} · {plan.front_end} · {plan.schedule or plan.head} · {plan.protocol} "
            f"on {plan.dataset}{outer if search.outer_folds > 1 else ''}: "
            f"{counted(plan.trials, 'trial')} × {self.folds} folds, "
            f"{len(search.split.holdout.train):,} clips in the search, {_tests(search)}"
        )
        if not search.protocol.speaker_disjoint:
            self.line(
                f"note: {plan.protocol} is speaker-dependent: the tested speakers are also in the "
                "training clips"
            )
        tested = np.unique(search.manifest.speakers[search.split.holdout.test])
        if len(tested) == 1:
            self.line(
                f"note: the holdout has only one speaker ({tested[0]}), so its score has no "
                "confidence interval and does not show how other speakers are recognised; another "
                "--protocol tests more speakers"
            )
        front_end = self.plugins.front_ends.get(plan.front_end)
        wanted = self.plugins.backbones.get(plan.backbone).input_spec()
        for note in front_end.build(plan.clip_format, wanted).notes:
            self.line(f"note: {note}")
        if known:
            self.line(
                f"continuing: {counted(len(known), 'training')} of an earlier run "
                f"{'is' if len(known) == 1 else 'are'} reused"
            )
            uars: dict[int, list[float]] = {}
            for (trial, fold), outcome in known.items():
                if fold != HOLDOUT:
                    uars.setdefault(trial, []).append(outcome.uar)
            whole = [fmean(each) for each in uars.values() if len(each) == self.folds]
            self.best = max(whole, default=None)

    def fold_scored(self, outcome: Outcome) -> None:
        """Print the score of a fold."""
        pruned = ", pruned" if outcome.pruned else ""
        after = f"after {counted(outcome.epochs, 'epoch')}" if outcome.epochs else "fitted"
        self.line(
            f"trial {outcome.trial + 1}/{self.plan.trials} fold {int(outcome.fold) + 1}/"
            f"{self.folds}: UA {100 * outcome.uar:.1f} "
            f"{after} ({outcome.seconds:.0f} s){pruned}"
        )

    def trial_ended(self, ended: TrialEnded) -> None:
        """Print the score of a trial, and the best so far."""
        if ended.mean_uar is None:
            outcome = f"failed after {counted(len(ended.uars), 'fold')}: {ended.failure}"
        elif ended.pruned:
            outcome = f"pruned after {counted(len(ended.uars), 'fold')}"
        else:
            outcome = f"mean UA {100 * ended.mean_uar:.1f}"
            self.best = max(ended.mean_uar, self.best or 0.0)
        if ended.repeats is not None:
            outcome += f", copied from trial {ended.repeats + 1}, which has the same configuration"
        best = "" if self.best is None else f", best so far {100 * self.best:.1f}"
        self.line(f"trial {ended.trial + 1}/{self.plan.trials}: {outcome}{best}")

    def last_training_started(self, trial: int) -> None:
        """Print which trial is the best, and what is done with it."""
        before = ""
        if self.tested is not None:
            before = (
                f"; trial {self.tested + 1} was tested on it before, so its entry is replaced and "
                "both tests are counted"
            )
        self.line(
            f"trial {trial + 1} is the best: training it on all clips of the search"
            + (f", then testing it once on the holdout{before}" if self.has_holdout else "")
        )

    def last_training_lost(self) -> None:
        """Print why the winner is tested again."""
        self.line(
            "the weights file of the winner is missing or differs from the recorded one: its last "
            "training is repeated"
        )

    def repeating(self, entry: int, trainings: int, seeds: int) -> None:
        """Print how many trainings are repeated."""
        self.line(
            f"entry {entry}: {counted(trainings, 'training')} of the winner with other seeds, "
            f"{seeds} seeds in all"
        )

    def repeated(self, repetition: Repetition, result: Outcome | DivergedError) -> None:
        """Print the score of a repeated training."""
        fold = repetition.fold
        place = fold if isinstance(fold, str) else f"fold {fold + 1}"
        if repetition.outer_fold:
            place = f"outer fold {repetition.outer_fold + 1} {place}"
        if isinstance(result, DivergedError):
            outcome = f"failed: {result}"
        else:
            outcome = f"UA {100 * result.uar:.1f} ({result.seconds:.0f} s)"
        self.line(f"seed {repetition.number} {place}: {outcome}")

    def measuring(self, entry: int, threads: int) -> None:
        """Print that latency is measured."""
        self.line(f"entry {entry}: measuring latency, {counted(threads, 'thread')}")


def _tests(search: Search) -> str:
    """Which clips test the winner."""
    if len(search.split.holdout.test):
        return f"{len(search.split.holdout.test):,} clips in the holdout"
    return "each tested in one fold; the score is corrected for the selection of the winner"
