"""The scores of ranked systems, computed from their stored logits."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

import numpy as np
import numpy.typing as npt
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from serbench.data.manifest import Manifest
from serbench.data.protocols import HOLDOUT, shown_fold
from serbench.score.confusion import Tally, tally, uar_of
from serbench.score.metric import CORRECTED, CROSS_VALIDATION, POOLED_FOLDS, Metric, Score
from serbench.score.scoring import Tested, score_folds, score_holdout, score_pooled
from serbench.score.selection import Draws
from serbench.store.predictions import (
    EAGER,
    Predictions,
    fold_predictions,
    joined,
    read_prediction,
    runtime_of,
    scored_predictions,
    trial_predictions,
    winners,
)
from serbench.store.schema import (
    PredictionRow,
    ScoreRow,
    StudyRow,
    SystemRow,
    TallyRow,
    TrainingRow,
    TrialRow,
)

SCORE_FIELDS = Score._fields


def score_system(
    session: Session,
    manifest: Manifest,
    system: SystemRow,
    metrics: Sequence[Metric],
    runtime: str | None = None,
) -> None:
    """Compute a system's scores and tallies from its stored logits, and store them.

    In another runtime than that of its training, a winner competes with the same trials.

    A winner that was selected by the clips of its score has the tallies of other trials, too: of
    those that are selected on a draw of speakers.

    Earlier scores of the same logits are replaced. Scores in other runtimes are computed again, or
    deleted where the networks that are tested now have no logits there. It uses the session that
    wrote the logits, because other connections do not see them before the commit.
    """
    if runtime is None:
        for other in {row.runtime for row in system.scores} - {runtime_of(system)}:
            _score_again(session, manifest, system, metrics, other)
    runtime = runtime or runtime_of(system)
    evidence = system.protocol.evidence
    answers = joined(scored_predictions(session, system, runtime))
    by_outer = fold_predictions(session, system, runtime)
    folds = [each for outer in by_outer for each in outer.values()]
    tested = _tested(manifest, answers)
    rivals: list[Tally] = []
    if evidence == CORRECTED and system.imported is None:
        scores, rivals = _corrected(session, manifest, system, metrics, tested)
        found = {evidence: scores}
    else:
        found = {evidence: score_holdout(metrics, *tested)}
    if folds:
        parts = [_tested(manifest, fold) for fold in folds]
        found[CROSS_VALIDATION] = score_folds(metrics, parts)
        found[POOLED_FOLDS] = score_pooled(metrics, parts)
    identity = {"runtime": runtime, "protocol_id": system.protocol_id}
    for table in (ScoreRow, TallyRow):
        session.execute(delete(table).filter_by(system_id=system.id, **identity))
    session.add_all(
        ScoreRow(
            system_id=system.id,
            **identity,
            metric=metric,
            evidence=kind,
            **{name: getattr(score, name) for name in SCORE_FIELDS},
        )
        for kind, by_metric in found.items()
        for metric, score in by_metric.items()
    )
    session.add_all(
        TallyRow(system_id=system.id, **identity, place=place, counts=counted.to_bytes())
        for place, counted in enumerate([tally(*tested), *rivals])
    )
    session.flush()
    session.expire(system, ["scores", "tallies"])


def _score_again(
    session: Session,
    manifest: Manifest,
    system: SystemRow,
    metrics: Sequence[Metric],
    runtime: str,
) -> None:
    """Compute the scores in another runtime, or delete them where their logits are missing."""
    own, there = (
        [rows for part in scored_predictions(session, system, name) for rows in part.rows]
        for name in (None, runtime)
    )
    if own == there:
        score_system(session, manifest, system, metrics, runtime)
        return
    for table in (ScoreRow, TallyRow):
        session.execute(delete(table).filter_by(system_id=system.id, runtime=runtime))


def rescore_system(
    session: Session, manifest: Manifest, system: SystemRow, metrics: Sequence[Metric]
) -> list[str]:
    """Recompute and store all scores of a system and of the trials from which it was chosen.

    Returns:
        Names of the scores that were missing, or differed from the stored value.
    """
    before = _stored_scores(system)
    score_system(session, manifest, system, metrics)
    after = _stored_scores(system)
    changed = [
        f"{evidence}_{metric}" if evidence in (CROSS_VALIDATION, POOLED_FOLDS) else metric
        for metric, evidence in sorted(before.keys() | after.keys())
        if before.get((metric, evidence)) != after.get((metric, evidence))
    ]
    return changed + _rescore_trials(session, manifest, system)


def _corrected(
    session: Session,
    manifest: Manifest,
    system: SystemRow,
    metrics: Sequence[Metric],
    own: Tested,
) -> tuple[dict[str, Score], list[Tally]]:
    """The scores of a winner on all clips, corrected for its selection among all trials.

    Args:
        session: session of the database.
        manifest: the dataset.
        system: the winner's system.
        metrics: the metrics.
        own: the winner's logits on all clips.

    Returns:
        The scores, and the tallies of the other trials that are selected on a draw of speakers.
    """
    [winner] = winners(session, system)
    trials = trial_predictions(session, system)
    place = [trial for trial, _ in trials].index(winner.system_id)
    tested = [_tested(manifest, found) for _, found in trials]
    tested[place] = own
    tallies = [tally(*each) for each in tested]
    selection = Draws(tallies[0]).select(tallies, place)
    scores = {}
    for metric in metrics:
        found = selection.score_metric(metric, tested.__getitem__)
        interval = found.interval or (None, None)
        scores[metric.name] = Score(found.value, *interval)
    others = [number for number in selection.needed if number != place]
    return scores, [tallies[number] for number in others]


def _tested(manifest: Manifest, found: Predictions) -> Tested:
    return found.logits, manifest.targets[found.rows], manifest.speakers[found.rows]


def _stored_scores(system: SystemRow) -> dict[tuple[str, str], tuple[float | None, ...]]:
    """(metric, evidence) → stored values, for the logits that `score_system` uses."""
    return {
        (row.metric, row.evidence): tuple(getattr(row, name) for name in SCORE_FIELDS)
        for row in system.scores
        if row.runtime == runtime_of(system)
    }


def _rescore_trials(session: Session, manifest: Manifest, system: SystemRow) -> list[str]:
    """Recompute the UAR of every training and trial of the studies of a system."""
    changed = []
    query = (
        select(TrialRow)
        .join(StudyRow, StudyRow.id == TrialRow.study_id)
        .where(StudyRow.system_id == system.id)
        .order_by(StudyRow.outer_fold, TrialRow.number)
    )
    for trial in session.scalars(query):
        for training in trial.trainings:
            if training.uar is None:
                continue
            uar = _uar(session, training, manifest.targets)
            if training.uar != uar:
                training.uar = uar
                changed.append(
                    f"trial {trial.number + 1} fold {shown_fold(training.split.fold)} uar"
                )
        folds = [each for each in trial.trainings if each.split.fold != HOLDOUT]
        uars = [each.uar for each in folds if each.uar is not None]
        if trial.mean_uar is not None and uars and trial.mean_uar != fmean(uars):
            trial.mean_uar = fmean(uars)
            changed.append(f"trial {trial.number + 1} mean_uar")
    return changed


def _uar(session: Session, training: TrainingRow, targets: npt.NDArray[np.int64]) -> float:
    place = (training.system_id, EAGER, training.split_id)
    found = read_prediction(session.get_one(PredictionRow, place))
    return uar_of(found.logits, targets[found.rows])
