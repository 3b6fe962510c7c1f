"""The vocabulary of emotions: canonical names, their order, and the translation of labels."""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Iterable
from functools import cache, lru_cache

from serbench.data.emotion_words import WORDS

EMOTIONS = (
    "sadness",
    "anger",
    "disgust",
    "fear",
    "happiness",
    "neutral",
    "calm",
    "surprise",
    "boredom",
    "contempt",
)
"""Canonical emotions in their fixed order; the first six are codes 0 to 5 of the paper."""

SHARED_EMOTIONS = EMOTIONS[:6]
"""The six emotions that RAVDESS, CREMA-D, SAVEE and TESS share."""

SEPARATORS = re.compile(r"[\s_\-–—/+.,;:!?'’\"()\[\]]+")
DIACRITICS = re.compile("[\u0300-\u036f]")
LETTERS = str.maketrans({"ı": "i", "ł": "l", "ø": "o", "đ": "d", "æ": "ae", "œ": "oe"})
"""Letters that Unicode does not decompose into a plain letter and an accent."""

UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue"})


@lru_cache(maxsize=1024)
def label_key(label: str) -> str:
    """A key that is equal for different spellings of one label.

    Case, accents (composed or not), widths, underscores, hyphens and spaces are ignored.
    """
    text = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", label).casefold())
    plain = unicodedata.normalize("NFC", DIACRITICS.sub("", text)).translate(LETTERS)
    return SEPARATORS.sub(" ", plain).strip()


def canonical_emotion(label: str) -> str | None:
    """The canonical emotion of a label in any language, or None if the vocabulary lacks it."""
    return _vocabulary().get(label_key(label))


def nearest_emotion(label: str) -> str:
    """The emotion of the word that is most similar to a label, as an example for ``--map``."""
    words = difflib.get_close_matches(label_key(label), _vocabulary(), n=1)
    return _vocabulary()[words[0]] if words else "anger"


def own_emotion(label: str) -> str:
    """The name of an emotion outside of the vocabulary: lower case, words joined by ``_``."""
    text = unicodedata.normalize("NFC", label).lower()
    return "_".join(re.split(r"[\s_\-]+", text.strip()))


def in_order(emotions: Iterable[str]) -> tuple[str, ...]:
    """Emotions in their fixed order, each once; others follow in alphabetical order."""
    present = set(emotions)
    return (
        *(emotion for emotion in EMOTIONS if emotion in present),
        *sorted(present.difference(EMOTIONS)),
    )


@cache
def _vocabulary() -> dict[str, str]:
    return {
        label_key(spelling): emotion
        for emotion, text in WORDS.items()
        for word in re.split(r"[,\n]", text.replace("code:", ""))
        for spelling in (word.strip(), word.strip().casefold().translate(UMLAUTS))
        if spelling
    }
