"""Anyone's own folds: what a file may look like, and what it means."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from manifest_making import manifest, people, split, who
from protocol_making import by_speaker, emobox_folder, emobox_list, folds_table, json_lines

from serbench.data.protocols import parse_protocol

DATA = manifest(
    replace(clip, path=f"/data/set/{clip.speaker[-2:]}/{clip.emotion}.flac")
    for clip in people("c", 12)
)


def holdouts(parts):
    return [sorted(who(DATA, part.holdout.test)) for part in parts.outer_folds]


def dealt(count):
    return [[f"c/{n:02}" for n in range(12) if n % count == fold] for fold in range(count)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_each_fold_of_a_table_is_tested_in_turn(tmp_path, delimiter):
    table = folds_table(tmp_path / "folds.csv", DATA, by_speaker(4), delimiter)
    parts = split(DATA, f"folds:{table}")
    assert holdouts(parts) == dealt(4)
    for number, part in enumerate(parts.outer_folds):
        others = dealt(4)[:number] + dealt(4)[number + 1 :]
        assert [sorted(who(DATA, fold.test)) for fold in part.folds] == others


def test_ten_folds_are_in_the_order_of_their_numbers(tmp_path):
    table = folds_table(tmp_path / "folds.csv", DATA, by_speaker(12))
    assert holdouts(split(DATA, f"folds:{table}")) == dealt(12)


def test_a_fold_named_holdout_is_the_only_holdout_and_the_others_are_searched_on(tmp_path):
    table = folds_table(
        tmp_path / "folds.csv",
        DATA,
        lambda clip: "holdout" if clip.speaker > "c/08" else "ab"[int(clip.speaker[-2:]) % 2],
    )
    (only,) = split(DATA, f"folds:{table}").outer_folds
    assert who(DATA, only.holdout.test) == {"c/09", "c/10", "c/11"}
    assert [len(who(DATA, fold.test)) for fold in only.folds] == [5, 4]


def test_an_holdout_and_one_other_fold_leave_the_folding_of_speakers_to_the_search(tmp_path):
    table = folds_table(
        tmp_path / "folds.csv", DATA, lambda clip: "holdout" if clip.speaker > "c/08" else "dev"
    )
    (only,) = split(DATA, f"folds:{table}").outer_folds
    assert len(only.folds) == 5
    assert set().union(*(who(DATA, fold.test) for fold in only.folds)) == {
        f"c/{n:02}" for n in range(9)
    }


def test_paths_may_be_relative_to_the_table_or_ends_of_paths(tmp_path):
    ends = manifest(
        replace(clip, path=clip.path.removeprefix("/data/")) for clip in DATA.utterances
    )
    by_ends = folds_table(tmp_path / "ends.csv", ends, by_speaker(3))
    here = manifest(replace(clip, path=f"{tmp_path}{clip.path}") for clip in DATA.utterances)
    beside = folds_table(
        tmp_path / "beside.csv",
        manifest(replace(clip, path=f"./{clip.path[1:]}") for clip in DATA.utterances),
        by_speaker(3),
    )
    assert holdouts(split(DATA, f"folds:{by_ends}")) == dealt(3)
    assert holdouts(split(here, f"folds:{beside}")) == dealt(3)


def test_what_follows_the_last_dot_does_not_count(tmp_path):
    as_wav = manifest(
        replace(clip, path=clip.path.replace(".flac", ".wav")) for clip in DATA.utterances
    )
    table = folds_table(tmp_path / "folds.csv", as_wav, by_speaker(3))
    assert holdouts(split(DATA, f"folds:{table}")) == dealt(3)


@pytest.mark.parametrize("key", ["path", "wav"])
def test_json_lines_name_recordings_and_folds(tmp_path, key):
    lines = json_lines(
        tmp_path / "folds.jsonl",
        [
            {"key": "any", key: clip.path, "emo": "sad", "fold": by_speaker(3)(clip)}
            for clip in DATA.utterances
        ],
    )
    assert holdouts(split(DATA, f"folds:{lines}")) == dealt(3)


def test_a_folder_of_emoboxs_lists_is_read_as_it_is(tmp_path):
    folder = emobox_folder(tmp_path / "made", DATA, lambda clip: by_speaker(4)(clip) + 1, 4)
    assert holdouts(split(DATA, f"folds:{folder}")) == dealt(4)


def test_emoboxs_single_fold_is_an_holdout(tmp_path):
    folder = tmp_path / "made"
    for part, first, last in (("test", 0, 2), ("valid", 3, 4), ("train", 5, 11)):
        clips = [clip for clip in DATA.utterances if first <= int(clip.speaker[-2:]) <= last]
        emobox_list(folder, "made", part, 1, clips)
    (only,) = split(DATA, f"folds:{folder}").outer_folds
    assert who(DATA, only.holdout.test) == {"c/00", "c/01", "c/02"}
    assert len(only.folds) == 5


def test_random_folds_may_share_speakers_and_are_marked(tmp_path):
    place = {clip.identity: row for row, clip in enumerate(DATA.utterances)}
    table = folds_table(tmp_path / "folds.csv", DATA, lambda clip: place[clip.identity] % 2)
    protocol = parse_protocol(f"random-folds:{table}")
    assert protocol.note == "speaker-dependent"
    assert not protocol.speaker_disjoint
    holdout = split(DATA, f"random-folds:{table}").holdout
    assert who(DATA, holdout.train) & who(DATA, holdout.test)


def test_the_name_of_a_folds_protocol_carries_path_and_content(tmp_path, monkeypatch):
    table = folds_table(tmp_path / "folds.csv", DATA, by_speaker(3))
    monkeypatch.chdir(tmp_path)
    protocol = parse_protocol("folds:folds.csv")
    assert protocol.name == f"folds:{table}#{protocol.file.content[:8]}"
    assert protocol.rule_name == "folds"
    assert parse_protocol(protocol.name) == protocol
    copy = tmp_path / "copy.csv"
    shutil.copy(table, copy)
    assert parse_protocol(f"folds:{copy}").file.content == protocol.file.content
    folds_table(copy, DATA, by_speaker(4))
    assert parse_protocol(f"folds:{copy}").file.content != protocol.file.content


def test_a_folds_file_does_not_depend_on_the_folder_of_the_recordings(tmp_path):
    ends = manifest(
        replace(clip, path=clip.path.removeprefix("/data/")) for clip in DATA.utterances
    )
    table = folds_table(tmp_path / "folds.csv", ends, by_speaker(3))
    moved = manifest(replace(clip, path=f"/home{clip.path}") for clip in DATA.utterances)
    one, other = split(DATA, f"folds:{table}"), split(moved, f"folds:{table}")
    for mine, its in zip(one.outer_folds, other.outer_folds, strict=True):
        assert np.array_equal(mine.holdout.test, its.holdout.test)
