"""SAVEE: four men, fifteen sentences in each of six emotions, thirty in neutral.

Names are ``DC_a01.wav``, or ``DC/a01.wav`` as the publisher packs them: speaker, emotion, number
of the sentence within the emotion. See http://kahlan.eps.surrey.ac.uk/savee/ and S. Haq and
P. J. B. Jackson, *Multimodal Emotion Recognition*, in: Machine Audition, IGI Global, 2010.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from serbench import hookimpl
from serbench.data.corpus import Corpus, NamedFiles
from serbench.data.licence import Licence


class Savee(NamedFiles):
    """SAVEE, whose speakers are initials."""

    def speaker(self, match: re.Match[str]) -> str:
        """Write the initials in capitals, however a copy spells them."""
        return match["speaker"].upper()


SAVEE = Savee(
    name="savee",
    title="SAVEE, Surrey Audio-Visual Expressed Emotion (Haq and Jackson 2010)",
    licence=Licence("free for research, after registration with the publisher", "no"),
    speech="acted",
    language="English",
    home="http://kahlan.eps.surrey.ac.uk/savee/",
    pattern=r"(?P<speaker>[A-Z]{2})[_/](?P<sentence>(?P<label>[a-z]{1,2})\d\d)",
    ranges={
        "speaker": "DC|JE|JK|KL",
        "sentence": r"(?:sa|su|[adfh])(?:0[1-9]|1[0-5])|n(?:0[1-9]|[12]\d|30)",
    },
    emotions={
        "a": "anger",
        "d": "disgust",
        "f": "fear",
        "h": "happiness",
        "n": "neutral",
        "sa": "sadness",
        "su": "surprise",
    },
    sexes=dict.fromkeys(("DC", "JE", "JK", "KL"), "male"),
)


@hookimpl
def register_corpora(register: Callable[[Corpus], None]) -> None:
    """Register SAVEE."""
    register(SAVEE)
