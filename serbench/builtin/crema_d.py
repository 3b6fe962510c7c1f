"""CREMA-D: 91 actors, twelve sentences, six emotions, one sentence at three levels.

Names are ``actor_sentence_EMO_LEVEL``; see https://github.com/CheyneyComputerScience/CREMA-D and
H. Cao et al., *CREMA-D: Crowd-sourced Emotional Multimodal Actors Dataset*, IEEE Transactions on
Affective Computing 5(4), 2014. The actors' sexes are those of ``VideoDemographics.csv`` in that
repository. One clip is published as ``1040_ITH_SAD_X``, with half of its level missing.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from serbench import hookimpl
from serbench.data.corpus import Corpus, NamedFiles
from serbench.data.licence import Licence

FEMALE_ACTORS = frozenset(
    {1002, 1003, 1004, 1006, 1007, 1008, 1009, 1010, 1012, 1013, 1018, 1020, 1021, 1024, 1025}
    | {1028, 1029, 1030, 1037, 1043, 1046, 1047, 1049, 1052, 1053, 1054, 1055, 1056, 1058, 1060}
    | {1061, 1063, 1072, 1073, 1074, 1075, 1076, 1078, 1079, 1082, 1084, 1089, 1091}
)

TWINS = {
    "1006_TIE_NEU_XX": "1006_TIE_HAP_XX",
    "1013_WSI_SAD_XX": "1013_WSI_DIS_XX",
    "1017_IWW_FEA_XX": "1017_IWW_ANG_XX",
}
"""Byte-identical files with two labels, of which the correct one is unknown."""


class CremaD(NamedFiles):
    """CREMA-D, whose repository has every clip twice: as WAV, and as the MP3 for its raters."""

    def excluded(self, match: re.Match[str]) -> str | None:
        """Leave out the MP3 copies, which would duplicate recordings in a study."""
        if match.string.startswith("AudioMP3/"):
            return "MP3 copy of a clip in AudioWAV"
        return None


CREMA_D = CremaD(
    name="crema-d",
    title="CREMA-D, Crowd-sourced Emotional Multimodal Actors Dataset (Cao et al. 2014)",
    licence=Licence("ODbL-1.0", "yes"),
    speech="acted",
    language="English",
    intensities={"lo": "low", "md": "medium", "hi": "high"},
    home="https://github.com/CheyneyComputerScience/CREMA-D",
    pattern=r"(?P<speaker>\d{4})_(?P<sentence>[A-Z]{3})_(?P<label>[A-Z]{3})_(?P<intensity>[A-Z]{1,2})",
    ranges={
        "speaker": r"10(?:0[1-9]|[1-8]\d|9[01])",
        "sentence": "IEO|TIE|IOM|IWW|TAI|MTI|IWL|ITH|DFA|ITS|TSI|WSI",
        "label": "ANG|DIS|FEA|HAP|NEU|SAD",
        "intensity": "LO|MD|HI|XX?",
    },
    impossible=({"sentence": "(?!IEO)...", "intensity": "LO|MD|HI"},),
    emotions={
        "ang": "anger",
        "dis": "disgust",
        "fea": "fear",
        "hap": "happiness",
        "neu": "neutral",
        "sad": "sadness",
    },
    sexes={
        str(actor): "female" if actor in FEMALE_ACTORS else "male" for actor in range(1001, 1092)
    },
    known_conflicts=TWINS | {twin: stem for stem, twin in TWINS.items()},
)


@hookimpl
def register_corpora(register: Callable[[Corpus], None]) -> None:
    """Register CREMA-D."""
    register(CREMA_D)
