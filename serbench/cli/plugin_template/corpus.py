"""Corpus ``$name``: files such as ``$name-anna-anger-07.wav``, to be replaced by your corpus."""

from __future__ import annotations

from collections.abc import Callable

from serbench import hookimpl
from serbench.data.corpus import Corpus, NamedFiles
from serbench.data.licence import Licence

CORPUS = NamedFiles(
    name="$name",
    title="$name: write here who published it, and when",
    licence=Licence("SPDX identifier or terms in a few words", commercial="unknown"),
    speech="acted",
    home="write here where a person can get it",
    pattern=r"$name-(?P<speaker>\w+)-(?P<label>anger|joy|neutral)-(?P<sentence>\d+)",
    emotions={"anger": "anger", "joy": "happiness", "neutral": "neutral"},
    sexes={"anna": "female"},
    ranges={"sentence": r"\d{1,3}"},
)


@hookimpl
def register_corpora(register: Callable[[Corpus], None]) -> None:
    """Register ``$name``."""
    register(CORPUS)
