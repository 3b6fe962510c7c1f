"""Clips: mono, one rate, one length, prepared once, in one memory-mapped array."""

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import example, given, settings
from hypothesis import strategies as st
from making.records import PAPERS

from serbench.builtin.ravdess import RAVDESS
from serbench.data.audio import read_audio
from serbench.data.clips import ClipFormat, standardise, standardise_all
from serbench.data.preparation import prepare_clips
from serbench.data.scan import scan

SHORT = ClipFormat(8000, 0.7, "keep")


def manifest_of(folder):
    return scan([folder], "some", [RAVDESS]).manifest


def write_one(folder, samples, rate=16000, subtype="FLOAT"):
    """The manifest of a folder with one recording."""
    folder.mkdir()
    soundfile.write(folder / "03-01-05-01-01-01-01.wav", samples, rate, subtype=subtype)
    return manifest_of(folder)


def expected(utterance, clip_format):
    audio = read_audio(utterance.path)
    return standardise(audio.mono, audio.sample_rate, clip_format)


def test_the_papers_clips_fit_into_a_gigabyte_and_a_half(tiny_manifest, tmp_path):
    prepare_clips(tiny_manifest, tmp_path / "clips", SHORT)
    size = sum(path.stat().st_size for path in (tmp_path / "clips").rglob("*.*"))
    per_sample = size / (len(tiny_manifest) * SHORT.samples)
    assert per_sample * 11318 * PAPERS.samples < 1.5e9


def test_clips_have_one_shape_and_are_mapped(tiny_manifest, tmp_path):
    clips = prepare_clips(tiny_manifest, tmp_path / "clips", SHORT)
    assert len(clips) == 36
    assert clips.format == SHORT
    assert isinstance(clips.waveforms, np.memmap)
    assert clips.waveforms.shape == (36, 5600)
    assert clips.waveforms.dtype == np.int16
    assert clips.peaks.shape == (36,)
    assert not clips.waveforms.flags.writeable


def test_a_batch_holds_its_own_rows_only(tiny_manifest, tmp_path):
    clips = prepare_clips(tiny_manifest, tmp_path / "clips", SHORT)
    batch = clips.batch(np.array([7, 3, 7]))
    assert batch.shape == (3, 5600)
    assert batch.dtype == np.float32
    assert np.array_equal(batch[0], batch[2])
    assert np.array_equal(batch[1], clips.batch(np.array([3]))[0])
    batch[:] = 0
    assert clips.batch(np.array([3])).any()


def test_values_are_right_to_half_a_step_of_16_bits(tiny_manifest, tmp_path):
    clips = prepare_clips(tiny_manifest, tmp_path / "clips", SHORT)
    for row in range(0, 36, 5):
        wanted = expected(tiny_manifest.utterances[row], SHORT)
        step = np.abs(wanted).max() / 32767
        assert np.abs(clips.batch(np.array([row]))[0] - wanted).max() <= 0.51 * step
        assert np.abs(clips.waveforms[row]).max() == 32767


def test_a_quiet_recording_keeps_its_resolution(tmp_path):
    loud = np.random.default_rng(0).uniform(-1, 1, 4000)
    manifest = write_one(tmp_path / "quiet", loud / 10000)
    batch = prepare_clips(manifest, tmp_path / "clips", SHORT).batch(np.array([0]))
    wanted = expected(manifest.utterances[0], SHORT)
    assert np.abs(batch[0] - wanted).max() <= np.abs(wanted).max() / 60000


def test_sound_that_begins_after_the_clip_ends_leaves_silence(tmp_path):
    late = np.zeros(32000)
    late[-100:] = 0.5
    clips = prepare_clips(write_one(tmp_path / "late", late), tmp_path / "clips", SHORT)
    assert not clips.waveforms.any()
    assert not clips.batch(np.array([0])).any()


def test_channels_are_mixed_before_the_clip_is_cut(tmp_path):
    both = np.random.default_rng(0).uniform(-0.5, 0.5, (16000, 2))
    manifest = write_one(tmp_path / "stereo", both)
    batch = prepare_clips(manifest, tmp_path / "clips", SHORT).batch(np.array([0]))
    wanted = soxr.resample(both.mean(axis=1), 16000, 8000, quality="HQ")[:5600]
    assert np.allclose(batch[0], wanted, atol=1e-4)


def reflected(samples, length):
    """Each output's place, found by walking to and fro."""
    place, step, out = 0, 1, []
    for _ in range(length):
        out.append(samples[place])
        if len(samples) > 1:
            if not 0 <= place + step < len(samples):
                step = -step
            place += step
    return np.array(out, np.float32)


@given(frames=st.integers(1, 40), seconds=st.integers(1, 10))
@settings(deadline=None, max_examples=40)
def test_a_short_recording_is_reflected_as_often_as_it_takes(frames, seconds):
    samples = np.arange(1, frames + 1, dtype=np.float32)
    clip_format = ClipFormat(20, seconds, "keep", "reflect")
    clip = standardise(samples, 20, clip_format)
    assert np.array_equal(clip, reflected(samples, 20 * seconds))


