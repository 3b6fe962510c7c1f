"""EMOVO: six Italian actors, fourteen sentences, seven emotions, 588 recordings.

Names are ``dis-f1-b1``: the first letters of the Italian emotion word, the speaker (three women,
three men), the sentence. See G. Costantini et al., *EMOVO Corpus: an Italian Emotional Speech
Database*, LREC 2014, https://aclanthology.org/L14-1478/.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from serbench import hookimpl
from serbench.data.corpus import Corpus, NamedFiles
from serbench.data.licence import Licence


class Emovo(NamedFiles):
    """EMOVO, whose speakers are a letter for the sex and a number."""

    def speaker(self, match: re.Match[str]) -> str:
        """``f1`` to ``m3``, in lower case however a copy spells them."""
        return match["speaker"].lower()


EMOVO = Emovo(
    name="emovo",
    title="EMOVO, Italian Emotional Speech Database (Costantini et al. 2014)",
    licence=Licence("free to download; see the publisher's page for terms"),
    speech="acted",
    language="Italian",
    home="http://voice.fub.it/activities/corpora/emovo/index.html, described in "
    "https://aclanthology.org/L14-1478/",
    pattern=r"(?P<label>[a-z]{3})-(?P<speaker>[a-z]\d)-(?P<sentence>[a-z]\d)",
    ranges={
        "label": "dis|gio|neu|pau|rab|sor|tri",
        "speaker": "[fm][1-3]",
        "sentence": "b[1-3]|d[12]|l[1-4]|n[1-5]",
    },
    emotions={
        "dis": "disgust",  # disgusto
        "gio": "happiness",  # gioia
        "neu": "neutral",  # neutrale
        "pau": "fear",  # paura
        "rab": "anger",  # rabbia
        "sor": "surprise",  # sorpresa
        "tri": "sadness",  # tristezza
    },
    sexes={
        f"{letter}{n}": sex
        for letter, sex in zip("fm", ("female", "male"), strict=True)
        for n in (1, 2, 3)
    },
)


@hookimpl
def register_corpora(register: Callable[[Corpus], None]) -> None:
    """Register EMOVO."""
    register(EMOVO)
