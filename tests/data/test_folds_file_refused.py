"""A file of folds that does not fit the dataset is refused in one line."""

import errno
import json
import os
from types import NoneType

import pytest
from error_facts import values_in, words_in
from manifest_making import manifest, people, split
from protocol_making import by_speaker, folds_table, json_lines

from serbench.data.manifest import make_manifest
from serbench.data.protocols import parse_protocol
from serbench.errors import DatasetError, LeakError, UsageError

DATA = manifest(people("c", 6))
COLUMNS = {"path", "wav", "fold"}


@pytest.fixture
def table(tmp_path):
    """A good table, to be spoilt."""
    return folds_table(tmp_path / "folds.csv", DATA, by_speaker(3))


def refusal(table, error=DatasetError, kind="folds"):
    with pytest.raises(error) as refused:
        split(DATA, f"{kind}:{table}")
    assert type(refused.value) is error
    assert str(table) in str(refused.value)
    assert "\n" not in str(refused.value)
    return refused.value


def spoil(table, change):
    table.write_text("\n".join(change(table.read_text().splitlines())) + "\n")


def test_a_clip_without_a_line_is_named(table):
    spoil(table, lambda lines: lines[:5] + lines[6:])
    assert values_in(refusal(table), table, DATA.utterances[4].path) == {"17", "18"}


def test_a_clip_that_the_dataset_lacks_is_named_with_its_line(table):
    spoil(table, lambda lines: [*lines, "/c/99 anger 0.wav,1", "nothing.wav,1"])
    assert values_in(refusal(table), table, "/c/99 anger 0.wav") == {"20", "1"}


def test_a_clip_with_two_lines_is_named_with_both(table):
    spoil(table, lambda lines: [*lines, lines[3]])
    assert values_in(refusal(table), table, DATA.utterances[2].path) == {"20", "4"}


def test_an_end_that_several_paths_have_is_not_enough(table):
    twice = make_manifest("some", [*people("c", 6), *people("d", 6)])
    spoil(table, lambda lines: [lines[0], lines[1].replace("/c/", "")])
    with pytest.raises(DatasetError) as refused:
        split(twice, f"folds:{table}")
    end = DATA.utterances[0].path.replace("/c/", "")
    assert type(refused.value) is DatasetError
    assert values_in(refused.value, f"{table}, line 2", end) == {"2"}, "of two recordings"


def test_a_speaker_in_two_folds_leaks_and_random_folds_is_the_honest_name(table):
    spoil(table, lambda lines: [*lines[:-1], lines[-1][:-1] + "0"])
    leak = refusal(table, LeakError)
    assert (leak.facts["what"], leak.facts["value"]) == ("speaker", "c/05")
    assert "random-folds:FILE" in str(leak)
    assert len(split(DATA, f"random-folds:{table}").outer_folds) == 3


def test_one_fold_is_no_split(tmp_path):
    table = folds_table(tmp_path / "folds.csv", DATA, lambda clip: "fold/7")
    assert values_in(refusal(table), table) == {"fold/7"}


def test_an_holdout_that_leaves_one_speaker_leaves_nothing_to_search_on(tmp_path):
    table = folds_table(
        tmp_path / "folds.csv", DATA, lambda clip: "dev" if clip.speaker == "c/00" else "holdout"
    )
    assert values_in(refusal(table), parse_protocol(f"folds:{table}").name) == {"1"}


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("file,part\na.wav,1\n", {"path", "fold"}),
        ("", {"path", "fold"}),
        ("path,fold\n", {"path", "fold"}),
        ("path,fold\n/c/00 anger 0.wav,\n", {"2", "fold"}),
        ("path,fold\n/c/00 anger 0.wav\n", {"2", "fold"}),
        ("path,fold\n,1\n", {"2", "path"}),
    ],
)
def test_an_incomplete_table_is_a_usage_error(table, text, named):
    table.write_text(text)
    error = refusal(table, UsageError)
    assert words_in(error, table) & {"1", "2", *COLUMNS} == named
    assert error.__cause__ is None


@pytest.mark.parametrize(
    ("line", "named", "cause"),
    [
        ("not json", {"path", "fold"}, json.JSONDecodeError),
        ("[1]", COLUMNS, NoneType),
        ('{"wav": "a.wav"}', {"fold"}, NoneType),
        ('{"wav": "a.wav", "fold": true}', {"fold"}, NoneType),
        ('{"wav": "a.wav", "fold": 1.5}', {"fold"}, NoneType),
        ('{"fold": 1}', {"path"}, NoneType),
        ('{"path": 7, "fold": 1}', {"path"}, NoneType),
    ],
)
def test_incomplete_json_lines_are_a_usage_error(tmp_path, line, named, cause):
    lines = tmp_path / "folds.jsonl"
    lines.write_text("\n" + line + "\n")
    error = refusal(lines, UsageError)
    assert words_in(error, lines) & {"1", "2", *COLUMNS} == {"2", *named}
    assert type(error.__cause__) is cause


def test_a_file_in_another_encoding_is_a_usage_error(table):
    table.write_bytes("path,fold\nmüde.wav,1\n".encode("latin-1"))
    assert type(refusal(table, UsageError).__cause__) is UnicodeDecodeError


def test_a_file_that_is_not_there_is_a_usage_error(tmp_path):
    error = refusal(tmp_path / "none.csv", UsageError)
    assert type(error.__cause__) is FileNotFoundError
    assert os.strerror(errno.ENOENT) in str(error)


def test_a_folder_without_lists_is_a_usage_error(tmp_path):
    json_lines(tmp_path / "fold_1" / "notes.jsonl", [])
    assert "fold_1/…_test_fold_1.jsonl" in str(refusal(tmp_path, UsageError))


def test_a_file_that_changed_since_is_refused_under_its_old_name(table):
    before = parse_protocol(f"folds:{table}")
    folds_table(table, DATA, by_speaker(2))
    with pytest.raises(UsageError) as refused:
        parse_protocol(before.name)
    assert type(refused.value) is UsageError
    assert before.file.content[:8] in words_in(refused.value, table)
