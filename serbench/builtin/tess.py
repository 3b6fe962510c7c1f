"""TESS: two actresses, one older and one younger, 200 words, seven emotions.

Names are ``OAF_word_emotion`` and ``YAF_word_emotion``; the word ends the carrier phrase "Say the
word …". See https://doi.org/10.5683/SP2/E8H2MF (M. K. Pichora-Fuller and K. Dupuis, *Toronto
Emotional Speech Set*, 2010). One file of the older actress is published as ``OA_bite_neutral``;
"pleasant surprise" is ``ps`` in file names and a word or two in some copies.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from serbench import hookimpl
from serbench.data.corpus import Corpus, NamedFiles
from serbench.data.licence import Licence


class Tess(NamedFiles):
    """TESS, with a correction for one misnamed file."""

    def speaker(self, match: re.Match[str]) -> str:
        """``OAF`` or ``YAF``: the older or the younger actress."""
        return "OAF" if match["speaker"].upper() == "OA" else match["speaker"].upper()


TESS = Tess(
    name="tess",
    title="TESS, Toronto Emotional Speech Set (Pichora-Fuller and Dupuis 2010)",
    licence=Licence("CC-BY-NC-ND-4.0", "no"),
    speech="acted",
    language="English",
    home="https://doi.org/10.5683/SP2/E8H2MF",
    pattern=r"(?P<speaker>[A-Z]A[FM]?)_(?P<sentence>[a-z]+)"
    r"_(?P<label>pleasant_surprised?|[a-z]+)",
    ranges={
        "speaker": "OAF?|YAF",
        "label": "angry|disgust|fear|happy|neutral|sad|ps|pleasant_surprised?",
    },
    emotions={
        "angry": "anger",
        "disgust": "disgust",
        "fear": "fear",
        "happy": "happiness",
        "neutral": "neutral",
        "sad": "sadness",
        "ps": "surprise",
        "pleasant_surprise": "surprise",
        "pleasant_surprised": "surprise",
    },
    sexes={"OAF": "female", "YAF": "female"},
)


@hookimpl
def register_corpora(register: Callable[[Corpus], None]) -> None:
    """Register TESS."""
    register(TESS)
