"""The demo corpus: six emotions by eight espeak-ng voices, for trying serbench.

The speech is synthetic. A voice expresses an emotion only by its prosody: rate, volume, pitch,
pitch range, pauses, final contour. The directions of these changes follow K. R. Scherer, *Vocal
communication of emotion: A review of research paradigms*, Speech Communication 40, 2003 (sadness
slow, low and flat; anger loud and fast; fear high and fast; happiness lively); their sizes were
chosen for serbench. Each clip differs from them by a seeded random amount, so that emotions
overlap: on new voices, a linear classifier of the mean and deviation of log-mel bands reaches an
accuracy of about 70 %, where chance is 17 %. Results on this corpus do not hold for human speech.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from serbench import hookimpl
from serbench.builtin.espeak import Line, record
from serbench.data.corpus import Corpus, NamedFiles
from serbench.data.emotions import SHARED_EMOTIONS
from serbench.data.licence import Licence
from serbench.errors import DatasetError

VOICES = {
    "anna": "en-us+f1",
    "beth": "en-us+f2",
    "cora": "en+f3",
    "dora": "en+f4",
    "evan": "en-us+m1",
    "finn": "en-us+m3",
    "glen": "en+m4",
    "hugo": "en+m7",
}
"""Speaker → accent and variant of espeak-ng; the first four are women."""

SENTENCES = {
    "bus": "The next bus leaves at ten",
    "keys": "Your keys are on the kitchen table",
    "letter": "He put the letter back in the drawer",
    "market": "We walked to the market today",
    "window": "Somebody left the window open",
}
"""Five sentences, written for this corpus, that can be spoken with every emotion."""


@dataclass(frozen=True, slots=True)
class Manner:
    """The mean prosody of an emotion, and the possible ends of its sentences."""

    rate: float
    volume: float
    pitch: float
    pitch_range: float
    word_gap: float
    endings: str


MANNERS = {
    "sadness": Manner(132, 62, 25, 20, 1.0, "..,"),
    "anger": Manner(190, 140, 46, 75, 0.0, "!!."),
    "disgust": Manner(148, 106, 18, 65, 1.0, ".!,"),
    "fear": Manner(208, 70, 85, 25, 0.5, "?,!"),
    "happiness": Manner(178, 112, 82, 90, 0.5, "!?."),
    "neutral": Manner(165, 88, 48, 45, 0.5, "..."),
}

STRAYING = Manner(8, 7, 5, 8, 0.3, "")
"""Standard deviations of one clip around the mean prosody of its emotion."""

LIMITS = {
    "rate": (120, 230),
    "volume": (40, 170),
    "pitch": (5, 95),
    "pitch_range": (0, 99),
    "word_gap": (0, 2),
}


def script() -> list[Line]:
    """All clips of the corpus, which are the same in every run."""
    return [
        line(voice, emotion, sentence)
        for voice in VOICES
        for emotion in SHARED_EMOTIONS
        for sentence in SENTENCES
    ]


def line(voice: str, emotion: str, sentence: str) -> Line:
    """One clip: the prosody of its emotion plus noise that is seeded by the name of the clip."""
    name = f"demo_{voice}_{emotion}_{sentence}"
    chance = random.Random(name)  # noqa: S311
    manner = MANNERS[emotion]
    values = {}
    for parameter, (lowest, highest) in LIMITS.items():
        value = round(chance.gauss(getattr(manner, parameter), getattr(STRAYING, parameter)))
        values[parameter] = min(max(value, lowest), highest)
    text = SENTENCES[sentence] + chance.choice(manner.endings)
    return Line(f"{name}.wav", text, VOICES[voice], **values)


@dataclass(frozen=True)
class Demo(NamedFiles):
    """A corpus that is synthesised on this machine."""

    def fetch(self, folder: Path) -> None:
        """Synthesise the whole corpus in ``folder``, or only the missing clips.

        Raises:
            DatasetError: espeak-ng does not work on this machine, or the folder cannot be written.
        """
        lines = script()
        if all((folder / line.file).is_file() for line in lines):
            return
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".demo-", dir=folder.parent) as temporary:
                made = Path(temporary) / "demo"
                made.mkdir()
                record(lines, made)
                move(made, folder)
        except OSError as error:
            raise DatasetError(
                f"the demo corpus cannot be written to {folder} ({error}): give another folder "
                "with --to"
            ) from error


def move(made: Path, folder: Path) -> None:
    """Rename ``made`` to ``folder``; if that exists already, move the new files into it."""
    try:
        made.rename(folder)
    except OSError:
        for clip in made.iterdir():
            clip.replace(folder / clip.name)


DEMO = Demo(
    name="demo",
    title="serbench demo: synthetic speech, made on this machine by espeak-ng",
    licence=Licence("MIT (espeak-ng, which synthesises it, is GPL-3.0)", "yes"),
    speech="synthetic",
    language="English",
    home="`serbench corpus fetch demo` makes it on this machine without a download",
    pattern=rf"demo_(?P<speaker>{'|'.join(VOICES)})_(?P<label>{'|'.join(SHARED_EMOTIONS)})"
    rf"_(?P<sentence>{'|'.join(SENTENCES)})",
    emotions={emotion: emotion for emotion in SHARED_EMOTIONS},
    sexes={voice: "female" if n < 4 else "male" for n, voice in enumerate(VOICES)},
    synthetic=True,
)


@hookimpl
def register_corpora(register: Callable[[Corpus], None]) -> None:
    """Register the demo corpus."""
    register(DEMO)
