"""RAVDESS: 24 actors, two sentences, eight emotions at two intensities, spoken and sung.

Names are ``modality-channel-emotion-intensity-statement-repetition-actor``, as explained on
https://zenodo.org/records/1188976 and in S. R. Livingstone and F. A. Russo, *The Ryerson
Audio-Visual Database of Emotional Speech and Song*, PLoS ONE 13(5), 2018. All eight emotions are
recognised; the label set of a scan selects those that a study uses.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from serbench import hookimpl
from serbench.data.corpus import Corpus, NamedFiles
from serbench.data.licence import Licence


class Ravdess(NamedFiles):
    """RAVDESS, without its songs and the audio tracks of its videos."""

    def excluded(self, match: re.Match[str]) -> str | None:
        """Song, and whatever was made from the videos, whose sound the audio files repeat."""
        if match["channel"] == "02":
            return "song, not speech"
        return None if match["modality"] == "03" else "not an audio-only recording"


RAVDESS = Ravdess(
    name="ravdess",
    title="RAVDESS, Ryerson Audio-Visual Database of Emotional Speech and Song "
    "(Livingstone and Russo 2018)",
    licence=Licence("CC-BY-NC-SA-4.0", "no"),
    speech="acted",
    language="English",
    intensities={"01": "normal", "02": "strong"},
    home="https://zenodo.org/records/1188976",
    pattern=r"(?P<modality>\d\d)-(?P<channel>\d\d)-(?P<label>\d\d)-(?P<intensity>\d\d)"
    r"-(?P<sentence>\d\d)-(?P<repetition>\d\d)-(?P<speaker>\d\d)",
    ranges={
        "modality": "0[1-3]",
        "channel": "0[12]",
        "label": "0[1-8]",
        "intensity": "0[12]",
        "sentence": "0[12]",
        "repetition": "0[12]",
        "speaker": r"0[1-9]|1\d|2[0-4]",
    },
    impossible=({"label": "01", "intensity": "02"}, {"channel": "02", "label": "0[78]"}),
    emotions={
        "01": "neutral",
        "02": "calm",
        "03": "happiness",
        "04": "sadness",
        "05": "anger",
        "06": "fear",
        "07": "disgust",
        "08": "surprise",
    },
    sexes={f"{actor:02}": "male" if actor % 2 else "female" for actor in range(1, 25)},
)


@hookimpl
def register_corpora(register: Callable[[Corpus], None]) -> None:
    """Register RAVDESS."""
    register(RAVDESS)
