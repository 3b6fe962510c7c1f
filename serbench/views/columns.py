"""The columns of the tables that are given as pandas DataFrames: types, units and meaning.

A missing number is NaN, a missing text ``<NA>``; types are the same where a table has no rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import pandas

TEXT, NUMBER, COUNT, MAYBE_COUNT, FLAG, TIME = (
    *("string", "float64", "int64", "Int64", "bool", "datetime64[us, UTC]"),
)
"""Types of columns; ``Int64`` allows for missing whole numbers."""


class Column(NamedTuple):
    """A column: its type, its unit where it has one, and what it holds."""

    dtype: str
    unit: str
    meaning: str


ENTRY = {
    "entry": Column(COUNT, "", "number of the entry"),
    "backbone": Column(TEXT, "", "backbone; of an import, the system's name"),
}

PLACE = {
    "study": Column(COUNT, "", "number of the study"),
    "outer_fold": Column(COUNT, "", "outer fold of the protocol that the study searched, from 1"),
    "trial": Column(COUNT, "", "number of the trial, from 1"),
}

FOLD = Column(TEXT, "", "number of the fold, from 1, or `holdout`")

LATENCY = {
    "runtime": Column(TEXT, "", "runtime that the network ran in; empty if never measured"),
    "precision": Column(TEXT, "", "precision that it computed in; empty if not known"),
    "threads": Column(COUNT, "threads", "that the runtime was allowed; 0 if never measured"),
    "clip_seconds": Column(NUMBER, "s", "length of the clip that was classified"),
    "libraries": Column(TEXT, "", "libraries that decide the latency, with versions"),
    "machine": Column(TEXT, "", "processor, cores, memory and system"),
    "machine_id": Column(TEXT, "", "fingerprint of the machine"),
}

LEADERBOARD = {
    "ranking": Column(COUNT, "", "number of the ranking, from 1; compare entries within one only"),
    "rank": Column(COUNT, "", "place in the ranking, from 1"),
    "front": Column(TEXT, "", "place relative to the Pareto front of UA and latency"),
    **ENTRY,
    "front_end": Column(TEXT, "", "front end"),
    "schedule": Column(TEXT, "", "optimiser and schedule of the learning rate"),
    "head": Column(TEXT, "", "head"),
    "objective": Column(TEXT, "", "objective that training minimised"),
    "weights": Column(TEXT, "", "identity of the weights that training began with"),
    "pretrained_on": Column(TEXT, "", "corpora that those weights were trained on"),
    "known_speakers": Column(TEXT, "", "tested speakers that those weights were trained on"),
    "compute_settings": Column(TEXT, "", "precision and threads of the training"),
    "seconds": Column(NUMBER, "s", "length of the clips"),
    "sample_rate": Column(MAYBE_COUNT, "Hz", "sample rate of the clips"),
    "level": Column(TEXT, "", "how the level of the clips was set: keep, rms or ebu"),
    "padding": Column(TEXT, "", "what fills clips of short recordings: reflect or zeros"),
    "augmentations": Column(TEXT, "", "augmentations whose widths were searched"),
    "batch_size": Column(MAYBE_COUNT, "clips", "in each training step"),
    "epochs": Column(MAYBE_COUNT, "epochs", "that one training took at most"),
    "seed": Column(MAYBE_COUNT, "", "seed of the search and of all its trainings"),
    "dataset": Column(TEXT, "", "dataset"),
    "dataset_hash": Column(TEXT, "", "hash of the dataset's content"),
    "synthetic": Column(FLAG, "", "whether the speech is synthetic"),
    "protocol": Column(TEXT, "", "protocol"),
    "protocol_id": Column(TEXT, "", "identifier of the protocol, with the hash of its splits"),
    "speaker_dependent": Column(FLAG, "", "whether tested speakers were trained on too"),
    "evidence": Column(TEXT, "", "which clips the scores are of"),
    "speakers": Column(COUNT, "speakers", "that were tested"),
    "holdout_looks": Column(COUNT, "tests", "of this study on the holdout"),
    "holdout_looks_total": Column(COUNT, "tests", "of all studies on the same holdout"),
    "params": Column(MAYBE_COUNT, "parameters", "of the network"),
    "macs": Column(MAYBE_COUNT, "operations", "multiply-accumulates for one clip"),
    "uar": Column(NUMBER, "share", "unweighted average recall (UA) on the holdout"),
    "uar_ci_low": Column(NUMBER, "share", "lower end of its 95 % interval over speakers"),
    "uar_ci_high": Column(NUMBER, "share", "upper end of that interval"),
    "accuracy": Column(NUMBER, "share", "accuracy (WA) on the holdout"),
    "accuracy_ci_low": Column(NUMBER, "share", "lower end of its 95 % interval"),
    "accuracy_ci_high": Column(NUMBER, "share", "upper end of that interval"),
    "macro_f1": Column(NUMBER, "share", "macro-averaged F1 on the holdout"),
    "macro_f1_ci_low": Column(NUMBER, "share", "lower end of its 95 % interval"),
    "macro_f1_ci_high": Column(NUMBER, "share", "upper end of that interval"),
    "cv_uar_mean": Column(NUMBER, "share", "mean UA over the folds that the winner was chosen by"),
    "cv_uar_sd": Column(NUMBER, "share", "standard deviation of UA over those folds"),
    "cv_uar_pooled": Column(NUMBER, "share", "UA on the clips of those folds together"),
    "cv_uar_pooled_ci_low": Column(NUMBER, "share", "lower end of its 95 % interval"),
    "cv_uar_pooled_ci_high": Column(NUMBER, "share", "upper end of that interval"),
    "optimism": Column(NUMBER, "share", "cv_uar_mean minus uar"),
    "latency_ms_p50": Column(NUMBER, "ms", "median latency of one clip"),
    "latency_ms_p90": Column(NUMBER, "ms", "90th percentile of that latency"),
    "latency_ms_p99": Column(NUMBER, "ms", "99th percentile of that latency"),
    "front_end_ms_p50": Column(NUMBER, "ms", "median latency of the front end alone"),
    "network_ms_p50": Column(NUMBER, "ms", "median latency of the network alone"),
    **LATENCY,
}

COLUMNS: Mapping[str, Mapping[str, Column]] = {
    "leaderboard": LEADERBOARD,
    "scores": {
        **ENTRY,
        "evidence": Column(
            TEXT,
            "",
            "`holdout`; of the folds that the winner was chosen by, `cv` for their mean and "
            "`cv_pooled` for all their clips together",
        ),
        "metric": Column(TEXT, "", "metric"),
        "value": Column(NUMBER, "of the metric", "the score"),
        "low": Column(NUMBER, "of the metric", "lower end of its 95 % interval over speakers"),
        "high": Column(NUMBER, "of the metric", "upper end of that interval"),
        "spread": Column(NUMBER, "of the metric", "standard deviation over folds, of `cv`"),
    },
    "trials": {
        **PLACE,
        "state": Column(TEXT, "", "running, complete, pruned or failed"),
        "mean_uar": Column(NUMBER, "share", "mean UA over its folds"),
        "failure": Column(TEXT, "", "why it failed; empty if it did not"),
        "learning_rate": Column(NUMBER, "", "largest learning rate of the schedule"),
        "freeze_depth": Column(MAYBE_COUNT, "stages", "of the backbone that were not trained"),
    },
    "folds": {
        **PLACE,
        "fold": FOLD,
        "uar": Column(NUMBER, "share", "UA on the test clips of the fold"),
        "epochs": Column(COUNT, "epochs", "that were trained"),
        "best_epoch": Column(COUNT, "", "epoch whose network was kept, from 1"),
        "seconds": Column(NUMBER, "s", "duration of the training"),
        "pruned": Column(FLAG, "", "whether the training was stopped because it fell behind"),
        "device": Column(TEXT, "", "device of the training"),
    },
    "curves": {
        **PLACE,
        "fold": FOLD,
        "epoch": Column(COUNT, "", "number of the epoch, from 1"),
        "validation_uar": Column(NUMBER, "share", "UA on the validation clips after the epoch"),
        "validation_loss": Column(NUMBER, "", "mean loss on the validation clips"),
    },
    "predictions": {
        "outer_fold": Column(COUNT, "", "outer fold of the protocol, from 1"),
        "fold": FOLD,
        "path": Column(TEXT, "", "file of the recording"),
        "corpus": Column(TEXT, "", "corpus of the recording"),
        "speaker": Column(TEXT, "", "speaker of the recording"),
        "true": Column(TEXT, "", "emotion of the label"),
        "predicted": Column(TEXT, "", "most probable emotion"),
    },
    "latencies": {
        **ENTRY,
        **LATENCY,
        "cores": Column(COUNT, "cores", "of the machine"),
        "runs": Column(COUNT, "runs", "that were timed"),
        "p50": Column(NUMBER, "ms", "median latency of one clip, front end and network"),
        "p90": Column(NUMBER, "ms", "90th percentile of that latency"),
        "p99": Column(NUMBER, "ms", "99th percentile of that latency"),
        "front_end_p50": Column(NUMBER, "ms", "median latency of the front end alone"),
        "network_p50": Column(NUMBER, "ms", "median latency of the network alone"),
    },
    "datasets": {
        "dataset": Column(TEXT, "", "name of the dataset"),
        "hash": Column(TEXT, "", "hash of its content"),
        "synthetic": Column(FLAG, "", "whether its speech is synthetic"),
        "clips": Column(COUNT, "clips", "that it holds"),
        "speakers": Column(COUNT, "speakers", "of those clips"),
        "hours": Column(NUMBER, "h", "duration of all clips together"),
        "mean_seconds": Column(NUMBER, "s", "mean duration of a clip"),
        "corpora": Column(TEXT, "", "corpora that it was made from, separated by spaces"),
        "emotions": Column(TEXT, "", "label set, separated by spaces"),
        "found": Column(COUNT, "files", "that the scan found"),
        "skipped": Column(COUNT, "files", "that the scan left out"),
    },
    "studies": {
        "study": Column(COUNT, "", "number of the study"),
        "backbone": Column(TEXT, "", "backbone"),
        "front_end": Column(TEXT, "", "front end"),
        "schedule": Column(TEXT, "", "optimiser and schedule of the learning rate"),
        "dataset": Column(TEXT, "", "dataset"),
        "protocol": Column(TEXT, "", "protocol"),
        "outer_fold": Column(COUNT, "", "outer fold of the protocol that it searched, from 1"),
        "trials": Column(COUNT, "trials", "that have ended"),
        "of": Column(COUNT, "trials", "that were planned"),
        "best_mean_uar": Column(NUMBER, "share", "highest mean UA of a trial over its folds"),
        "state": Column(TEXT, "", "whether the study is finished"),
        "entry": Column(MAYBE_COUNT, "", "number of the entry that it led to"),
        "started": Column(TIME, "", "time at which it began"),
    },
    "files": {
        "path": Column(TEXT, "", "the file"),
        "emotion": Column(TEXT, "", "most probable emotion; missing where the file is unusable"),
        "seconds": Column(NUMBER, "s", "duration of the recording"),
        "remarks": Column(TEXT, "", "what is unusual about the recording"),
        "error": Column(TEXT, "", "why the file is unusable; missing where it is usable"),
    },
}
"""Table → column → what it is. Beside these, ``trials`` has a column for each further parameter
that was searched (``width:AUGMENTATION``), ``leaderboard`` three for each further metric, and
``predictions`` and ``files`` one for each emotion, ``p_EMOTION``, with its probability."""


def frame(
    table: str, rows: Iterable[Mapping[str, Any]], extra: Iterable[str] = ()
) -> pandas.DataFrame:
    """A table of the documented columns, then of what else the rows have.

    Args:
        table: a key of ``COLUMNS``.
        rows: column → value; a value may be missing or None.
        extra: further columns of numbers, which are there without any row too.
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
    """A column of a type; without one, of the type that its values have."""
    import pandas

    if dtype is None:
        return pandas.Series(values, dtype=object).infer_objects()
    if dtype == TIME:
        return pandas.Series(pandas.to_datetime(values, utc=True)).dt.as_unit("us")
    return pandas.Series(values, dtype=dtype)
