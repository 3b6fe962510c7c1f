"""Which channel of a recording is used."""

import numpy as np
import pytest
import soundfile
from recordings import noise, reason_for
from scanning import scanned

from serbench.builtin.ravdess import RAVDESS
from serbench.data.audio import read_audio
from serbench.errors import AudioError, UsageError


@pytest.fixture
def antiphase(tmp_path):
    left = noise() / 32768
    path = tmp_path / "03-01-05-01-01-01-01.wav"
    soundfile.write(path, np.hstack([left, -left]), 16000)
    return path


def test_one_channel_of_a_recording_whose_channels_cancel_each_other_is_used(antiphase):
    assert "mean" in reason_for(antiphase)
    left, right = read_audio(antiphase, "left").mono, read_audio(antiphase, "2").mono
    assert np.array_equal(left, -right)
    assert np.abs(left).max() > 0.1


def test_a_channel_that_is_not_there_or_silent_is_refused(antiphase, tmp_path):
    with pytest.raises(AudioError) as refusal:
        read_audio(antiphase, "3")
    assert refusal.value.kind == "channel"
    left = noise() / 32768
    soundfile.write(tmp_path / "dead.wav", np.hstack([left, 0 * left]), 16000)
    with pytest.raises(AudioError) as refusal:
        read_audio(tmp_path / "dead.wav", "right")
    assert refusal.value.kind == "channel"


@pytest.mark.parametrize("channel", ["0", "-1", "both", "", "99999"])
def test_other_words_for_channels_are_refused(antiphase, channel):
    with pytest.raises(UsageError):
        read_audio(antiphase, channel)


def test_the_channel_is_part_of_the_dataset_and_its_hash(antiphase):
    left = scanned(antiphase, corpora=[RAVDESS], channel="left").manifest
    right = scanned(antiphase, corpora=[RAVDESS], channel="right").manifest
    assert left.utterances[0].channel == "left"
    assert left.hash != right.hash
