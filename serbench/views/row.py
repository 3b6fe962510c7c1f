"""One entry as the leaderboard shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from serbench.score.standing import TUNING
from serbench.score.tally import METRICS, Tally

WITH_INTERVAL = (*METRICS, TUNING)
"""Scores that have an interval."""


@dataclass(frozen=True)
class Row:
    """One entry as the leaderboard shows it.

    Attributes:
        entry: its number.
        rank: place by holdout UAR among the entries it may be compared with, from 1.
        front: on the front, indistinguishable from the front, dominated, or no latency.
        backbone: name.
        front_end: name; empty where the entry was brought from outside.
        schedule: name; likewise.
        weights: identity of what it started from.
        compute settings: what it was trained with, such as ``fp32, 2 threads``; empty where the entry was
            brought from outside.
        dataset: name.
        dataset_hash: hash of the dataset's content.
        synthetic: True where the dataset was spoken by a program.
        protocol: name.
        protocol_id: its identifier: rule, label set, dataset and metric.
        speaker_dependent: True where the protocol tests on people heard in training.
        speakers: how many were tested.
        uar: unweighted average recall on the holdout, of several outer folds on all holdouts together.
        uar_ci: its 95 % interval over speakers, lowest and highest, or None.
        accuracy: on the holdout.
        accuracy_ci: likewise.
        macro_f1: on the holdout.
        macro_f1_ci: likewise.
        ece: expected calibration error on the holdout.
        cv_uar_mean: mean over the folds that the winner was chosen by, or None without any.
        cv_uar_sd: standard deviation over those folds.
        cv_uar_ci: 95 % interval over speakers of the UAR of those folds' clips taken together.
        latency_ms_p50: median time for one answer, front end and network, or None.
        latency_ms_p90: its 90th percentile.
        latency_ms_p99: its 99th percentile.
        front_end_ms_p50: median of the front end alone.
        network_ms_p50: median of the network alone.
        runtime: how the network was run.
        threads: that the runtime might use.
        machine: processor and cores.
        params: parameters of the network, or None.
        macs: multiply-accumulates for one clip, or None.
        tally: what was said, by speaker; not part of the plain data.
        uar_clip_ci: interval of UAR as if all clips were independent, where it was asked for.
    """

    entry: int
    rank: int
    front: str
    backbone: str
    front_end: str
    schedule: str
    weights: str
    compute_settings: str
    dataset: str
    dataset_hash: str
    synthetic: bool
    protocol: str
    protocol_id: str
    speaker_dependent: bool
    speakers: int
    uar: float
    uar_ci: tuple[float, float] | None
    accuracy: float
    accuracy_ci: tuple[float, float] | None
    macro_f1: float
    macro_f1_ci: tuple[float, float] | None
    ece: float
    cv_uar_mean: float | None
    cv_uar_sd: float | None
    cv_uar_ci: tuple[float, float] | None
    latency_ms_p50: float | None
    latency_ms_p90: float | None
    latency_ms_p99: float | None
    front_end_ms_p50: float | None
    network_ms_p50: float | None
    runtime: str
    threads: int
    machine: str
    params: int | None
    macs: int | None
    tally: Tally = field(repr=False, compare=False)
    uar_clip_ci: tuple[float, float] | None = None

    @property
    def optimism(self) -> float | None:
        """What the search promised beyond what the holdout kept, in UAR; None without a search."""
        return None if self.cv_uar_mean is None else self.cv_uar_mean - self.uar

    def as_dict(self) -> dict[str, Any]:
        """Plain data, the row of ``--format json``."""
        plain = {name: getattr(self, name) for name in COLUMNS}
        return plain if self.uar_clip_ci is None else {**plain, "uar_clip_ci": self.uar_clip_ci}

    def as_flat_dict(self) -> dict[str, Any]:
        """Plain data of one value each, the line of ``--format csv``.

        An interval takes two columns: ``uar_ci_low`` and ``uar_ci_high``.
        """
        flat = {name: getattr(self, name) for name in SINGLE}
        for score in WITH_INTERVAL:
            low, high = getattr(self, f"{score}_ci") or (None, None)
            flat |= {f"{score}_ci_low": low, f"{score}_ci_high": high}
        return flat


def trained_with(compute_settings: Mapping[str, Any]) -> str:
    """The compute settings of a study for people: ``fp32, 2 threads``; records of before were fp32."""
    threads = compute_settings.get("threads")
    counted = [] if threads is None else [f"{threads} thread" + ("s" if threads > 1 else "")]
    return ", ".join([compute_settings.get("precision", "fp32"), *counted])


BESIDE = ("tally", "uar_clip_ci")

COLUMNS = (*(each.name for each in fields(Row) if each.name not in BESIDE), "optimism")
"""Of the plain data of a row."""

SINGLE = tuple(name for name in COLUMNS if not name.endswith("_ci"))
"""Those of one value."""

FLAT_COLUMNS = (
    *SINGLE,
    *(f"{score}_ci_{end}" for score in WITH_INTERVAL for end in ("low", "high")),
)
"""Of the plain data of one value each."""
