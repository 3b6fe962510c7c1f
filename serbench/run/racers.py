"""What is recorded of the candidates of a search, from which its next step is chosen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import takewhile

import numpy as np

from serbench.data.manifest import Manifest
from serbench.data.protocols import OuterFold
from serbench.execute.job import Outcome
from serbench.plugins import Plugins
from serbench.run.completion import is_complete
from serbench.score.confusion import tally
from serbench.search.events import COMPLETE, TrialRecord
from serbench.search.plan import StudyPlan
from serbench.search.racing import Racer, Result
from serbench.store.candidates import CandidateRecords
from serbench.store.database import Database
from serbench.store.ledger import Ledger
from serbench.store.studies import standings
from serbench.store.systems import Systems

RANKING = 60.0
"""Seconds for measuring latency, in two new processes; with 30 one candidate was not ranked."""

LAST_TRAINING = 1.5
"""The last training takes longer than that on a fold, since it has all clips."""


@dataclass(frozen=True)
class Recorded:
    """The candidates of a database.

    Attributes:
        plugins: plugins with the names of all plans.
        database: the database.
        ledger: its studies.
        manifest: the dataset of all plans.
        split: how their protocol splits it.
    """

    plugins: Plugins
    database: Database
    ledger: Ledger
    manifest: Manifest
    split: OuterFold

    def racer(self, plan: StudyPlan) -> Racer:
        """A candidate with its results, what they took, and an estimate of what comes next.

        The rest of a first trial that was stopped takes as long as the longest of its folds for
        each that is missing. If there is none, each takes at least the time spent; but a head that
        is fitted takes seconds, so that it was spent on features, which are computed once.
        """
        folds: dict[int, list[Outcome]] = {}
        for (trial, fold), outcome in self.ledger.outcomes(plan).items():
            if isinstance(fold, int):
                folds.setdefault(trial, []).append(outcome)
        ended = list(takewhile(lambda trial: trial.finished, self.ledger.history(plan)))
        complete = [trial for trial in ended if trial.state == COMPLETE]
        longest = max((each.seconds for some in folds.values() for each in some), default=0.0)
        missing = len(self.split.folds) - len(folds.get(0, ()))
        spent = CandidateRecords(self.database).seconds(plan)
        entry, has_all_trials = self.entry(plan)
        measured = entry is not None and is_complete(
            entry, plan, self.plugins, Systems(self.database)
        )
        return Racer(
            plan.backbone,
            tuple(self._result(trial, folds) for trial in ended),
            spent,
            max(
                (sum(fold.seconds for fold in folds[trial.number]) for trial in complete),
                default=missing * longest or spent * (1 if plan.is_fitted else missing),
            ),
            RANKING + LAST_TRAINING * longest,
            entry,
            has_all_trials and measured,
        )

    def _result(self, trial: TrialRecord, folds: Mapping[int, Sequence[Outcome]]) -> Result:
        """What an ended trial is compared by."""
        if trial.state != COMPLETE:
            return Result(None)
        ordered = sorted(folds[trial.number], key=lambda each: int(each.fold))
        rows = np.concatenate([fold.rows for fold in ordered])
        logits = np.concatenate([fold.logits for fold in ordered])
        targets, speakers = self.manifest.targets[rows], self.manifest.speakers[rows]
        return Result(trial.mean_uar, tally(logits, targets, speakers))

    def entry(self, plan: StudyPlan) -> tuple[int | None, bool]:
        """The entry of a candidate, and whether it has had no further trials since it was made."""
        found = standings(self.database, plan)
        return (found[0].entry if found else None), all(each.finished for each in found)
