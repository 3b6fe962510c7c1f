"""Clips on their way to another process: what is in a file is not sent, but mapped there anew."""

import multiprocessing
import pickle
from dataclasses import dataclass

import numpy as np
import pytest

from serbench.data.clips import ClipFormat, Clips
from serbench.data.preparation import prepare_clips

SHORT = ClipFormat(8000, 0.7, "keep")
ROWS = np.array([3, 30, 3])


@pytest.fixture
def mapped(tiny_manifest, tmp_path):
    return prepare_clips(tiny_manifest, tmp_path / "clips", SHORT)


def in_memory(clips):
    return Clips(clips.format, np.array(clips.waveforms), clips.peaks, clips.lengths, clips.content)


def test_mapped_clips_are_sent_as_the_name_of_their_file(mapped):
    sent = pickle.dumps(mapped)
    assert len(sent) < 2000
    received = pickle.loads(sent)
    assert received.format == SHORT
    assert isinstance(received.waveforms, np.memmap)
    assert not received.waveforms.flags.writeable
    assert np.array_equal(received.waveforms, mapped.waveforms)
    assert np.array_equal(received.batch(ROWS), mapped.batch(ROWS))


def test_what_was_received_can_be_sent_on(mapped):
    received = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(mapped))))
    assert np.array_equal(received.batch(ROWS), mapped.batch(ROWS))


def test_clips_in_memory_are_sent_whole(mapped):
    clips = in_memory(mapped)
    sent = pickle.dumps(clips)
    assert len(sent) > clips.waveforms.nbytes
    assert np.array_equal(pickle.loads(sent).batch(ROWS), mapped.batch(ROWS))


@pytest.mark.parametrize("part", [np.s_[6:], np.s_[::-1], np.s_[::2]])
def test_a_part_of_a_file_is_sent_as_what_it_holds(mapped, part):
    clips = Clips(SHORT, mapped.waveforms[part], mapped.peaks[part], mapped.lengths[part], "part")
    received = pickle.loads(pickle.dumps(clips))
    assert np.array_equal(received.waveforms, clips.waveforms)
    assert np.array_equal(received.batch(np.array([0, 4])), clips.batch(np.array([0, 4])))


@dataclass(frozen=True)
class NamedClips(Clips):
    name: str = ""


def test_what_a_subclass_adds_is_sent_too(mapped):
    clips = NamedClips(
        mapped.format, mapped.waveforms, mapped.peaks, mapped.lengths, mapped.content, "mine"
    )
    received = pickle.loads(pickle.dumps(clips))
    assert type(received) is NamedClips
    assert received.name == "mine"
    assert np.array_equal(received.waveforms, mapped.waveforms)


def test_sending_changes_nothing_here(mapped):
    waveforms = mapped.waveforms
    pickle.dumps(mapped)
    assert mapped.waveforms is waveforms


def hear(clips, answers):
    answers.put((type(clips.waveforms).__name__, clips.batch(ROWS)))


def test_another_process_reads_the_same_samples(mapped):
    spawn = multiprocessing.get_context("spawn")
    answers = spawn.Queue()
    process = spawn.Process(target=hear, args=(mapped, answers))
    process.start()
    kind, batch = answers.get(timeout=60)
    process.join(60)
    answers.close()
    answers.join_thread()
    assert kind == "memmap"
    assert np.array_equal(batch, mapped.batch(ROWS))
