"""EmoDB, the Berlin database: ten actors, ten German sentences, seven emotions, 535 recordings.

Names are ``03a01Fa``: speaker, sentence, the first letter of the German emotion word, and a letter
for the version. Names and the speakers' sexes are explained on http://emodb.bilderbar.info/; see
F. Burkhardt et al., *A Database of German Emotional Speech*, Interspeech 2005.
"""

from __future__ import annotations

from collections.abc import Callable

from serbench import hookimpl
from serbench.data.corpus import Corpus, NamedFiles
from serbench.data.licence import Licence

EMODB = NamedFiles(
    name="emodb",
    title="EmoDB, Berlin Database of Emotional Speech (Burkhardt et al. 2005)",
    licence=Licence("free to download; see the publisher's page for terms"),
    speech="acted",
    language="German",
    home="http://emodb.bilderbar.info/",
    pattern=r"(?P<speaker>\d\d)(?P<sentence>[a-z]\d\d)(?P<label>[A-Z])[a-z]?",
    ranges={
        "speaker": "03|08|09|1[0-6]",
        "sentence": "a0[12457]|b0[1239]|b10",
        "label": "[WLEAFTN]",
    },
    emotions={
        "w": "anger",  # Wut
        "l": "boredom",  # Langeweile
        "e": "disgust",  # Ekel
        "a": "fear",  # Angst
        "f": "happiness",  # Freude
        "t": "sadness",  # Trauer
        "n": "neutral",
    },
    sexes=dict.fromkeys(("03", "10", "11", "12", "15"), "male")
    | dict.fromkeys(("08", "09", "13", "14", "16"), "female"),
)


@hookimpl
def register_corpora(register: Callable[[Corpus], None]) -> None:
    """Register EmoDB."""
    register(EMODB)