def test_a_long_recording_is_cut():
    samples = np.random.default_rng(0).uniform(-1, 1, 9000).astype(np.float32)
    assert np.array_equal(standardise(samples, 8000, SHORT), samples[:5600])


@given(
    seconds=st.floats(0.1, 3),
    longer=st.floats(0, 20),
    rates=st.sampled_from([(48000, 24414), (96000, 16000), (44100, 8000), (8000, 24414)]),
)
@settings(deadline=None, max_examples=20)
def test_of_a_long_recording_nothing_is_lost_by_resampling_its_beginning(seconds, longer, rates):
    rate, wanted = rates
    noise = np.random.default_rng(0).uniform(-1, 1, round((seconds + longer) * rate))
    noise = noise.astype(np.float32)
    clip_format = ClipFormat(wanted, seconds, "keep")
    clip = standardise(noise, rate, clip_format)
    whole = soxr.resample(noise, rate, wanted, quality="HQ")[: clip_format.samples]
    assert np.array_equal(clip[: len(whole)], whole)


@given(
    frames=st.lists(st.integers(1, 12000), min_size=2, max_size=9),
    rate=st.sampled_from([8000, 11025, 16000, 22050, 24414, 44100, 48000]),
)
@settings(deadline=None, max_examples=60)
def test_waveforms_made_standard_together_are_what_each_is_alone(frames, rate):
    random = np.random.default_rng(0)
    waveforms = [random.uniform(-1, 1, length).astype(np.float32) for length in frames]
    clip_format = ClipFormat(24414, 0.1, "keep")
    together = standardise_all(waveforms, rate, clip_format)
    for waveform, clip in zip(waveforms, together, strict=True):
        whole = waveform
        if rate != 24414:
            whole = soxr.resample(waveform, rate, 24414, quality="HQ")
        assert np.array_equal(clip[: len(whole)], whole[: clip_format.samples])
        assert np.array_equal(clip, standardise(waveform, rate, clip_format))


@given(frames=st.integers(1, 300), rate=st.sampled_from([8000, 11025, 16000, 22050, 48000, 96000]))
@settings(deadline=None, max_examples=40)
@example(frames=1, rate=96000)
def test_every_recording_comes_to_the_same_length(frames, rate):
    clip = standardise(np.full(frames, 0.5, np.float32), rate, ClipFormat(24414, 0.005))
    assert clip.shape == (122,)
    assert clip.dtype == np.float32
    assert np.isfinite(clip).all()


def test_pitch_survives_resampling():
    for rate in (8000, 16000, 22050, 48000):
        tone = np.sin(2 * np.pi * 440 * np.arange(rate) / rate).astype(np.float32)
        clip = standardise(tone, rate, ClipFormat(24414, 1.0))
        assert np.abs(np.fft.rfft(clip)).argmax() == 440


def test_a_short_recording_may_be_followed_by_silence():
    samples = np.arange(1, 5, dtype=np.float32)
    clip = standardise(samples, 20, ClipFormat(20, 0.5, "keep", "zeros"))
    assert clip.tolist() == [1, 2, 3, 4, 0, 0, 0, 0, 0, 0]


@given(frames=st.integers(200, 9000), padding=st.sampled_from(["reflect", "zeros"]))
@settings(max_examples=30)
def test_the_level_is_that_of_the_recording_without_padding_and_without_what_is_cut(
    frames, padding
):
    random = np.random.default_rng(frames)
    samples = (random.normal(size=frames) * np.linspace(1, 0.01, frames)).astype(np.float32)
    clip_format = ClipFormat(8000, 0.7, "rms", padding)
    length = clip_format.sounding(frames, 8000)
    clip = standardise(samples, 8000, clip_format)
    assert length == min(frames, 5600)
    assert np.sqrt(np.mean(np.square(clip[:length]))) == pytest.approx(10 ** (-26 / 20), rel=1e-4)


@given(frames=st.integers(1, 20_000), rate=st.sampled_from([8000, 11025, 16000, 44100, 48000]))
@settings(max_examples=40)
def test_what_is_not_padding_is_counted_as_the_resampler_makes_it(frames, rate):
    clip_format = ClipFormat(16_000, 0.4, "keep", "zeros")
    clip = standardise(np.ones(frames, np.float32), rate, clip_format)
    length = clip_format.sounding(frames, rate)
    assert clip[length:].any() == False  # noqa: E712
    assert 1 <= length <= 6400
    assert clip[length - 1] != 0


@pytest.mark.parametrize("level", ["rms", "ebu"])
def test_prepared_clips_do_not_depend_on_the_gain(tmp_path, level):
    sound = np.random.default_rng(0).normal(size=12_000) * 0.05
    formats = ClipFormat(8000, 0.7, level)
    quiet, loud = (
        prepare_clips(write_one(tmp_path / name, gain * sound), tmp_path / "clips", formats)
        for name, gain in (("quiet", 0.01), ("loud", 4.0))
    )
    rows = np.array([0])
    apart = np.abs(quiet.batch(rows) - loud.batch(rows)).max()
    assert apart <= 2 * np.abs(loud.batch(rows)).max() / 32767
