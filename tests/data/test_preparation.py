"""Clips are prepared once, even after interruptions and for several processes."""

import multiprocessing
import threading
from dataclasses import replace

import numpy as np
import pytest
import soundfile

from serbench.builtin.ravdess import RAVDESS
from serbench.data import preparation
from serbench.data.audio import read_audio
from serbench.data.clips import ClipFormat, standardise
from serbench.data.preparation import prepare_clips
from serbench.data.scan import scan

SHORT = ClipFormat(8000, 0.7, "keep")


def manifest_of(folder):
    return scan([folder], "some", [RAVDESS]).manifest


def test_clips_are_prepared_once(tiny_manifest, tmp_path, prepared):
    first = prepare_clips(tiny_manifest, tmp_path / "clips", SHORT)
    second = prepare_clips(tiny_manifest, tmp_path / "clips", SHORT)
    assert len(prepared) == 36
    assert np.array_equal(first.waveforms, second.waveforms)


def test_another_format_is_prepared_beside(tiny_manifest, tmp_path, prepared):
    prepare_clips(tiny_manifest, tmp_path / "clips", SHORT)
    other = prepare_clips(tiny_manifest, tmp_path / "clips", ClipFormat(8000, 0.5))
    assert len(prepared) == 72
    assert other.waveforms.shape == (36, 4000)


@pytest.mark.parametrize("change", [{"level": "rms"}, {"padding": "zeros"}, {"seconds": 0.8}])
def test_every_part_of_the_format_is_prepared_beside(tiny_manifest, tmp_path, prepared, change):
    prepare_clips(tiny_manifest, tmp_path / "clips", SHORT)
    other = prepare_clips(tiny_manifest, tmp_path / "clips", replace(SHORT, **change))
    assert len(prepared) == 72
    assert other.format == replace(SHORT, **change)


def test_each_clip_has_the_length_of_its_recording(tmp_path):
    for number, frames in enumerate((3000, 9000, 11_200, 30_000), start=1):
        noise = np.random.default_rng(number).uniform(-0.5, 0.5, frames)
        soundfile.write(tmp_path / f"03-01-05-01-01-01-{number:02}.wav", noise, 16_000)
    manifest = manifest_of(tmp_path)
    frames = [utterance.frames for utterance in manifest.utterances]
    clips = prepare_clips(manifest, tmp_path / "clips", SHORT)
    assert clips.lengths.tolist() == [min(each // 2, 5600) for each in frames]


def test_recordings_that_moved_are_not_prepared_again(tiny_corpus, tmp_path, prepared):
    first = prepare_clips(manifest_of(tiny_corpus), tmp_path / "clips", SHORT)
    moved = manifest_of(tiny_corpus.rename(tmp_path / "moved"))
    second = prepare_clips(moved, tmp_path / "clips", SHORT)
    assert len(prepared) == 36
    assert np.array_equal(first.waveforms, second.waveforms)


def test_progress_counts_to_the_end(tiny_manifest, tmp_path):
    said = []
    prepare_clips(tiny_manifest, tmp_path, SHORT, lambda done, total: said.append((done, total)))
    assert said == [(number, 36) for number in range(1, 37)]


def test_an_interrupted_preparation_goes_on_with_what_is_missing(
    tiny_manifest, tmp_path, prepared, monkeypatch
):
    monkeypatch.setattr(preparation, "CHUNK", 8)

    def interrupt(done, total):
        if done == 21:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare_clips(tiny_manifest, tmp_path / "clips", SHORT, interrupt)
    prepared.clear()
    said = []
    clips = prepare_clips(
        tiny_manifest, tmp_path / "clips", SHORT, lambda done, total: said.append(done)
    )
    assert len(prepared) == 36 - 16  # two chunks of eight were marked as done
    assert said == list(range(17, 37))
    whole = prepare_clips(tiny_manifest, tmp_path / "other", SHORT)
    assert np.array_equal(clips.waveforms, whole.waveforms)
    assert np.array_equal(clips.peaks, whole.peaks)


def test_recordings_of_several_rates_come_to_the_clips_they_make_alone(tmp_path):
    noise = np.random.default_rng(0).uniform(-0.5, 0.5, 30000)
    for number in range(20):
        rate = (16000, 48000, 8000)[number % 3]
        name = f"03-01-05-01-01-01-{1 + number:02}.wav"
        soundfile.write(tmp_path / name, noise[number * 100 : 9000 + number * 900], rate)
    manifest = manifest_of(tmp_path)
    clips = prepare_clips(manifest, tmp_path / "clips", SHORT)
    for row, utterance in enumerate(manifest.utterances):
        audio = read_audio(utterance.path)
        alone = standardise(audio.mono, audio.sample_rate, SHORT)
        peak = np.abs(alone).max()
        assert clips.peaks[row] == peak
        assert np.array_equal(clips.waveforms[row], np.rint(alone * (32767 / peak)))


def test_as_many_threads_as_asked_for_prepare_the_same(tiny_manifest, tmp_path):
    one, three = (
        prepare_clips(tiny_manifest, tmp_path / str(workers), SHORT, workers=workers)
        for workers in (1, 3)
    )
    assert np.array_equal(one.waveforms, three.waveforms)
    assert np.array_equal(one.peaks, three.peaks)


def test_threads_that_ask_at_once_prepare_once(tiny_manifest, tmp_path, prepared):
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(prepare_clips(tiny_manifest, tmp_path, SHORT)))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(prepared) == 36
    assert len(found) == 3
    assert all(np.array_equal(found[0].waveforms, clips.waveforms) for clips in found)


def prepare_elsewhere(together, manifest, folder, answers):
    """What another process does: say how many clips it prepared, and what it got."""
    together.wait(60)
    prepared = []
    clips = prepare_clips(manifest, folder, SHORT, lambda done, total: prepared.append(done))
    answers.put((len(prepared), clips.waveforms.tobytes(), clips.peaks.tobytes()))


def test_processes_that_ask_at_once_prepare_once_and_get_the_same(tiny_manifest, tmp_path):
    spawn = multiprocessing.get_context("spawn")
    together, answers = spawn.Barrier(2), spawn.Queue()
    job = (together, tiny_manifest, tmp_path / "clips", answers)
    processes = [spawn.Process(target=prepare_elsewhere, args=job) for _ in range(2)]
    for process in processes:
        process.start()
    (one, *its_clips), (other, *others_clips) = answers.get(timeout=60), answers.get(timeout=60)
    for process in processes:
        process.join(60)
    answers.close()
    answers.join_thread()
    assert sorted((one, other)) == [0, 36]
    assert its_clips == others_clips
    assert its_clips[0] == prepare_clips(tiny_manifest, tmp_path / "own", SHORT).waveforms.tobytes()
