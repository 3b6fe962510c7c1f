"""The demo corpus: made here, complete, and the same every time."""

import hashlib
import sys
import types
import wave
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from error_facts import words_in

from serbench.builtin.demo import DEMO, script
from serbench.builtin.espeak import Espeak, record
from serbench.data.emotions import SHARED_EMOTIONS
from serbench.errors import DatasetError


def contents(folder):
    """File name → hash of every file in ``folder``."""
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}


def samples(path):
    """The waveform of a wav, and its rate."""
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        return np.frombuffer(file.readframes(-1), "<i2").astype(float), file.getframerate()


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The folder of a demo corpus; tests that change it make their own."""
    folder = tmp_path_factory.mktemp("corpora") / "new" / "demo"
    DEMO.fetch(folder)
    return folder


def test_eight_voices_act_six_emotions_in_five_sentences(demo):
    found = list(DEMO.recognise(sorted(demo.iterdir())))
    assert len(found) == len(list(demo.iterdir())) == 240
    assert Counter(each.emotion for each in found) == dict.fromkeys(SHARED_EMOTIONS, 40)
    assert set(Counter(each.speaker for each in found).values()) == {30}
    assert set(Counter(each.sentence for each in found).values()) == {48}
    assert Counter(each.sex for each in found) == {"female": 120, "male": 120}


def test_it_is_marked_as_synthetic():
    assert DEMO.synthetic
    assert "synthetic" in DEMO.title
    assert "espeak-ng" in DEMO.title
    assert "GPL-3.0" in DEMO.licence.name


def test_clips_are_short_loud_enough_and_not_clipped(demo):
    for path in demo.iterdir():
        waveform, rate = samples(path)
        assert rate == 22_050
        assert 1.0 < len(waveform) / rate < 3.0, path.name
        assert np.abs(waveform).max() > 3_000, path.name
        assert np.mean(np.abs(waveform) >= 32_767) < 0.001, path.name


def test_no_two_clips_are_the_same(demo):
    assert len(set(contents(demo).values())) == 240


def test_every_run_makes_the_same_bytes(demo, tmp_path):
    DEMO.fetch(tmp_path / "again")
    assert contents(tmp_path / "again") == contents(demo)


def test_emotions_of_new_voices_are_recognised_but_not_perfectly(demo):
    found = list(DEMO.recognise(sorted(demo.iterdir())))
    features = np.array([spectral_statistics(each.path) for each in found])
    emotions = np.array([each.emotion for each in found])
    voices = np.array([each.speaker for each in found])
    right = np.zeros(len(found), dtype=bool)
    for voice in set(voices):
        heard = voices != voice
        scaled = (features - features[heard].mean(0)) / features[heard].std(0)
        centres = {e: scaled[heard & (emotions == e)].mean(0) for e in SHARED_EMOTIONS}
        for n in np.flatnonzero(~heard):
            nearest = min(centres, key=lambda e: np.linalg.norm(scaled[n] - centres[e]))
            right[n] = nearest == emotions[n]
    assert 0.4 < right.mean() < 0.95


def spectral_statistics(path):
    """Mean and deviation over time of the log energy in 32 bands."""
    waveform, _ = samples(path)
    frames = np.lib.stride_tricks.sliding_window_view(waveform, 1024)[::256] * np.hanning(1024)
    bands = np.array_split(np.abs(np.fft.rfft(frames))[:, 4:260] ** 2, 32, axis=1)
    energy = np.log(np.stack([band.sum(1) for band in bands], 1) + 1e4)
    return np.concatenate([energy.mean(0), energy.std(0)])


def test_a_complete_corpus_is_not_made_again(demo, monkeypatch):
    monkeypatch.setattr("serbench.builtin.demo.record", lambda *_: pytest.fail("made again"))
    DEMO.fetch(demo)


def test_missing_clips_are_made_and_other_files_are_not_changed(demo, tmp_path):
    folder = tmp_path / "demo"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    DEMO.fetch(folder)
    assert (folder / "notes.txt").read_text() == "mine"
    (folder / "notes.txt").unlink()
    assert contents(folder) == contents(demo)


def test_a_failure_leaves_nothing_behind(tmp_path, monkeypatch):
    error = DatasetError("no voice")

    def fail(lines, folder):
        (folder / lines[0].file).write_bytes(b"half")
        raise error

    monkeypatch.setattr("serbench.builtin.demo.record", fail)
    with pytest.raises(DatasetError) as refusal:
        DEMO.fetch(tmp_path / "demo")
    assert refusal.value is error
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DatasetError) as refusal:
        DEMO.fetch(tmp_path / "file" / "demo")
    assert str(tmp_path / "file" / "demo") in str(refusal.value)
    assert isinstance(refusal.value.__cause__, FileExistsError | NotADirectoryError)


def test_an_error_of_espeak_is_reported_by_its_process(tmp_path):
    unheard = replace(script()[0], voice="no-such-language")
    with pytest.raises(DatasetError) as refusal:
        record([unheard], tmp_path)
    assert words_in(refusal.value) >= {"espeak-ng", "no-such-language"}
    assert "\n" not in str(refusal.value)


def test_a_missing_library_is_an_error_with_advice(monkeypatch):
    loader = types.SimpleNamespace(
        get_library_path=lambda: "/nowhere/libespeak-ng.so", get_data_path=lambda: "/nowhere"
    )
    monkeypatch.setitem(sys.modules, "espeakng_loader", loader)
    with pytest.raises(DatasetError) as refusal:
        Espeak()
    assert isinstance(refusal.value.__cause__, OSError)
    assert words_in(refusal.value) >= {"/nowhere/libespeak-ng.so", "espeakng-loader"}


def test_a_path_too_long_for_espeak_is_shortened(tmp_path):
    with Espeak() as short:
        expected = short.sample_rate
    deep = tmp_path / ("deep" * 40)
    deep.symlink_to(short._data)
    long = Espeak()
    long._data = str(deep)
    with long:
        assert long.sample_rate == expected
        assert long.say(script()[0])
