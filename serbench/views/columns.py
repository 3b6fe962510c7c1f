"""The columns of the pandas DataFrames: types, units and meaning.

A missing number is NaN, a missing text ``<NA>``; types are the same in a table without rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from serbench.errors import UsageError

if TYPE_CHECKING:
    import pandas

TEXT, NUMBER, COUNT, MAYBE_COUNT, FLAG, TIME = (
    *("string", "float64", "int64", "Int64", "bool", "datetime64[us, UTC]"),
)
"""Types of columns; ``Int64`` allows for missing whole numbers."""


class Column(NamedTuple):
    """A column: its type, its unit (empty if it has none), and its meaning."""

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

FOLD = Column(
    TEXT,
    "",
    "number of the fold, from 1; `holdout` for a last training that is tested on it, else `last`",
)

LATENCY = {
    "runtime": Column(TEXT, "", "runtime of the network; empty if no latency was measured"),
    "precision": Column(TEXT, "", "precision of the runtime; empty if unknown"),
    "threads": Column(COUNT, "threads", "threads of the runtime; 0 if no latency was measured"),
    "clip_seconds": Column(NUMBER, "s", "length of the classified clip"),
    "libraries": Column(TEXT, "", "libraries that influence the latency, with versions"),
    "machine": Column(TEXT, "", "processor, cores, memory and system"),
    "machine_id": Column(TEXT, "", "fingerprint of the machine"),
}

LEADERBOARD = {
    "ranking": Column(COUNT, "", "number of the ranking, from 1; only compare entries within one"),
    "rank": Column(COUNT, "", "place in the ranking, from 1; first those that may be the best"),
    "best": Column(NUMBER, "probability", "probability of the highest UA in the ranking"),
    "rank_ci_low": Column(COUNT, "", "first rank by UA that it may have, at a level of 95 %"),
    "rank_ci_high": Column(COUNT, "", "last rank that it may have"),
    "front": Column(TEXT, "", "relation to the Pareto front of UA and latency"),
    **ENTRY,
    "front_end": Column(TEXT, "", "front end"),
    "schedule": Column(TEXT, "", "optimiser and schedule of the learning rate"),
    "head": Column(TEXT, "", "head"),
    "objective": Column(TEXT, "", "objective that the training minimised"),
    "readout": Column(TEXT, "", "taps of the backbone that the head receives, and their pooling"),
    "weights": Column(TEXT, "", "identity of the weights at the start of training"),
    "pretrained_on": Column(TEXT, "", "corpora on which those weights were trained"),
    "known_speakers": Column(TEXT, "", "test speakers on which those weights were trained"),
    "compute_settings": Column(TEXT, "", "precision and threads of the training"),
    "seconds": Column(NUMBER, "s", "length of the clips"),
    "sample_rate": Column(MAYBE_COUNT, "Hz", "sample rate of the clips"),
    "level": Column(TEXT, "", "level of the clips: keep, rms or ebu"),
    "padding": Column(TEXT, "", "padding of clips of short recordings: reflect or zeros"),
    "augmentations": Column(TEXT, "", "augmentations of the training clips"),
    "batch_size": Column(MAYBE_COUNT, "clips", "in each training step"),
    "epochs": Column(MAYBE_COUNT, "epochs", "largest number in one training"),
    "seed": Column(MAYBE_COUNT, "", "seed of the search and of all its trainings"),
    "dataset": Column(TEXT, "", "dataset"),
    "dataset_hash": Column(TEXT, "", "hash of the dataset's content"),
    "synthetic": Column(FLAG, "", "whether the speech is synthetic"),
    "protocol": Column(TEXT, "", "protocol"),
    "protocol_id": Column(TEXT, "", "identifier of the protocol, with the hash of its splits"),
    "speaker_dependent": Column(FLAG, "", "whether test speakers are also in the training clips"),
    "evidence": Column(TEXT, "", "origin of the scores: `corrected_cv`, `nested` or `holdout`"),
    "speakers": Column(COUNT, "speakers", "number of test speakers"),
    "holdout_looks": Column(COUNT, "tests", "number of tests of this study on the holdout"),
    "holdout_looks_total": Column(COUNT, "tests", "number of tests of all studies on this holdout"),
    "params": Column(MAYBE_COUNT, "parameters", "number of parameters of the network"),
    "macs": Column(MAYBE_COUNT, "operations", "multiply-accumulate operations for one clip"),
    "uar": Column(NUMBER, "share", "unweighted average recall (UA)"),
    "uar_ci_low": Column(NUMBER, "share", "lower end of its 95 % interval over speakers"),
    "uar_ci_high": Column(NUMBER, "share", "upper end of that interval"),
    "accuracy": Column(NUMBER, "share", "accuracy (WA)"),
    "accuracy_ci_low": Column(NUMBER, "share", "lower end of its 95 % interval"),
    "accuracy_ci_high": Column(NUMBER, "share", "upper end of that interval"),
    "macro_f1": Column(NUMBER, "share", "macro-averaged F1"),
    "macro_f1_ci_low": Column(NUMBER, "share", "lower end of its 95 % interval"),
    "macro_f1_ci_high": Column(NUMBER, "share", "upper end of that interval"),
    "cv_uar_mean": Column(NUMBER, "share", "mean UA over the folds that selected the winner"),
    "cv_uar_sd": Column(NUMBER, "share", "standard deviation of UA over those folds"),
    "cv_uar_pooled": Column(NUMBER, "share", "UA on the clips of all those folds together"),
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
            "`corrected_cv`, `nested` or `holdout`; `cv` for the mean over the folds that selected "
            "the winner, or `cv_pooled` "
            "for the clips of all those folds together",
        ),
        "metric": Column(TEXT, "", "metric"),
        "value": Column(NUMBER, "of the metric", "score"),
        "low": Column(NUMBER, "of the metric", "lower end of its 95 % interval over speakers"),
        "high": Column(NUMBER, "of the metric", "upper end of that interval"),
        "spread": Column(NUMBER, "of the metric", "standard deviation over folds, only for `cv`"),
    },
    "trials": {
        **PLACE,
        "state": Column(TEXT, "", "running, complete, pruned or failed"),
        "mean_uar": Column(NUMBER, "share", "mean UA over its folds"),
        "failure": Column(TEXT, "", "reason of its failure; empty if it did not fail"),
        "readout": Column(TEXT, "", "taps of the backbone that the head receives, and pooling"),
        "learning_rate": Column(
            NUMBER, "", "largest learning rate of the schedule; missing for a fitted head"
        ),
        "weight_decay": Column(NUMBER, "", "weight decay; missing for a fitted head"),
        "freeze_depth": Column(
            MAYBE_COUNT, "stages", "number of frozen stages; missing for a fitted head"
        ),
    },
    "folds": {
        **PLACE,
        "fold": FOLD,
        "uar": Column(NUMBER, "share", "UA on the test clips of the fold"),
        "epochs": Column(COUNT, "epochs", "number of trained epochs"),
        "best_epoch": Column(COUNT, "", "epoch of the stored network, from 1"),
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
        "path": Column(TEXT, "", "path of the recording"),
        "corpus": Column(TEXT, "", "corpus of the recording"),
        "speaker": Column(TEXT, "", "speaker of the recording"),
        "true": Column(TEXT, "", "emotion of the label"),
        "predicted": Column(TEXT, "", "most probable emotion"),
    },
    "calibration": {
        **ENTRY,
        "temperature": Column(NUMBER, "", "temperature fitted on all tested clips"),
        "ece": Column(NUMBER, "share", "expected calibration error before calibration"),
        "ece_calibrated": Column(
            NUMBER, "share", "the same after calibration, with temperatures of other speakers"
        ),
        "log_loss": Column(NUMBER, "nats", "log loss before calibration"),
        "log_loss_calibrated": Column(
            NUMBER, "nats", "the same after calibration, with temperatures of other speakers"
        ),
        "rejection_area": Column(NUMBER, "share", "mean accuracy (WA) over all coverages"),
    },
    "rejection": {
        "confidence": Column(NUMBER, "share", "least confidence of an answered clip"),
        "coverage": Column(NUMBER, "share", "share of answered clips"),
        "clips": Column(COUNT, "clips", "number of answered clips"),
        "uar": Column(NUMBER, "share", "UA of the answered clips, over the emotions among them"),
        "accuracy": Column(NUMBER, "share", "accuracy (WA) of the answered clips"),
    },
    "seeds": {
        **ENTRY,
        "seed": Column(COUNT, "", "number of the seed, from 1, which is that of the entry"),
        "uar": Column(NUMBER, "share", "UA on the clips that the entry's score comes from"),
        "seconds": Column(NUMBER, "s", "duration of the trainings with this seed"),
        "failure": Column(TEXT, "", "reason of their failure; empty if they did not fail"),
    },
    "latencies": {
        **ENTRY,
        **LATENCY,
        "cores": Column(COUNT, "cores", "number of cores of the machine"),
        "runs": Column(COUNT, "runs", "number of timed runs"),
        "p50": Column(NUMBER, "ms", "median latency of one clip, front end and network"),
        "p90": Column(NUMBER, "ms", "90th percentile of that latency"),
        "p99": Column(NUMBER, "ms", "99th percentile of that latency"),
        "front_end_p50": Column(NUMBER, "ms", "median latency of the front end alone"),
        "network_p50": Column(NUMBER, "ms", "median latency of the network alone"),
        "p50_low": Column(NUMBER, "ms", "lower end of the 95 % interval of the median"),
        "p50_high": Column(NUMBER, "ms", "upper end of that interval"),
        "p90_low": Column(NUMBER, "ms", "lower end of the 95 % interval of the 90th percentile"),
        "p90_high": Column(NUMBER, "ms", "upper end of that interval"),
        "load_ms": Column(NUMBER, "ms", "time to load the network, without imports"),
        "memory_mb": Column(NUMBER, "MB", "growth of the memory by loading and running it"),
        "file_mb": Column(NUMBER, "MB", "size of the exported file, if the runtime executes one"),
        "energy_mj": Column(NUMBER, "mJ", "energy of the processor for one clip"),
        "quick": Column(FLAG, "", "whether it was measured with fewer runs"),
        "busy": Column(NUMBER, "", "slowdown of a reference task; above 1.25 on a busy machine"),
    },
    "datasets": {
        "dataset": Column(TEXT, "", "name of the dataset"),
        "hash": Column(TEXT, "", "hash of its content"),
        "synthetic": Column(FLAG, "", "whether its speech is synthetic"),
        "clips": Column(COUNT, "clips", "number of clips"),
        "speakers": Column(COUNT, "speakers", "number of speakers"),
        "hours": Column(NUMBER, "h", "duration of all clips together"),
        "mean_seconds": Column(NUMBER, "s", "mean duration of a clip"),
        "corpora": Column(TEXT, "", "its corpora, separated by spaces"),
        "emotions": Column(TEXT, "", "label set, separated by spaces"),
        "found": Column(COUNT, "files", "number of files that the scan found"),
        "skipped": Column(COUNT, "files", "number of files that the scan skipped"),
    },
    "studies": {
        "study": Column(COUNT, "", "number of the study"),
        "backbone": Column(TEXT, "", "backbone"),
        "front_end": Column(TEXT, "", "front end"),
        "head": Column(TEXT, "", "head"),
        "schedule": Column(
            TEXT, "", "optimiser and schedule of the learning rate; empty for a fitted head"
        ),
        "dataset": Column(TEXT, "", "dataset"),
        "protocol": Column(TEXT, "", "protocol"),
        "outer_fold": Column(COUNT, "", "outer fold of the protocol that it searched, from 1"),
        "trials": Column(COUNT, "trials", "number of trials that have ended"),
        "of": Column(COUNT, "trials", "number of planned trials"),
        "best_mean_uar": Column(NUMBER, "share", "highest mean UA of a trial over its folds"),
        "state": Column(TEXT, "", "finished, unfinished or failed"),
        "entry": Column(MAYBE_COUNT, "", "number of its entry; missing if it has none"),
        "started": Column(TIME, "", "time of its start"),
    },
    "files": {
        "path": Column(TEXT, "", "path of the file"),
        "emotion": Column(
            TEXT, "", "most probable emotion; missing if it is rejected or the file is unusable"
        ),
        "confidence": Column(NUMBER, "share", "probability of the most probable emotion"),
        "rejected": Column(FLAG, "", "whether the confidence is below `reject_below`"),
        "seconds": Column(NUMBER, "s", "duration of the recording"),
        "remarks": Column(TEXT, "", "unusual properties of the recording"),
        "error": Column(TEXT, "", "why the file is unusable; missing if it is usable"),
    },
}
"""Table → column → its description. In addition, ``trials`` has a column for each further searched
parameter (``width:AUGMENTATION``), ``leaderboard`` has three for each further metric, and
``predictions`` and ``files`` have one with the probability of each emotion, ``p_EMOTION``."""


def described(table: str) -> pandas.DataFrame:
    """The columns of a table: ``dtype``, ``unit`` and ``meaning`` of each.

    Raises:
        UsageError: there is no such table.
    """
    import pandas

    if table not in COLUMNS:
        raise UsageError(
            f"there is no table '{table}': choose from {', '.join(COLUMNS)}", table=table
        )
    columns = COLUMNS[table]
    rows = [column._asdict() for column in columns.values()]
    return pandas.DataFrame(rows, index=pandas.Index(list(columns), name="column"))
