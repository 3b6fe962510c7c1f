"""Recordings that are quickly written, and why one is refused."""

import numpy as np
import pytest
import soundfile

from serbench.data.audio import read_audio
from serbench.errors import AudioError

RATE = 16000


def noise(frames=4000, channels=1, seed=0):
    """Samples that 16 bits hold exactly."""
    samples = np.random.default_rng(seed).integers(-16000, 16000, (frames, channels))
    return samples.astype(np.int16)


def write(path, samples=None, subtype="PCM_16"):
    soundfile.write(path, noise() if samples is None else samples, RATE, subtype=subtype)
    return path


def refusal_of(path):
    with pytest.raises(AudioError) as refusal:
        read_audio(path)
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)
    return refusal.value


def reason_for(path):
    return refusal_of(path).reason
