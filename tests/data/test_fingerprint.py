"""A fingerprint recognises a copy and distinguishes two takes."""

from itertools import pairwise

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given
from hypothesis import strategies as st
from speaking import RATE, healthy, save, speech

import serbench.data.fingerprint as fingerprint_module
from serbench.builtin.ravdess import RAVDESS
from serbench.data.audio import Audio, read_audio
from serbench.data.fingerprint import THRESHOLD, fingerprint, fingerprints, near_identical
from serbench.data.scan import scan
from serbench.errors import AudioError


def heard(sound, rate=RATE):
    return fingerprint(Audio(np.asarray(sound, dtype=np.float32)[:, None], rate))


def saved(tmp_path, sound, rate, ending, **options):
    soundfile.write(tmp_path / f"copy.{ending}", sound, rate, **options)
    return fingerprint(read_audio(tmp_path / f"copy.{ending}"))


COPIES = {
    "itself": lambda sound, _: heard(sound),
    "ten times quieter": lambda sound, _: heard(0.1 * sound),
    "upside down": lambda sound, _: heard(-sound),
    "at 44.1 kHz": lambda sound, _: heard(soxr.resample(sound, RATE, 44100), 44100),
    "at 8 kHz": lambda sound, _: heard(soxr.resample(sound, RATE, 8000), 8000),
    "in stereo": lambda sound, _: fingerprint(
        Audio(np.column_stack([sound, 0.3 * sound]).astype(np.float32), RATE)
    ),
    "without 50 ms": lambda sound, _: heard(sound[RATE // 20 :]),
    "with silence around": lambda sound, _: heard(np.pad(sound, (RATE // 3, RATE))),
    "in 8 bits": lambda sound, folder: saved(folder, sound, RATE, "wav", subtype="PCM_U8"),
    "as Vorbis": lambda sound, folder: saved(folder, sound, RATE, "ogg"),
    "as MP3": lambda sound, folder: saved(folder, sound, RATE, "mp3"),
}


@pytest.mark.parametrize("copy", COPIES)
@pytest.mark.parametrize("seed", range(3))
def test_a_copy_is_near_identical(tmp_path, copy, seed):
    sound = speech(seed)
    assert heard(sound) @ COPIES[copy](sound, tmp_path) >= THRESHOLD


def test_recordings_of_other_speakers_are_not_near_identical():
    others = np.array([heard(speech(seed)) for seed in range(20)])
    assert near_identical(others) == []


def test_a_fingerprint_has_length_one_whatever_the_recording():
    for seconds in (0.001, 0.3, 9.0):
        assert np.linalg.norm(heard(speech(1, seconds))) == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    "sound",
    [np.zeros(RATE), np.full(5, 0.5), np.sin(0.3 * np.arange(8 * RATE))],
    ids=["silence", "a moment's offset", "a steady tone"],
)
def test_silence_and_constant_tones_are_similar_to_nothing(sound):
    assert not np.isnan(heard(sound)).any()
    assert near_identical(np.array([heard(0 * sound), heard(0 * sound)])) == []


def test_a_steady_tone_is_like_no_other_steady_tone():
    low, high = (heard(np.sin(step * np.arange(8 * RATE))) for step in (0.3, 0.7))
    assert near_identical(np.array([low, high, low])) == []


def test_fingerprints_are_in_the_order_of_the_dataset(tmp_path):
    manifest = scan([healthy(tmp_path, actors=2)], "some", [RAVDESS]).manifest
    counted = []
    found = fingerprints(manifest, lambda *progress: counted.append(progress))
    assert found.dtype == np.float32
    for utterance, row in zip(manifest.utterances, found, strict=True):
        assert np.array_equal(row, fingerprint(read_audio(utterance.path)))
    assert counted == [(done, 12) for done in range(1, 13)]


def test_a_recording_that_was_lost_is_named(tmp_path):
    manifest = scan([healthy(tmp_path, actors=1)], "some", [RAVDESS]).manifest
    (tmp_path / manifest.utterances[3].path).unlink()
    with pytest.raises(AudioError) as refusal:
        fingerprints(manifest)
    assert refusal.value.reason == "missing"
    assert str(refusal.value.facts["path"]) == manifest.utterances[3].path


@given(st.integers(0, 30), st.integers(1, 9), st.floats(-0.5, 0.99), st.integers(0, 99))
def test_blocks_find_what_all_at_once_would(count, block, threshold, seed):
    rows = np.random.default_rng(seed).standard_normal((count, 3)).astype(np.float32)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(fingerprint_module, "BLOCK", block)
        found = near_identical(rows, threshold)
    pairs = [(i, j) for i, j, _ in found]
    assert all(one < two for one, two in pairwise(pairs))
    wanted = {(i, j): rows[i] @ rows[j] for i in range(count) for j in range(i + 1, count)}
    for pair, similarity in wanted.items():
        if abs(similarity - threshold) > 1e-5:
            assert (pair in pairs) == (similarity > threshold)
    assert all(similarity == pytest.approx(wanted[i, j], abs=1e-5) for i, j, similarity in found)


def test_two_recordings_of_one_sentence_by_one_actor_are_no_copies(shared_corpora):
    compared = 0
    for first in sorted((shared_corpora / "ravdess" / "Actor_01").glob("*-01-01.flac")):
        second = first.with_name(first.name.replace("-01-01.flac", "-02-01.flac"))
        takes = np.array([fingerprint(read_audio(path)) for path in (first, second)])
        assert near_identical(takes) == []
        compared += 1
    assert compared == 30


def test_real_speech_is_near_identical_to_its_mp3(shared_corpora, tmp_path):
    for path in sorted((shared_corpora / "crema-d" / "AudioWAV").glob("1001_*.flac"))[:10]:
        audio = read_audio(path)
        copy = save(tmp_path / "copy.mp3", 0.5 * audio.mono, audio.sample_rate)
        assert fingerprint(audio) @ fingerprint(read_audio(copy)) >= THRESHOLD
