"""The identifier of a protocol on a dataset, which is equal for results in one ranking."""

from __future__ import annotations

import hashlib
import json

from serbench.data.manifest import Manifest
from serbench.data.protocols.names import FOLDS, RANDOM_FOLDS, Protocol, parse_protocol
from serbench.data.protocols.splits import split_dataset
from serbench.data.protocols.units import Fold, Split
from serbench.errors import UsageError

METRIC = "uar: mean recall over the emotions that occur; argmax of logits"
"""The metric of the ranking, with its definition."""

DIGITS = 8


def fold_hash(fold: Fold) -> str:
    """SHA-256 of the training rows of a fold, then of its test rows, int64 little-endian."""
    sides = (fold.train.astype("<i8").tobytes(), fold.test.astype("<i8").tobytes())
    parts = b"".join(hashlib.sha256(side).digest() for side in sides)
    return hashlib.sha256(parts).hexdigest()


def protocol_id(manifest: Manifest, protocol: Protocol, split: Split) -> str:
    """An identifier such as ``speaker-5#1f3a9c0d``.

    The name without any path, and the first eight hexadecimal digits of SHA-256 over the dataset's
    hash, the label set, the metric's definition and the rows of every split, but not over the rule
    that made them. Two results with the same identifier were scored in the same way on the same
    clips by networks trained on the same clips; folders, machines and the dataset's name do not
    influence it.
    """
    identity = {
        "dataset": manifest.hash,
        "emotions": manifest.emotions,
        "metric": METRIC,
        "splits": [
            [fold_hash(fold) for fold in (outer.holdout, *outer.folds)]
            for outer in split.outer_folds
        ],
    }
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    return f"{protocol.rule_name}#{digest[:DIGITS]}"


def protocol_from_id(manifest: Manifest, text: str) -> Protocol:
    """The protocol with a name or an identifier on a dataset.

    Args:
        manifest: the dataset.
        text: ``speaker-5``, ``speaker-5#1f3a9c0d``, ``folds:FILE``.

    Raises:
        UnknownNameError: there is no protocol of that name.
        UsageError: as ``parse_protocol``; or the identifier belongs to another dataset.
    """
    name, _, digits = text.partition("#")
    if name in (FOLDS, RANDOM_FOLDS):
        raise UsageError(
            f"protocol '{text}' names no file with folds: give {name}:FILE",
            identifier=text,
        )
    if not digits or text.startswith((f"{FOLDS}:", f"{RANDOM_FOLDS}:")):
        return parse_protocol(text)
    protocol = parse_protocol(name)
    here = protocol_id(manifest, protocol, split_dataset(manifest, protocol))
    if here != f"{protocol.rule_name}#{digits}":
        raise UsageError(
            f"protocol {text} does not belong to dataset '{manifest.name}', whose clips, emotions "
            f"or labels differ: give {here} or {name}",
            identifier=text,
            here=here,
        )
    return protocol
