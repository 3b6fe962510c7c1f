"""Views as pandas DataFrames, with the columns of ``serbench.views.columns``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from serbench.errors import AudioError
from serbench.score.metric import CROSS_VALIDATION, POOLED_FOLDS
from serbench.store.database import Database
from serbench.store.datasets import Datasets
from serbench.views.calibration import entry_calibration
from serbench.views.columns import COLUMNS, NUMBER, TIME
from serbench.views.entry import EntryView
from serbench.views.predictions import clip_predictions
from serbench.views.ranking import RankingView
from serbench.views.reading import read_entries
from serbench.views.seeds import seed_scores
from serbench.views.study import study_view, study_views

if TYPE_CHECKING:
    import pandas

    from serbench.deploy.predict import FilePrediction


def frame(
    table: str, rows: Iterable[Mapping[str, Any]], extra: Iterable[str] = ()
) -> pandas.DataFrame:
    """A table with the documented columns, then all further columns of the rows.

    Args:
        table: a key of ``COLUMNS``.
        rows: column → value; a value may be missing or None.
        extra: further columns of numbers, which exist even in a table without rows.
    """
    import pandas

    listed = [dict(row) for row in rows]
    known = {name: column.dtype for name, column in COLUMNS[table].items()}
    known |= dict.fromkeys(extra, NUMBER)
    names = dict.fromkeys((*known, *(name for row in listed for name in row)))
    return pandas.DataFrame(
        {name: _series([row.get(name) for row in listed], known.get(name)) for name in names}
    )


def _series(values: list[Any], dtype: str | None) -> Any:
    """A column of a type; without a type, of the type of its values."""
    import pandas

    if dtype is None:
        return pandas.Series(values, dtype=object).infer_objects()
    if dtype == TIME:
        return pandas.Series(pandas.to_datetime(values, utc=True)).dt.as_unit("us")
    return pandas.Series(values, dtype=dtype)


def ranking_frame(rankings: Sequence[RankingView]) -> pandas.DataFrame:
    """A row for each entry of each ranking."""
    return frame(
        "leaderboard",
        [
            {"ranking": number, **row.as_flat_dict()}
            for number, ranking in enumerate(rankings, start=1)
            for row in ranking.rows
        ],
    )


def score_frame(database: Database) -> pandas.DataFrame:
    """A row for each metric of each entry and evidence."""
    entries: dict[int, EntryView] = {}
    for view in read_entries(database):
        entries.setdefault(view.entry, view)
    return frame("scores", [row for view in entries.values() for row in _score_rows(view)])


def _score_rows(view: EntryView) -> Iterator[dict[str, Any]]:
    found = (
        (view.evidence, view.scores),
        (CROSS_VALIDATION, view.cv),
        (POOLED_FOLDS, view.cv_pooled),
    )
    for evidence, scores in found:
        for metric, score in scores.items():
            entry = {"entry": view.entry, "backbone": view.backbone}
            yield {**entry, "evidence": evidence, "metric": metric, **vars(score)}


def study_frame(database: Database) -> pandas.DataFrame:
    """A row for each study."""
    return frame("studies", [_named(vars(view), "studies") for view in study_views(database)])


def trial_frame(database: Database, study: int | None) -> pandas.DataFrame:
    """A row for each trial of one study or of all, with its configuration."""
    return frame(
        "trials",
        [
            {**place, **_named(trial, "trials"), **trial["parameters"]}
            for place, trial in _trials(database, study)
        ],
    )


def fold_frame(database: Database, study: int | None) -> pandas.DataFrame:
    """A row for each training of one study or of all."""
    return frame(
        "folds",
        [
            {**place, **_named(fold, "folds")}
            for place, trial in _trials(database, study)
            for fold in trial["folds"]
        ],
    )


def curve_frame(database: Database, study: int | None) -> pandas.DataFrame:
    """A row for each epoch of each training of one study or of all."""
    return frame(
        "curves",
        [
            {
                **place,
                "fold": fold["fold"],
                "epoch": epoch,
                "validation_uar": uar,
                "validation_loss": loss,
            }
            for place, trial in _trials(database, study)
            for fold in trial["folds"]
            for epoch, (uar, loss) in enumerate(
                zip(fold["curve"], fold["losses"], strict=True), start=1
            )
        ],
    )


def _trials(
    database: Database, study: int | None
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Study, outer fold and number of each trial, and its part of the view of the study."""
    numbers = [view.study for view in study_views(database)] if study is None else [study]
    for number in numbers:
        view = study_view(database, number)
        for trial in view.as_dict()["trials"]:
            yield {"study": number, "outer_fold": view.outer_fold, "trial": trial["trial"]}, trial


