"""Protocols: how the recordings of a dataset are split into training and test."""

from __future__ import annotations

from serbench.data.protocols.audit import check_fold, check_outer_fold
from serbench.data.protocols.identity import METRIC, fold_hash, protocol_from_id, protocol_id
from serbench.data.protocols.names import (
    LISTED,
    MANY_SPEAKERS,
    MODIFIERS,
    USUAL,
    Protocol,
    describe,
    is_speaker_dependent,
    parse_protocol,
    without_folder,
)
from serbench.data.protocols.published import PUBLISHED
from serbench.data.protocols.splits import HOLDOUT_SHARE, split_dataset
from serbench.data.protocols.units import (
    HOLDOUT,
    LAST,
    VALIDATION_SHARE,
    Evidence,
    Fold,
    OuterFold,
    Rows,
    Split,
    linked_speakers,
    shown_fold,
    validation_part,
)

__all__ = [
    "HOLDOUT",
    "HOLDOUT_SHARE",
    "LAST",
    "LISTED",
    "MANY_SPEAKERS",
    "METRIC",
    "MODIFIERS",
    "PUBLISHED",
    "USUAL",
    "VALIDATION_SHARE",
    "Evidence",
    "Fold",
    "OuterFold",
    "Protocol",
    "Rows",
    "Split",
    "check_fold",
    "check_outer_fold",
    "describe",
    "fold_hash",
    "is_speaker_dependent",
    "linked_speakers",
    "parse_protocol",
    "protocol_from_id",
    "protocol_id",
    "shown_fold",
    "split_dataset",
    "validation_part",
    "without_folder",
]
