"""Protocols in sentences."""

from __future__ import annotations

from serbench.data.protocols.names import FOLDS, RANDOM_FOLDS, Protocol
from serbench.data.protocols.published import PUBLISHED

LISTED = (
    ("speaker-K", "speakers dealt into K folds, so that nobody is heard on both sides"),
    ("random-K", "clips dealt into K folds whoever speaks: speaker-dependent"),
    ("corpus", "each corpus is a fold, of the speakers outside the holdout"),
    ("loso", "each speaker is a fold (leave one speaker out)"),
    *((name, protocol.sentence) for name, protocol in PUBLISHED.items()),
    (f"{FOLDS}:FILE", "your own folds: a CSV of path and fold, or EmoBox's JSON lines"),
    (f"{RANDOM_FOLDS}:FILE", "the same where a speaker may be on both sides: speaker-dependent"),
)
"""Every form a name may have, and what it means."""

MODIFIERS = (
    ("NAME@SEED", "another split by the same rule"),
    (
        "NAME:nested-K",
        "K outer folds, each a search and an holdout, in which everyone is tested once",
    ),
)
"""What may follow the rules, in this order."""


def describe(protocol: Protocol) -> str:
    """What a protocol does, in a sentence."""
    if protocol.rule in PUBLISHED:
        return f"{PUBLISHED[protocol.rule].sentence}; the search folds whole groups of the others"
    if protocol.file is not None:
        whoever = "" if protocol.speaker_disjoint else ", whoever speaks"
        tested = "'holdout', or else each of them in turn, is tested"
        return f"the folds of {protocol.file.path}{whoever}; {tested}"
    unit = "speaker" if protocol.speaker_disjoint else "clip"
    if protocol.nested is None:
        holdout = f"one {unit} in five is in the holdout"
    else:
        holdout = f"in {protocol.nested} outer folds every {unit} is tested once"
    folds = {
        "speaker": f"the other speakers are dealt into {protocol.k} folds",
        "random": f"the other clips are dealt into {protocol.k} folds, whoever speaks",
        "corpus": "of the others, each corpus is a fold",
        "loso": "of the others, each speaker is a fold",
    }
    return f"{holdout}; {folds[protocol.rule]}"
