"""Which channel of a recording is used."""

import numpy as np
import pytest
import soundfile
from making.scanning import anger, scanned, write
from recordings import noise, reason_for

from serbench.builtin.ravdess import RAVDESS
from serbench.data.audio import read_audio
from serbench.data.clips import ClipFormat
from serbench.data.doctor.inspection import inspect
from serbench.data.preparation import prepare_clips
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


def test_floats_on_the_scale_of_integers_are_named_by_the_scan_and_the_preparation(
    tmp_path, capsys
):
    paths = [tmp_path / "in" / anger(actor) for actor in (1, 2)]
    write(paths[0], seed=1)
    soundfile.write(paths[1], noise(seed=2).astype(float), 16000, "FLOAT")
    found = scanned(tmp_path / "in")
    (remark,) = found.remarks
    assert remark.path == paths[1]
    assert "32,768" in remark.text
    assert "scale" in {each.kind for each in inspect(found.manifest, {})}
    capsys.readouterr()
    prepare_clips(found.manifest, tmp_path / "clips", ClipFormat(16000, 0.05))
    (line,) = capsys.readouterr().err.splitlines()
    assert str(paths[1]) in line
    assert "32,768" in line
    prepare_clips(found.manifest, tmp_path / "clips", ClipFormat(16000, 0.05))
    assert capsys.readouterr().err == ""


def test_one_channel_is_prepared_as_it_was_chosen(tmp_path):
    left = noise() / 32768
    path = tmp_path / "in" / anger(1)
    path.parent.mkdir()
    soundfile.write(path, np.hstack([left, -left]), 16000, "FLOAT")
    for channel, sign in (("left", 1), ("right", -1)):
        manifest = scanned(tmp_path / "in", channel=channel).manifest
        clips = prepare_clips(manifest, tmp_path / "clips", ClipFormat(16000, 0.25))
        prepared = clips.batch(np.array([0]))[0]
        assert np.corrcoef(prepared, sign * left[:, 0])[0, 1] > 0.999
        assert "channel" not in {each.kind for each in inspect(manifest, {})}
