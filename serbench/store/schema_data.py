"""The database: datasets, their recordings, and the splits of protocols on them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, LargeBinary, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from serbench.store.base import Base, now


class DatasetRow(Base):
    """A version of a scanned dataset; scanning other recordings adds a row.

    ``scan`` is the number of its last scan; the version with the highest number is the current one,
    independent of clocks. The row of a deleted dataset stays while the database has networks that
    were trained on it, or tests on its holdouts.
    """

    __tablename__ = "dataset"
    __table_args__ = (UniqueConstraint("name", "hash"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(index=True)
    hash: Mapped[str]
    synthetic: Mapped[bool]
    account: Mapped[dict[str, Any]]
    scan: Mapped[int]
    scanned: Mapped[datetime] = mapped_column(default=now)
    deleted: Mapped[datetime | None]
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
    channel: Mapped[str]


class ProtocolRow(Base):
    """A protocol on a dataset, with its splits; ``identifier`` hashes their rows.

    ``evidence`` states which clips its scores come from, as in ``serbench.data.protocols``.
    """

    __tablename__ = "protocol"
    __table_args__ = (UniqueConstraint("dataset_id", "name"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    dataset_id: Mapped[int] = mapped_column(ForeignKey("dataset.id"))
    name: Mapped[str]
    identifier: Mapped[str] = mapped_column(index=True)
    evidence: Mapped[str]
    dataset: Mapped[DatasetRow] = relationship()
    splits: Mapped[list[SplitRow]] = relationship(order_by="SplitRow.id")


class SplitRow(Base):
    """Rows of the manifest to train on and to test on, int64 little-endian, and their hash.

    ``fold`` is the number of a fold of the search, or ``holdout`` for the last training of the
    winner, whose test rows are those of the holdout; there are none where nothing is set aside.
    """

    __tablename__ = "split"
    __table_args__ = (UniqueConstraint("protocol_id", "outer_fold", "fold"),)
    id: Mapped[int] = mapped_column(primary_key=True)
    protocol_id: Mapped[int] = mapped_column(ForeignKey("protocol.id"))
    outer_fold: Mapped[int]
    fold: Mapped[str]
    train: Mapped[bytes] = mapped_column(LargeBinary)
    test: Mapped[bytes] = mapped_column(LargeBinary)
    hash: Mapped[str]
    protocol: Mapped[ProtocolRow] = relationship(back_populates="splits")
