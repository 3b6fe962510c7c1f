"""A scan recognises, listens, harmonises, and accounts for every file."""

import os
import shutil
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from error_facts import values_in
from hypothesis import given, settings
from hypothesis import strategies as st
from making.scanning import anger, scanned, write

from serbench.builtin.csv_table import CsvTable
from serbench.builtin.ravdess import RAVDESS
from serbench.builtin.tess import TESS
from serbench.data.corpus import NamedFiles
from serbench.data.emotions import EMOTIONS
from serbench.data.formats import unread_name
from serbench.data.scan import UNKNOWN_EMOTION
from serbench.errors import DatasetError, UnknownNameError, UsageError

COPY = "copy of a recording that is already in the dataset"


def write_antiphase(path, seed):
    left = np.random.default_rng(seed).uniform(-0.3, 0.3, 200)
    soundfile.write(path, np.stack([left, -left], axis=1), 16000)


def write_lying(path, seed):
    """A recording whose header declares no sample."""
    content = write(path, seed).read_bytes()
    place = content.index(b"data") + 4
    path.write_bytes(content[:place] + bytes(4) + content[place + 4 :])


KINDS = {
    "good": ("03-01-05", write, None),
    "calm": ("03-01-02", write, "emotion 'calm' is not in --emotions"),
    "song": ("03-02-05", write, "song, not speech"),
    "zeros": (
        "03-01-04",
        lambda path, _: soundfile.write(path, np.zeros(200), 16000),
        "silent (every sample is zero)",
    ),
    "empty": ("03-01-03", lambda path, _: path.touch(), "empty file"),
    "text": (
        "03-01-06",
        lambda path, _: path.write_text("no sound"),
        "not audio that libsndfile can read",
    ),
    "pointer": (
        "03-01-07",
        lambda path, _: path.write_text("version https://git-lfs.github.com/spec/v1\n"),
        "Git-LFS pointer, not audio",
    ),
    "cut": (
        "03-01-01",
        lambda path, seed: path.write_bytes(write(path, seed).read_bytes()[:-100]),
        "truncated",
    ),
    "FIFO": ("03-01-05", lambda path, _: os.mkfifo(path), "a FIFO, not a regular file"),
    "device": (
        "03-01-05",
        lambda path, _: path.symlink_to("/dev/zero"),
        "a device, not a regular file",
    ),
    "antiphase": (
        "03-01-05",
        write_antiphase,
        "silent mean of the channels, which cancel each other",
    ),
    "beyond": (
        "03-01-05",
        lambda path, _: soundfile.write(path, np.full(200, 1e30), 16000, "FLOAT"),
        "samples far beyond full scale",
    ),
    "lying": ("03-01-05", write_lying, None),
}
"""Possible files of a folder: name, function that writes it, reason for leaving it out."""


@given(
    st.lists(st.sampled_from([*KINDS, "copy", "stranger", "memo", "note"]), min_size=1, max_size=10)
)
@settings(deadline=None, max_examples=40)
def test_every_file_found_is_kept_or_skipped_with_its_reason(kinds):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        good = write(folder / "03-01-05-01-02-02-24.wav", 999)
        reasons = Counter()
        for number, kind in enumerate(kinds, start=1):
            if kind == "copy":
                shutil.copy(good, write(folder / str(number) / good.name))
                reasons[COPY] += 1
            elif kind == "stranger":
                write(folder / f"holiday {number}.wav")
                reasons["file name of no registered corpus"] += 1
            elif kind == "memo":
                (folder / f"memo {number}.m4a").write_bytes(bytes(100))
                reasons[unread_name(Path("a.m4a")) or "file name of no registered corpus"] += 1
            elif kind == "note":
                (folder / f"read me {number}.txt").touch()
            else:
                start, write_it, reason = KINDS[kind]
                write_it(folder / f"{start}-01-01-01-{number:02}.wav", number)
                reasons.update([reason] if reason else [])
        found = scanned(folder)
        assert found.found == len(kinds) - kinds.count("note") + 1
        assert found.found == len(found.manifest) + len(found.skipped)
        assert len(found.manifest) == kinds.count("good") + kinds.count("lying") + 1
        assert found.skipped_by_reason() == dict(reasons)
        kept = {utterance.path for utterance in found.manifest.utterances}
        assert kept.isdisjoint(skip.path for skip in found.skipped)


