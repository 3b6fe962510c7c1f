"""The database: studies, systems, predictions, scores, artifacts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, ForeignKey, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from serbench.store.base import Base, now
from serbench.store.schema_data import ProtocolRow, SplitRow
from serbench.store.schema_machines import LatencyRow, SpeedTuningRow


class SystemRow(Base):
    """A source of predictions: a configuration's networks, a study's winner, or an import.

    A ranked system has a ``number``, which is shown as the number of its entry; systems of single
    trials have none. ``emotions`` is the label set in the order of the logits. Only the row of a
    deleted system remains. ``imported`` is the SHA-256 of an imported file of predictions.

    ``readout`` is that of the winner, or those of the winners of several outer folds.

    ``clip_format`` is rate, length, level and padding of its clips, None of an import.

    ``pretrained_on`` names the corpora of the external weights it was trained from, None where they
    are not known; ``known_speakers`` are speakers of the protocol's tests in the training data of
    these weights. ``weights_licence`` is the licence of these weights, None where it is not known.
    """

    __tablename__ = "system"
    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int | None] = mapped_column(unique=True)
    name: Mapped[str]
    front_end: Mapped[str] = mapped_column(default="")
    schedule: Mapped[str] = mapped_column(default="")
    head: Mapped[str] = mapped_column(default="")
    objective: Mapped[str] = mapped_column(default="")
    readout: Mapped[str] = mapped_column(default="")
    weights: Mapped[str]
    clip_format: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    emotions: Mapped[list[str]] = mapped_column(JSON)
    protocol_id: Mapped[int] = mapped_column(ForeignKey("protocol.id"))
    pretrained_on: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    known_speakers: Mapped[list[str]] = mapped_column(JSON, default=list)
    weights_licence: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    imported: Mapped[str | None]
    params: Mapped[int | None] = mapped_column(BigInteger)
    macs: Mapped[int | None] = mapped_column(BigInteger)
    created: Mapped[datetime] = mapped_column(default=now)
    deleted: Mapped[datetime | None]
    protocol: Mapped[ProtocolRow] = relationship()
    predictions: Mapped[list[PredictionRow]] = relationship(cascade="all, delete-orphan")
    scores: Mapped[list[ScoreRow]] = relationship(cascade="all, delete-orphan")
    tallies: Mapped[list[TallyRow]] = relationship(
        order_by="TallyRow.place", cascade="all, delete-orphan"
    )
    latencies: Mapped[list[LatencyRow]] = relationship(
        order_by="LatencyRow.id", cascade="all, delete-orphan"
    )


class PredictionRow(Base):
    """Logits (float32, little-endian) of a system, in one runtime, on a split's test rows."""

    __tablename__ = "prediction"
    system_id: Mapped[int] = mapped_column(ForeignKey("system.id"), primary_key=True)
    runtime: Mapped[str] = mapped_column(primary_key=True)
    split_id: Mapped[int] = mapped_column(ForeignKey("split.id"), primary_key=True)
    logits: Mapped[bytes] = mapped_column(LargeBinary)
    split: Mapped[SplitRow] = relationship()


class ScoreRow(Base):
    """A metric of a system, with its 95 % interval over speakers.

    ``evidence`` is that of the protocol (``corrected_cv``, ``nested`` or ``holdout``); or, for the
    folds by which the winner was chosen, ``cv`` for the mean over them, with their standard
    deviation as ``spread``, or ``cv_pooled`` for all their clips together.
    """

    __tablename__ = "score"
    system_id: Mapped[int] = mapped_column(ForeignKey("system.id"), primary_key=True)
    runtime: Mapped[str] = mapped_column(primary_key=True)
    protocol_id: Mapped[int] = mapped_column(ForeignKey("protocol.id"), primary_key=True)
    metric: Mapped[str] = mapped_column(primary_key=True)
    evidence: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[float]
    low: Mapped[float | None]
    high: Mapped[float | None]
    spread: Mapped[float | None]


