"""Anybody's own table."""

import re

import pytest
from error_facts import words_in

from serbench.builtin.csv_table import CsvTable
from serbench.data.corpus import Remark
from serbench.data.path_pattern import PathPattern
from serbench.errors import DatasetError

TABLE = CsvTable()
HEADER = "path,emotion,speaker\n"


def fields(recording):
    return recording.path.name, recording.label, recording.speaker


def test_a_row_is_a_recording_with_its_label_as_written(read, tmp_path):
    (found,) = read("path,emotion,speaker,sex,sentence\na/1.wav,Angry,Zoë,F,hello\n")
    assert found.path == tmp_path / "a" / "1.wav"
    assert (found.speaker, found.label, found.emotion) == ("Zoë", "Angry", None)
    assert (found.sex, found.sentence, found.excluded) == ("female", "hello", None)


def test_an_absolute_path_that_exists_stays_as_it_is(read, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "1.wav"
    elsewhere.touch()
    (found,) = read(f"{HEADER}{elsewhere},anger,a\n")
    assert found.path == elsewhere


@pytest.mark.parametrize(
    "header",
    [
        "path,emotion,speaker",
        "Filename,Label,Speaker_ID",
        "file_name,class,spk",
        "wav,emo,actor",
        "AUDIO,Target,subject",
        "Audio File,emotion label,Participant ID",
        "Datei,Gefühl,Sprecher",
    ],
)
def test_usual_headers_are_recognised(read, header):
    (found,) = read(f"rating,{header}\n5,1.wav,fear,a\n")
    assert fields(found) == ("1.wav", "fear", "a")


def test_of_several_common_headers_the_most_specific_is_used(read):
    (found,) = read("name,file,class,emotion,speaker\nBob,1.wav,train,fear,a\n")
    assert fields(found) == ("1.wav", "fear", "a")


def test_stated_columns_count_before_usual_ones(read):
    stated = {"path": "CLIP no", "emotion": "second", "speaker": "path"}
    (found,) = read("path,emotion,clip NO,second\nx,joy,1.wav,fear\n", columns=stated)
    assert fields(found) == ("1.wav", "fear", "x")
    assert found.source == "option"


def test_one_column_may_be_stated_as_the_speaker_and_still_give_the_path(read):
    found = read("path,emotion\n1.wav,fear\n2.wav,joy\n", columns={"speaker": "path"})
    assert list(map(fields, found)) == [("1.wav", "fear", "1.wav"), ("2.wav", "joy", "2.wav")]


def test_columns_of_a_table_without_a_header_are_stated_by_number(read):
    stated = {"path": "2", "emotion": "1", "speaker": "3"}
    found = read("fear,1.wav,a\njoy,2.wav,b\n", columns=stated)
    assert list(map(fields, found)) == [("1.wav", "fear", "a"), ("2.wav", "joy", "b")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", " "])
@pytest.mark.parametrize("name", ["mine.csv", "mine.tsv", "mine.TXT"])
def test_any_delimiter_is_found_whatever_the_suffix(read, delimiter, name):
    (found,) = read(f"{HEADER}1.wav,fear,a\n".replace(",", delimiter), name)
    assert fields(found) == ("1.wav", "fear", "a")


@pytest.mark.parametrize("line", ["sep=;", "SEP=;\r", '"sep=;"'])
def test_a_line_that_names_the_delimiter_is_understood(read, line):
    (found,) = read(f"{line}\npath;emotion;speaker\n1,5.wav;fear;a\n")
    assert fields(found) == ("1,5.wav", "fear", "a")


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]
)
def test_any_unicode_encoding_is_read(read, encoding):
    text = f"{HEADER}1.wav,wütend,Zoë\n"
    (found,) = read(text.encode(encoding))
    assert fields(found) == ("1.wav", "wütend", "Zoë")


def test_text_that_is_no_unicode_is_read_as_windows_1252_with_a_remark(look, tmp_path):
    recording, *remarks = look(f"{HEADER}1.wav,wütend,Zoë\n".encode("windows-1252"))
    assert fields(recording) == ("1.wav", "wütend", "Zoë")
    assert [(each.path.name, "windows-1252" in each.text) for each in remarks] == [
        ("mine.csv", True),
        ("mine.csv", False),
    ]


def test_a_quoted_cell_may_hold_the_separator(read):
    (found,) = read(f'{HEADER}"one, two.wav",fear,a\n')
    assert found.path.name == "one, two.wav"