def test_an_utterance_has_the_facts_of_its_recording(tmp_path):
    path = write(tmp_path / "03-01-06-01-02-01-07.wav", frames=321)
    (utterance,) = scanned(tmp_path).manifest.utterances
    assert utterance.path == str(path)
    assert (utterance.corpus, utterance.speaker) == ("ravdess", "ravdess/07")
    assert (utterance.emotion, utterance.label) == ("fear", "06")
    assert (utterance.sample_rate, utterance.channels, utterance.frames) == (16000, 1, 321)
    assert (utterance.sex, utterance.sentence) == ("male", "02")


def test_the_summary_accounts_for_the_scan(tmp_path):
    write(tmp_path / anger(1), 1)
    write(tmp_path / anger(2), 2)
    write(tmp_path / "holiday.wav")
    summary = scanned(tmp_path).summary()
    assert (summary["found"], summary["utterances"], summary["speakers"]) == (3, 2, 2)
    assert summary["skipped"] == {"file name of no registered corpus": 1}
    assert summary["by_corpus_and_emotion"] == {"ravdess": {"anger": 2}}


def test_only_the_emotions_asked_for_are_kept(tiny_corpus):
    found = scanned(tiny_corpus, emotions=("anger", "sadness"))
    assert found.manifest.emotions == ("sadness", "anger")
    assert (len(found.manifest), found.found) == (12, 36)
    assert found.skipped_by_reason()["emotion 'fear' is not in --emotions"] == 6


def test_every_canonical_emotion_can_be_kept(tmp_path):
    write(tmp_path / "03-01-02-01-01-01-01.wav")
    assert scanned(tmp_path, emotions=EMOTIONS).manifest.emotions == ("calm",)


def test_an_unknown_emotion_is_answered_with_the_nearest(tmp_path):
    with pytest.raises(UnknownNameError) as refusal:
        scanned(tmp_path, emotions=("angre",))
    assert (refusal.value.kind, refusal.value.name) == ("emotion", "angre")
    assert refusal.value.nearest[0] == "anger"


def test_a_path_that_does_not_exist_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError) as refusal:
        scanned(tmp_path / "nowhere")
    assert type(refusal.value) is UsageError
    assert str(tmp_path / "nowhere") in str(refusal.value)


