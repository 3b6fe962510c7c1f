"""A file of folds that does not fit the dataset is refused in one line."""

import pytest
from manifest_making import manifest, people, split
from protocol_making import by_speaker, folds_table, json_lines

from serbench.data.manifest import make_manifest
from serbench.data.protocols import parse_protocol
from serbench.errors import DatasetError, LeakError, UsageError

DATA = manifest(people("c", 6))


@pytest.fixture
def table(tmp_path):
    """A good table, to be spoilt."""
    return folds_table(tmp_path / "folds.csv", DATA, by_speaker(3))


def refusal(table, error=DatasetError, kind="folds"):
    with pytest.raises(error) as refused:
        split(DATA, f"{kind}:{table}")
    assert type(refused.value) is error
    assert "\n" not in str(refused.value)
    return str(refused.value)


def spoil(table, change):
    table.write_text("\n".join(change(table.read_text().splitlines())) + "\n")


def test_a_clip_without_a_line_is_named(table):
    spoil(table, lambda lines: lines[:5] + lines[6:])
    said = refusal(table)
    assert f"places 17 of the 18 clips of dataset 'some'; {DATA.utterances[4].path} is" in said
    assert said.endswith("list every clip")


def test_a_clip_that_the_dataset_lacks_is_named_with_its_line(table):
    spoil(table, lambda lines: [*lines, "/c/99 anger 0.wav,1", "nothing.wav,1"])
    said = refusal(table)
    assert "line 20: dataset 'some' holds no /c/99 anger 0.wav (nor 1 more of the list)" in said


def test_a_clip_with_two_lines_is_named_with_both(table):
    spoil(table, lambda lines: [*lines, lines[3]])
    said = refusal(table)
    assert "line 20: " in said
    assert f"was already placed by {table}, line 4: keep one" in said


def test_an_end_that_several_paths_have_is_not_enough(table):
    twice = make_manifest("some", [*people("c", 6), *people("d", 6)])
    spoil(table, lambda lines: [lines[0], lines[1].replace("/c/", "")])
    with pytest.raises(DatasetError, match=r"may be any of 2 recordings .* more of the folders"):
        split(twice, f"folds:{table}")


def test_a_speaker_in_two_folds_leaks_and_random_folds_is_the_honest_name(table):
    spoil(table, lambda lines: [*lines[:-1], lines[-1][:-1] + "0"])
    said = refusal(table, LeakError)
    assert "speaker c/05 is in training and in testing" in said
    assert "random-folds:FILE" in said
    assert len(split(DATA, f"random-folds:{table}").outer_folds) == 3


def test_one_fold_is_no_split(tmp_path):
    table = folds_table(tmp_path / "folds.csv", DATA, lambda clip: "all")
    assert "has one fold only (all): nothing is left to train on" in refusal(table)


def test_an_holdout_that_leaves_one_speaker_leaves_nothing_to_search_on(tmp_path):
    table = folds_table(
        tmp_path / "folds.csv", DATA, lambda clip: "dev" if clip.speaker == "c/00" else "holdout"
    )
    assert "leaves the search 1 speakers of dataset 'some'" in refusal(table)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("file,part\na.wav,1\n", "the first line must name the columns path and fold"),
        ("", "the first line must name the columns path and fold"),
        ("path,fold\n", "names no recordings"),
        ("path,fold\n/c/00 anger 0.wav,\n", "line 2 names no fold"),
        ("path,fold\n/c/00 anger 0.wav\n", "line 2 names no fold"),
        ("path,fold\n,1\n", "line 2 names no path"),
    ],
)
def test_a_table_that_does_not_say_enough_is_a_usage_error(table, text, said):
    table.write_text(text)
    assert said in refusal(table, UsageError)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("not json", "line 1 is not JSON"),
        ("[1]", "line 1 is not an object"),
        ('{"wav": "a.wav"}', "line 1 names no fold"),
        ('{"wav": "a.wav", "fold": true}', "line 1 names no fold"),
        ('{"wav": "a.wav", "fold": 1.5}', "line 1 names no fold"),
        ('{"fold": 1}', "line 1 names no path"),
        ('{"path": 7, "fold": 1}', "line 1 names no path"),
    ],
)
def test_json_lines_that_do_not_say_enough_are_a_usage_error(tmp_path, line, said):
    lines = tmp_path / "folds.jsonl"
    lines.write_text(line + "\n")
    assert said in refusal(lines, UsageError)


def test_a_file_in_another_encoding_is_a_usage_error(table):
    table.write_bytes("path,fold\nmüde.wav,1\n".encode("latin-1"))
    assert "is not UTF-8" in refusal(table, UsageError)


def test_a_file_that_is_not_there_is_a_usage_error(tmp_path):
    assert "cannot be read (No such file" in refusal(tmp_path / "none.csv", UsageError)


def test_a_folder_without_lists_is_a_usage_error(tmp_path):
    json_lines(tmp_path / "fold_1" / "notes.jsonl", [])
    assert "holds no fold_1/…_test_fold_1.jsonl: give" in refusal(tmp_path, UsageError)


def test_a_file_that_changed_since_is_refused_under_its_old_name(table):
    name = parse_protocol(f"folds:{table}").name
    folds_table(table, DATA, by_speaker(2))
    with pytest.raises(UsageError, match=r"folds\.csv have changed since: put back those of"):
        parse_protocol(name)