class TallyRow(Base):
    """Tested clips by speaker, true and predicted emotion, for comparing systems.

    ``place`` is 0 for the system itself; the others are rivals: trials of its study that are
    selected instead of it on draws of the speakers who test it.
    """

    __tablename__ = "tally"
    system_id: Mapped[int] = mapped_column(ForeignKey("system.id"), primary_key=True)
    runtime: Mapped[str] = mapped_column(primary_key=True)
    protocol_id: Mapped[int] = mapped_column(ForeignKey("protocol.id"), primary_key=True)
    place: Mapped[int] = mapped_column(primary_key=True, default=0)
    counts: Mapped[bytes] = mapped_column(LargeBinary)


class StudyRow(Base):
    """A search in one outer fold of a protocol; ``key`` is the identity of its plan.

    The studies of all outer folds lead to one system, numbered once the last of them is finished.
    ``plan`` has the largest budget so far; ``finished`` is None until it is spent.
    ``compute_settings`` change the last digits of logits; ``speed_tuning`` chose them.
    ``space`` has the range or the choice of each searched parameter.
    """

    __tablename__ = "study"
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    outer_fold: Mapped[int] = mapped_column(default=0)
    protocol_id: Mapped[int] = mapped_column(ForeignKey("protocol.id"))
    system_id: Mapped[int] = mapped_column(ForeignKey("system.id"))
    plan: Mapped[dict[str, Any]]
    space: Mapped[dict[str, Any]]
    compute_settings: Mapped[dict[str, Any]]
    machine: Mapped[dict[str, Any]]
    versions: Mapped[dict[str, Any]]
    started: Mapped[datetime] = mapped_column(default=now)
    finished: Mapped[datetime | None]
    speed_tuning_id: Mapped[int | None] = mapped_column(ForeignKey("speed_tuning.id"))
    system: Mapped[SystemRow] = relationship()
    speed_tuning: Mapped[SpeedTuningRow | None] = relationship()
    trials: Mapped[list[TrialRow]] = relationship(order_by="TrialRow.number")


class CandidateRow(Base):
    """A study as a candidate of ``serbench search``; ``key`` is that of the study.

    ``seconds`` is the time that its trials have taken, with all preparations. ``latencies`` has the
    90th percentile of its latency, in milliseconds, by the fingerprint of the machine.
    """

    __tablename__ = "candidate"
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(unique=True)
    seconds: Mapped[float] = mapped_column(default=0.0)
    latencies: Mapped[dict[str, float]] = mapped_column(JSON, default=dict)