def test_a_folder_without_recordings_is_no_dataset(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(DatasetError) as refusal:
        scanned(tmp_path)
    assert values_in(refusal.value, tmp_path) == set(), "nothing to count"


def test_where_nothing_can_be_used_the_reasons_are_counted(tmp_path):
    write(tmp_path / "holiday.wav")
    (tmp_path / anger(1)).touch()
    (tmp_path / anger(2)).touch()
    with pytest.raises(DatasetError) as refusal:
        scanned(tmp_path)
    assert values_in(refusal.value, tmp_path, "2 × empty file") == {"3", "1", "--pattern"}
    assert "\n" not in str(refusal.value)


def test_a_table_that_cannot_be_used_is_not_counted_as_a_recording(tmp_path):
    table = tmp_path / "bad.csv"
    table.write_text("path,emotion,sex\nnowhere.wav,anger,f\n")
    with pytest.raises(DatasetError) as refusal:
        scanned(table, corpora=(CsvTable(),))
    assert "recording found" not in str(refusal.value)
    assert str(table) in str(refusal.value)


def test_a_file_claimed_by_two_corpora_is_an_error_that_names_the_remedy(tmp_path):
    path = write(tmp_path / anger(1))
    rival = NamedFiles("rival", "", "", "", r"(?P<speaker>\d\d)-(?P<label>\d\d)-.*", {"01": "fear"})
    with pytest.raises(DatasetError) as refusal:
        scanned(tmp_path, corpora=(RAVDESS, rival))
    assert str(path) in str(refusal.value)
    assert "--corpus ravdess" in str(refusal.value)
    assert "--corpus rival" in str(refusal.value)
    assert len(scanned(tmp_path, corpora=(rival,)).manifest) == 1


def test_a_label_of_no_known_emotion_is_skipped_and_counted(tmp_path):
    write(tmp_path / anger(1))
    write(tmp_path / "03-01-07-01-01-01-01.wav", 1)
    without_disgust = replace(RAVDESS, emotions={"05": "anger"})
    found = scanned(tmp_path, corpora=(without_disgust,))
    assert found.skipped_by_reason() == {UNKNOWN_EMOTION: 1}
    assert found.unknown == {"07": 1}


def test_a_dataset_with_synthetic_speech_is_marked(tiny_corpus):
    assert not scanned(tiny_corpus).manifest.synthetic
    assert scanned(tiny_corpus, corpora=(replace(RAVDESS, synthetic=True),)).manifest.synthetic


def test_progress_counts_every_recording_that_is_listened_to(tiny_corpus):
    heard = []
    scanned(tiny_corpus, progress=lambda done, total: heard.append((done, total)))
    assert heard == [(number, 36) for number in range(1, 37)]


def test_the_hash_does_not_depend_on_the_folder_of_the_recordings(tiny_corpus, tmp_path):
    flat = tmp_path / "elsewhere"
    flat.mkdir()
    for path in tiny_corpus.rglob("*.wav"):
        shutil.copy(path, flat)
    here, there = scanned(tiny_corpus).manifest, scanned(flat).manifest
    assert here.hash == there.hash
    assert [u.identity for u in here.utterances] == [u.identity for u in there.utterances]


def test_the_hash_does_not_depend_on_the_order_of_scanning(tiny_corpus):
    actors = sorted(tiny_corpus.iterdir())
    forwards, backwards = scanned(*actors), scanned(*reversed(actors))
    assert forwards.manifest == backwards.manifest
    assert scanned(tiny_corpus, corpora=(TESS, RAVDESS)).manifest == forwards.manifest


def test_the_hash_does_not_depend_on_the_file_format(tiny_corpus):
    before = scanned(tiny_corpus).manifest.hash
    path = next(tiny_corpus.rglob("*.wav"))
    samples, rate = soundfile.read(path, dtype="int16")
    soundfile.write(path.with_suffix(".flac"), samples, rate)
    path.unlink()
    assert scanned(tiny_corpus).manifest.hash == before


@pytest.mark.parametrize("change", ["audio", "emotion", "speaker", "one less"])
def test_the_hash_changes_with_the_content(tiny_corpus, change):
    before = scanned(tiny_corpus).manifest.hash
    path = tiny_corpus / "Actor_01" / "03-01-05-01-01-01-01.wav"
    if change == "audio":
        write(path, 5)
    elif change == "emotion":
        path.rename(path.with_name("03-01-06-01-01-02-01.wav"))
    elif change == "speaker":
        path.rename(path.with_name("03-01-05-01-01-02-09.wav"))
    else:
        path.unlink()
    assert scanned(tiny_corpus).manifest.hash != before


def test_the_real_corpora_are_accounted_for_to_the_last_file(shared_corpora):
    found = scanned(shared_corpora)
    assert found.found == 3362
    assert len(found.manifest) == 2905
    assert len(found.skipped) == 457
    assert found.manifest.summary()["by_corpus"] == {"crema-d": 1002, "ravdess": 703, "tess": 1200}
    twice = [Path(skip.path).stem for skip in found.skipped if skip.reason == COPY]
    assert twice == ["03-01-03-01-02-02-07"], "RAVDESS has one recording under two sentences"
