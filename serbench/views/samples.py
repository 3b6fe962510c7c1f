"""Clips of an emotion to listen to: a list, and a page with sound and spectrograms."""

from __future__ import annotations

import io
from base64 import b64encode
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.resources import files
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from serbench.data.audio import read_audio
from serbench.data.emotions import canonical_emotion
from serbench.data.manifest import Manifest, Utterance
from serbench.errors import MissingPackageError, UsageError

RANGE = 80.0
"""Range of a spectrogram in dB below its loudest point; all below is drawn alike."""

HIGHEST = 8_000.0
"""Highest frequency of a spectrogram in Hz."""

WINDOW = 0.032
"""Length of the window of a spectrogram in seconds."""

SIZE = (420, 110)
"""Width and height of a spectrogram in pixels."""


@dataclass(frozen=True)
class Sample:
    """One clip of a dataset.

    Attributes:
        path: path of the recording.
        corpus: corpus of the recording.
        speaker: its speaker.
        emotion: its emotion.
        label: its label in the corpus.
        seconds: its length.
        channel: the channel that is used of several.
    """

    path: str
    corpus: str
    speaker: str
    emotion: str
    label: str
    seconds: float
    channel: str

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for ``--format json``."""
        return asdict(self)


def samples(
    manifest: Manifest, emotion: str, speaker: str | None = None, count: int = 10
) -> list[Sample]:
    """Clips of an emotion, of as many different speakers as possible.

    Args:
        manifest: the dataset.
        emotion: its name, in any spelling that the vocabulary knows.
        speaker: only clips of this speaker, with or without its corpus; None for all speakers.
        count: largest number of clips.

    Raises:
        UsageError: the dataset has no such emotion or speaker, or no such clip of this speaker.
    """
    named = emotion if emotion in manifest.emotions else canonical_emotion(emotion)
    if named not in manifest.emotions:
        raise UsageError(
            f"dataset '{manifest.name}' has no clip of '{emotion}': choose from "
            f"{', '.join(manifest.emotions)}",
            emotion=emotion,
        )
    by_speaker: dict[str, list[Utterance]] = defaultdict(list)
    for each in manifest.utterances:
        by_speaker[each.speaker].append(each)
    if speaker is not None:
        found = [name for name in by_speaker if speaker in (name, name.partition("/")[2])]
        if not found:
            raise UsageError(
                f"dataset '{manifest.name}' has no speaker '{speaker}': `serbench plot corpus "
                f"{manifest.name} --out speakers.png` shows all speakers",
                speaker=speaker,
            )
        by_speaker = {name: by_speaker[name] for name in found}
    clips = [
        [each for each in by_speaker[name] if each.emotion == named] for name in sorted(by_speaker)
    ]
    chosen = [each for each in chain(*zip_longest(*clips)) if each is not None][:count]
    if not chosen:
        raise UsageError(
            f"speaker '{speaker}' of dataset '{manifest.name}' has no clip of '{named}': leave "
            "out --speaker",
            speaker=speaker,
            emotion=named,
        )
    return [
        Sample(
            *(each.path, each.corpus, each.speaker, each.emotion, each.label),
            *(each.seconds, each.channel),
        )
        for each in chosen
    ]


def samples_page(name: str, chosen: Sequence[Sample]) -> str:
    """A page with a player and a spectrogram of each clip, which opens from a disk.

    Args:
        name: name of the dataset.
        chosen: one or more clips of one emotion, of which the page has the sound as it is read for
            training: one channel, in 16 bits.

    Raises:
        AudioError: a recording cannot be read.
        MissingPackageError: Jinja2 is not installed.
    """
    try:
        import jinja2
    except ImportError as error:
        raise MissingPackageError(
            "a page needs Jinja2: pip install jinja2, or '.[site]' in a checkout", package="jinja2"
        ) from error
    template = files(__package__).joinpath("samples.html").read_text(encoding="utf-8")
    page = jinja2.Environment(autoescape=True).from_string(template)
    return page.render(dataset=name, clips=[_shown(sample) for sample in chosen], size=SIZE)


def _shown(sample: Sample) -> dict[str, Any]:
    """A clip with its sound as FLAC and its spectrogram as PNG, in base64."""
    import soundfile

    audio = read_audio(sample.path, sample.channel)
    sound = np.clip(audio.mono, -1, 1)
    flac = io.BytesIO()
    soundfile.write(flac, sound, audio.sample_rate, format="FLAC", subtype="PCM_16")
    return {
        **asdict(sample),
        "file": Path(sample.path).name,
        "sound": b64encode(flac.getvalue()).decode(),
        "picture": b64encode(_picture(sound, audio.sample_rate)).decode(),
        "highest": min(HIGHEST, audio.sample_rate / 2) / 1000,
    }


def spectrogram(sound: npt.NDArray[np.float32], rate: int) -> npt.NDArray[np.float64]:
    """Level of each frequency up to `HIGHEST` (rows, the lowest first) over time (columns).

    Returns:
        Levels in [0, 1]; 1 is the loudest point, 0 is `RANGE` dB below it or less.
    """
    from scipy.signal import ShortTimeFFT
    from scipy.signal.windows import hann

    length = min(max(16, round(WINDOW * rate)), len(sound))
    transform = ShortTimeFFT(hann(length, sym=False), hop=max(1, length // 4), fs=rate)
    power = transform.spectrogram(sound.astype(np.float64))[transform.f <= HIGHEST]
    level = 10 * np.log10(np.maximum(power, 1e-20))
    found: npt.NDArray[np.float64] = np.clip(1 + (level - level.max()) / RANGE, 0, 1)
    return found


def _picture(sound: npt.NDArray[np.float32], rate: int) -> bytes:
    """A spectrogram as PNG, dark where it is loud."""
    from PIL import Image

    shades = (255 * (1 - spectrogram(sound, rate)[::-1])).astype(np.uint8)
    image = Image.fromarray(shades).resize(SIZE, Image.Resampling.BILINEAR)
    png = io.BytesIO()
    image.save(png, format="PNG", optimize=True)
    return png.getvalue()