def prediction_frame(database: Database, entry: int) -> pandas.DataFrame:
    """A row for each test clip of an entry."""
    found = clip_predictions(database, entry)
    return frame(
        "predictions",
        [
            {**_named(vars(clip), "predictions"), **_probabilities(clip.probabilities)}
            for clip in found
        ],
    )


def calibration_frame(database: Database) -> pandas.DataFrame:
    """A row for each entry, with the scores of its probabilities before and after calibration."""
    rows = []
    for view in {each.entry: each for each in read_entries(database)}.values():
        found = entry_calibration(database, view.entry)
        before, after = found.before, found.after
        rows.append(
            {
                "entry": view.entry,
                "backbone": view.backbone,
                "temperature": found.temperature,
                "ece": before.ece,
                "ece_calibrated": None if after is None else after.ece,
                "log_loss": before.log_loss,
                "log_loss_calibrated": None if after is None else after.log_loss,
                "rejection_area": found.rejection_area,
            }
        )
    return frame("calibration", rows)


def rejection_frame(database: Database, entry: int) -> pandas.DataFrame:
    """A row for each confidence of a tested clip of an entry."""
    curve = entry_calibration(database, entry).curve
    if curve is None:
        return frame("rejection", [])
    columns = (curve.thresholds, curve.coverage, curve.answered, curve.uar, curve.accuracy)
    names = ("confidence", "coverage", "clips", "uar", "accuracy")
    listed = (column.tolist() for column in columns)
    return frame(
        "rejection", [dict(zip(names, row, strict=True)) for row in zip(*listed, strict=True)]
    )


def _probabilities(shares: Mapping[str, float]) -> dict[str, float]:
    return {f"p_{emotion}": share for emotion, share in shares.items()}


def seed_frame(database: Database) -> pandas.DataFrame:
    """A row for each entry that was trained here and each of its seeds."""
    return frame(
        "seeds",
        [
            {"entry": entry, "backbone": backbone, **vars(score)}
            for entry, backbone, score in seed_scores(database)
        ],
    )


def latency_frame(database: Database) -> pandas.DataFrame:
    """A row for each latency of each entry."""
    return frame(
        "latencies",
        [
            {"entry": view.entry, "backbone": view.backbone, **vars(view.latency)}
            for view in read_entries(database)
            if view.latency.runtime
        ],
    )


def dataset_frame(database: Database) -> pandas.DataFrame:
    """A row for each dataset, as of its last scan."""
    return frame(
        "datasets",
        [
            {
                **_named(account, "datasets"),
                "dataset": account["name"],
                "clips": account["utterances"],
                "corpora": " ".join(account["by_corpus"]),
                "emotions": " ".join(account["by_emotion"]),
                "skipped": sum(account["skipped"].values()),
            }
            for account in Datasets(database).datasets()
        ],
    )


def file_frame(
    answers: Iterable[FilePrediction | AudioError], files: Iterable[str], emotions: Iterable[str]
) -> pandas.DataFrame:
    """A row for each file, whether or not it could be classified.

    Args:
        answers: the prediction or the error of each file.
        files: the paths of the files, as given.
        emotions: the label set.
    """
    rows: list[dict[str, Any]] = []
    for file, answer in zip(files, answers, strict=True):
        if isinstance(answer, AudioError):
            rows.append({"path": file, "rejected": False, "remarks": "", "error": str(answer)})
        else:
            names = ("emotion", "confidence", "rejected")
            found = {name: getattr(answer.overall, name) for name in names}
            rest = {"seconds": answer.seconds, "remarks": "; ".join(answer.remarks)}
            shares = _probabilities(answer.overall.probabilities)
            rows.append({"path": file, **found, **rest, **shares})
    return frame("files", rows, [f"p_{emotion}" for emotion in emotions])


def _named(row: Mapping[str, Any], table: str) -> dict[str, Any]:
    """The part of a row in the documented columns of a table."""
    return {name: row[name] for name in COLUMNS[table] if name in row}
