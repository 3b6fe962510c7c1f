"""Properties by which recordings are divided into groups: sex, corpus, language, intensity.

A dataset stores sex and corpus of each recording. The plugins of published corpora know the
language, and the intensity where it is in the names of files.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from serbench.data.corpus import Corpus, NamedFiles
from serbench.data.lookalikes import named_parts
from serbench.data.manifest import Utterance

Trait = Literal["sex", "corpus", "language", "intensity"]

TRAITS: tuple[Trait, ...] = ("sex", "corpus", "language", "intensity")


def traits_of(utterance: Utterance, corpora: Mapping[str, Corpus]) -> dict[Trait, str | None]:
    """The traits of one recording; None for those that are not known.

    Args:
        utterance: the recording.
        corpora: the registered corpora by name.
    """
    corpus = corpora.get(utterance.corpus)
    named = corpus if isinstance(corpus, NamedFiles) else None
    return {
        "sex": utterance.sex,
        "corpus": utterance.corpus,
        "language": (named.language or None) if named else None,
        "intensity": _intensity(named, utterance.path) if named else None,
    }


def _intensity(corpus: NamedFiles, path: str) -> str | None:
    """The intensity in the name of a file, for corpora that declare what it means."""
    if not corpus.intensities:
        return None
    match = named_parts(corpus.pattern, Path(path))
    return None if match is None else corpus.intensities.get(match["intensity"].lower())