class LookRow(Base):
    """One network's test on a holdout, which can never be taken back; ``split`` is the holdout.

    ``trial`` is the number of the trial that had won by then, None of an import. ``clips`` hashes
    the dataset's content and the rows tested. The row outlives system and study.
    """

    __tablename__ = "look"
    __table_args__ = (UniqueConstraint("split_id", "system_id", "trial"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    split_id: Mapped[int] = mapped_column(ForeignKey("split.id"))
    system_id: Mapped[int] = mapped_column(ForeignKey("system.id"))
    trial: Mapped[int | None]
    clips: Mapped[str] = mapped_column(index=True)
    uar: Mapped[float]
    looked: Mapped[datetime] = mapped_column(default=now)


class TrialRow(Base):
    """A configuration that a study tried; ``state`` is running, complete, pruned or failed.

    ``failure`` is why it failed.
    """

    __tablename__ = "trial"
    __table_args__ = (UniqueConstraint("study_id", "number"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    study_id: Mapped[int] = mapped_column(ForeignKey("study.id"))
    system_id: Mapped[int] = mapped_column(ForeignKey("system.id"))
    number: Mapped[int]
    parameters: Mapped[dict[str, Any]]
    state: Mapped[str] = mapped_column(default="running")
    failure: Mapped[str] = mapped_column(default="")
    mean_uar: Mapped[float | None]
    study: Mapped[StudyRow] = relationship(back_populates="trials")
    system: Mapped[SystemRow] = relationship()
    trainings: Mapped[list[TrainingRow]] = relationship(
        back_populates="trial", order_by="TrainingRow.id"
    )
    progress: Mapped[list[ProgressRow]] = relationship(cascade="all, delete-orphan")


class ProgressRow(Base):
    """The epochs so far of a training that is not recorded yet, for those who watch the study.

    ``fold`` is that of its split, and ``curve`` the validation UAR of each epoch, or empty in a
    training without validation speakers. The row is removed when the training is recorded, and
    when the study is continued after an interruption. No result depends on it.
    """

    __tablename__ = "progress"
    trial_id: Mapped[int] = mapped_column(ForeignKey("trial.id"), primary_key=True)
    fold: Mapped[str] = mapped_column(primary_key=True)
    epoch: Mapped[int]
    epochs: Mapped[int]
    curve: Mapped[list[float]] = mapped_column(JSON)


class TrainingRow(Base):
    """One training of a trial's configuration, on one split; its logits belong to ``system``.

    ``uar`` is that of the test rows, None where there are none.
    ``curve`` is the validation UAR of each epoch, ``losses`` the validation loss, ``pruned``
    whether the training was stopped because it fell behind; the last columns are its environment.
    """

    __tablename__ = "training"
    __table_args__ = (UniqueConstraint("trial_id", "split_id"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    trial_id: Mapped[int] = mapped_column(ForeignKey("trial.id"))
    split_id: Mapped[int] = mapped_column(ForeignKey("split.id"))
    system_id: Mapped[int] = mapped_column(ForeignKey("system.id"))
    uar: Mapped[float | None]
    epochs: Mapped[int]
    best_epoch: Mapped[int]
    seconds: Mapped[float]
    seed: Mapped[int]
    weights: Mapped[str]
    curve: Mapped[list[float]] = mapped_column(JSON)
    losses: Mapped[list[float]] = mapped_column(JSON)
    pruned: Mapped[bool]
    machine: Mapped[dict[str, Any]]
    device: Mapped[str]
    versions: Mapped[dict[str, Any]]
    trial: Mapped[TrialRow] = relationship(back_populates="trainings")
    split: Mapped[SplitRow] = relationship()
    repetitions: Mapped[list[RepetitionRow]] = relationship(
        order_by="RepetitionRow.number", cascade="all, delete-orphan"
    )


class RepetitionRow(Base):
    """A training of an entry's winner again, which differs in its seed only.

    ``number`` counts the seeds; the training itself has number 1. ``logits`` are those of the
    training's test rows, or None if the training diverged, for which ``failure`` is the reason.
    They are no predictions of a system, and no score, look or ranking depends on them.
    """

    __tablename__ = "repetition"
    training_id: Mapped[int] = mapped_column(ForeignKey("training.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    logits: Mapped[bytes | None] = mapped_column(LargeBinary)
    seed: Mapped[int | None]
    epochs: Mapped[int | None]
    best_epoch: Mapped[int | None]
    seconds: Mapped[float | None]
    failure: Mapped[str] = mapped_column(default="")


class ArtifactRow(Base):
    """A weights file with its training data and its initial weights.

    The row is kept after its file and its system are deleted, because it records the speakers of
    ``split``. ``file`` is relative to the artifacts folder, or None once it is deleted.
    ``began_from`` identifies the initial weights; ``parent`` is their artifact, where they were
    trained here. ``part`` is ``network``, or ``head`` where the rest is frozen and equals the
    initial weights.
    """

    __tablename__ = "artifact"
    id: Mapped[int] = mapped_column(primary_key=True)
    file: Mapped[str | None] = mapped_column(unique=True)
    sha256: Mapped[str] = mapped_column(index=True)
    part: Mapped[str] = mapped_column(default="network")
    backbone: Mapped[str]
    began_from: Mapped[str]
    system_id: Mapped[int | None] = mapped_column(ForeignKey("system.id"))
    split_id: Mapped[int] = mapped_column(ForeignKey("split.id"))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("artifact.id"))
    created: Mapped[datetime] = mapped_column(default=now)
    split: Mapped[SplitRow] = relationship()
    parent: Mapped[ArtifactRow | None] = relationship(remote_side=[id])