def test_empty_lines_are_no_recordings(read):
    assert len(read(f"\n{HEADER}\n1.wav,fear,a\n,,\n")) == 1


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("", "mine.csv"),
        ("article,price\nbread,3.20\n", "mine.csv"),
        ("ActorID,Age,Sex\n1001,51,Male\n", "mine.csv"),
        ("Stimulus,Filename\n1,1001_IEO_NEU_XX\n", "mine.csv"),
        ("The cat sat on the mat.\n", "mine.txt"),
        ("[6.29 - 8.23]\tSes01F_impro01_F000\tneu\t[2.5, 2.5, 2.5]\n", "mine.txt"),
        ('{"name": "a package", "version": 1}', "mine.json"),
        ("[" * 100_000, "mine.json"),
        ("not json", "mine.jsonl"),
    ],
)
def test_what_lists_no_recordings_is_passed_over(look, text, name):
    assert look(text, name) == []


@pytest.mark.parametrize(
    ("text", "lacking"),
    [
        ("path,emotion,rating\n1.wav,fear,3\n", ["speaker"]),
        ("path,rating\n1.wav,3\n", ["emotion", "speaker"]),
        ("wav_number,emotion,speaker\n17,fear,a\n", ["path"]),
    ],
)
def test_a_table_of_recordings_that_lacks_columns_is_refused_with_all_of_them(
    refused, text, lacking
):
    found = refused(text)
    assert found.path.name == "mine.csv"
    header = text.split("\n")[0].split(",")
    assert all(name in found.detail for name in header)
    assert {f"{name}=COLUMN" for name in lacking} <= set(found.detail.replace(",", " ").split())
    assert [name for name in ("path", "emotion", "speaker") if name in found.reason.split()] == (
        lacking
    )


def test_a_stated_column_that_is_not_there_is_named(refused):
    found = refused(f"{HEADER}1.wav,fear,a\n", columns={"speaker": "actr"})
    assert "actr" in found.detail


@pytest.mark.parametrize("header", ["filename,label", "path,label"])
def test_the_advice_for_a_table_without_speakers_works_as_it_is_written(refused, read, header):
    rows = f"{header}\na.wav,joy\nb.wav,anger\n"
    [column] = re.findall(r"--columns speaker=(?!COLUMN)(\w+)", refused(rows).detail)
    assert [each.speaker for each in read(rows, columns={"speaker": column})] == ["a.wav", "b.wav"]


def test_a_table_without_a_header_is_refused_with_the_remedy(refused):
    found = refused("1.wav,fear,a\n2.wav,joy,b\n")
    assert "--columns path=1,emotion=2,speaker=3" in found.detail


def test_a_table_of_a_header_alone_is_refused(refused):
    assert refused(HEADER).path.name == "mine.csv"


@pytest.mark.parametrize(
    ("row", "column"),
    [
        (",fear,a", "path"),
        ("1.wav, ,a", "emotion"),
        ("1.wav,fear,", "speaker"),
        ("1.wav", "emotion"),
    ],
)
def test_an_incomplete_row_is_left_out_with_the_reason(read, row, column):
    first, second = read(f"{HEADER}{row}\n2.wav,joy,b\n")
    assert column in first.excluded.split()
    assert (fields(second), second.excluded) == (("2.wav", "joy", "b"), None)


def test_a_pattern_gives_what_no_column_has(read, tmp_path):
    pattern = PathPattern("{speaker}/*")
    (found,) = read("path,emotion\nanna/1.wav,fear\n", pattern=pattern)
    assert (found.speaker, found.label) == ("anna", "fear")


def test_a_recording_listed_twice_counts_once(read, tmp_path):
    (tmp_path / "b.tsv").write_text("path\temotion\tspeaker\n1.wav\tFear\ta\n")
    found = read(f"{HEADER}1.wav,fear,a\n1.wav,fear,a\n")
    assert [each.excluded is None for each in found] == [True, False, False]


def test_a_recording_listed_under_two_emotions_stays_twice_to_be_a_conflict(read):
    found = read(f"{HEADER}1.wav,fear,a\n1.wav,joy,a\n")
    assert [each.excluded for each in found] == [None, None]


def test_missing_recordings_are_counted_with_one_path_and_the_remedy(look, tmp_path):
    (tmp_path / "1.wav").touch()
    found = look(f"{HEADER}1.wav,fear,a\nx/2.wav,fear,a\nx/3.wav,joy,a\n")
    [remark] = [each for each in found if isinstance(each, Remark)]
    assert words_in_remark(remark) >= {"--root", str(tmp_path / "x" / "2.wav"), "3", "2"}


def words_in_remark(remark):
    return set(remark.text.replace(";", " ").replace(",", " ").replace(": ", " ").split())


def test_a_missing_table_is_refused_with_its_columns(tmp_path):
    with pytest.raises(DatasetError) as refusal:
        TABLE.fetch(tmp_path)
    assert words_in(refusal.value, tmp_path) >= {"path", "emotion", "speaker"}
