"""The database: datasets, studies, what networks said, what that was worth."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, LargeBinary, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    """All tables of serbench; Optuna keeps its own beside them."""

    type_annotation_map = {dict[str, Any]: JSON}  # noqa: RUF012


def now() -> datetime:
    """The present, in UTC without a zone, as SQLite keeps it."""
    return datetime.now(UTC).replace(tzinfo=None)


class DatasetRow(Base):
    """A scanned dataset; scanned again with other recordings it becomes a new row."""

    __tablename__ = "dataset"
    __table_args__ = (UniqueConstraint("name", "hash"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(index=True)
    hash: Mapped[str]
    synthetic: Mapped[bool]
    account: Mapped[dict[str, Any]]
    scanned: Mapped[datetime] = mapped_column(default=now)
    utterances: Mapped[list[UtteranceRow]] = relationship(
        order_by="UtteranceRow.row", cascade="all, delete-orphan"
    )


class UtteranceRow(Base):
    """One recording of a dataset, in the manifest's order."""

    __tablename__ = "utterance"
    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id"), primary_key=True)
    row: Mapped[int] = mapped_column(primary_key=True)
    path: Mapped[str]
    corpus: Mapped[str]
    speaker: Mapped[str]
    emotion: Mapped[str]
    label: Mapped[str]
    audio_hash: Mapped[str]
    sample_rate: Mapped[int]
    channels: Mapped[int]
    frames: Mapped[int]
    sex: Mapped[str | None]
    sentence: Mapped[str | None]


class MachineRow(Base):
    """A machine that latency was measured on."""

    __tablename__ = "machine"
    id: Mapped[int] = mapped_column(primary_key=True)
    fingerprint: Mapped[str] = mapped_column(unique=True)
    cpu: Mapped[str]
    cores: Mapped[int]
    system: Mapped[str]


class CalibrationRow(Base):
    """What measuring ways of training came to; ``key`` says of what, on which machine.

    One that was measured again later has its own number behind its key.

    ``found`` holds the way that was chosen and all that were tried with their clips per second.
    """

    __tablename__ = "calibration"
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    subject: Mapped[dict[str, Any]]
    found: Mapped[dict[str, Any]]
    measured: Mapped[datetime] = mapped_column(default=now)


class StudyRow(Base):
    """A search in one outer fold of a protocol; ``key`` is the identity of its plan.

    The studies of all outer folds are one ``family``: the key of the first. ``compute_settings`` is what else
    decides the last bit of a logit: threads, precision, memory format; ``calibration`` is what
    they were chosen by. What was brought from outside has a study too, without a plan.
    """

    __tablename__ = "study"
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    family: Mapped[str] = mapped_column(index=True)
    outer_fold: Mapped[int] = mapped_column(default=0)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id"))
    backbone: Mapped[str]
    front_end: Mapped[str]
    schedule: Mapped[str]
    protocol: Mapped[str]
    plan: Mapped[dict[str, Any]]
    compute_settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    machine: Mapped[dict[str, Any]]
    versions: Mapped[dict[str, Any]]
    started: Mapped[datetime] = mapped_column(default=now)
    finished: Mapped[datetime | None]
    calibration_id: Mapped[int | None] = mapped_column(ForeignKey("calibration.id"))
    calibration: Mapped[CalibrationRow | None] = relationship()
    dataset: Mapped[DatasetRow] = relationship()
    trials: Mapped[list[TrialRow]] = relationship(order_by="TrialRow.number")


class TrialRow(Base):
    """A configuration that a study tried; ``state`` is running, complete or pruned."""

    __tablename__ = "trial"
    __table_args__ = (UniqueConstraint("study_id", "number"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"))
    number: Mapped[int]
    parameters: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(default="running")
    mean_uar: Mapped[float | None]
    folds: Mapped[list[FoldRow]] = relationship(order_by="FoldRow.id")


class FoldRow(Base):
    """One training and its test; ``name`` is the fold's number or ``holdout``.

    ``curve`` is the validation UAR of each epoch, ``losses`` the validation loss, ``pruned``
    whether the training was ended as hopeless.
    """

    __tablename__ = "fold"
    __table_args__ = (UniqueConstraint("trial_id", "name"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    trial_id: Mapped[int] = mapped_column(ForeignKey("trial.id"))
    name: Mapped[str]
    uar: Mapped[float]
    accuracy: Mapped[float]
    macro_f1: Mapped[float]
    epochs: Mapped[int]
    best_epoch: Mapped[int]
    seconds: Mapped[float]
    seed: Mapped[int]
    weights: Mapped[str]
    curve: Mapped[list[float]] = mapped_column(JSON, default=list)
    losses: Mapped[list[float]] = mapped_column(JSON, default=list)
    pruned: Mapped[bool] = mapped_column(default=False)
    prediction: Mapped[PredictionRow] = relationship(cascade="all, delete-orphan")


class PredictionRow(Base):
    """What the network said: rows of the manifest (int64) and logits (float32), little-endian."""

    __tablename__ = "prediction"
    fold_id: Mapped[int] = mapped_column(ForeignKey("fold.id"), primary_key=True)
    rows: Mapped[bytes] = mapped_column(LargeBinary)
    logits: Mapped[bytes] = mapped_column(LargeBinary)


class EntryRow(Base):
    """A row of the leaderboard: what was said about clips that no choice was made by.

    A study's winner, refitted and tested; ``study_id`` is that of the first outer fold. Or logits
    brought from outside, of a network that nobody here has: no size, no weights file. All scores
    are computed from the stored logits; ``tally`` (speaker × emotion × answer) is what comparing
    entries takes, so that a ranking reads no logits.
    """

    __tablename__ = "entry"
    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"), unique=True)
    protocol_id: Mapped[str]
    trial: Mapped[int]
    uar: Mapped[float]
    accuracy: Mapped[float]
    macro_f1: Mapped[float]
    ece: Mapped[float]
    intervals: Mapped[dict[str, Any]]
    tally: Mapped[bytes] = mapped_column(LargeBinary)
    cv_uar_mean: Mapped[float | None]
    cv_uar_sd: Mapped[float | None]
    params: Mapped[int | None] = mapped_column(BigInteger)
    macs: Mapped[int | None] = mapped_column(BigInteger)
    weights: Mapped[str]
    artifact: Mapped[str | None]
    artifact_sha256: Mapped[str | None]
    created: Mapped[datetime] = mapped_column(default=now)
    study: Mapped[StudyRow] = relationship()
    latencies: Mapped[list[LatencyRow]] = relationship(order_by="LatencyRow.id")


class LatencyRow(Base):
    """Time for one answer of an entry, in milliseconds, on one machine in one way of running."""

    __tablename__ = "latency"
    __table_args__ = (UniqueConstraint("entry_id", "machine_id", "runtime", "threads"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    entry_id: Mapped[int] = mapped_column(ForeignKey("entry.id"))
    machine_id: Mapped[int] = mapped_column(ForeignKey("machine.id"))
    runtime: Mapped[str]
    threads: Mapped[int]
    runs: Mapped[int]
    p50: Mapped[float]
    p90: Mapped[float]
    p99: Mapped[float]
    front_end_p50: Mapped[float | None]
    front_end_p90: Mapped[float | None]
    network_p50: Mapped[float | None]
    network_p90: Mapped[float | None]
    versions: Mapped[dict[str, Any]]
    measured: Mapped[datetime] = mapped_column(default=now)
    machine: Mapped[MachineRow] = relationship()
