"""Sounds as lively as speech, no two alike, and datasets of them under RAVDESS's names."""

from functools import cache
from pathlib import Path

import numpy as np
import soundfile

from serbench.builtin.crema_d import CREMA_D
from serbench.builtin.ravdess import RAVDESS
from serbench.builtin.tess import TESS
from serbench.data.doctor.inspection import inspect
from serbench.data.emotions import SHARED_EMOTIONS
from serbench.data.scan import scan
from serbench.data.scan_options import ScanOptions

RATE = 16000
CORPORA = {corpus.name: corpus for corpus in (RAVDESS, CREMA_D, TESS)}


def speech(seed, seconds=1.5, rate=RATE):
    """Syllables of random pitch, colour and length with silence around, ``[frames]``."""
    return _spoken(tuple(np.atleast_1d(seed).tolist()), seconds, rate).copy()


@cache
def _spoken(seed, seconds, rate):
    random = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    knots = np.linspace(0, seconds, 12)
    pitch = np.interp(time, knots, random.uniform(90, 300, 12))
    level = np.interp(time, knots, np.r_[0, 0, random.uniform(0, 1, 8), 0, 0])
    phase = 2 * np.pi * np.cumsum(pitch) / rate
    sound = np.zeros_like(time)
    for harmonic in range(1, 12):
        colour = np.interp(time, knots, random.uniform(0, 1, 12) ** 2)
        sound += colour * np.sin(harmonic * phase)
    return 0.4 * level * sound / np.abs(sound).max() + 1e-4 * random.standard_normal(len(time))


def name(emotion=5, actor=1, take=1, sentence=1, intensity=1):
    """A name of RAVDESS; emotion 5 is anger, 6 fear, 4 sadness."""
    return f"03-01-{emotion:02}-{intensity:02}-{sentence:02}-{take:02}-{actor:02}.wav"


def save(path, sound, rate=RATE, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, sound, rate, **options)
    return path


def healthy(folder, actors=6, emotions=(4, 5, 6)):
    """Two sentences by each actor with every emotion, without defects."""
    for actor in range(1, actors + 1):
        for emotion in emotions:
            for sentence in (1, 2):
                sound = speech([actor, emotion, sentence], seconds=1.4 + 0.02 * emotion)
                save(folder / name(emotion, actor, sentence=sentence), sound)
    return folder


def findings_of(*paths, emotions=SHARED_EMOTIONS):
    """The findings about what is scanned there."""
    found = scan(
        [Path(path) for path in paths], "some", CORPORA.values(), ScanOptions(emotions=emotions)
    )
    return inspect(found.manifest, CORPORA, found.summary()["defects"])


def only(findings, kind):
    """The one finding there is, which is of this kind."""
    assert [finding.kind for finding in findings] == [kind]
    return findings[0]


def files(finding):
    return [Path(path).name for path in finding.paths]
