"""Anybody's own table."""

import pytest
from error_facts import words_in

from serbench.builtin.csv_table import CsvTable
from serbench.data.emotions import EMOTIONS
from serbench.errors import DatasetError

TABLE = CsvTable()


@pytest.fixture
def read(tmp_path):
    """Write a table, and read it as the corpus does."""

    def read(text, encoding="utf-8"):
        path = tmp_path / "mine.csv"
        path.write_bytes(text.encode(encoding))
        return list(TABLE.recognise([path]))

    return read


def test_a_row_is_a_recording(read, tmp_path):
    (found,) = read("path,emotion,speaker,sex,sentence\na/1.wav,Angry,Zoë,F,hello\n")
    assert found.path == tmp_path / "a" / "1.wav"
    assert (found.speaker, found.label, found.emotion) == ("Zoë", "Angry", "anger")
    assert (found.sex, found.sentence, found.excluded) == ("female", "hello", None)


def test_an_absolute_path_stays_as_it_is(read, tmp_path):
    elsewhere = tmp_path.parent / "elsewhere" / "1.wav"
    (found,) = read(f"path,emotion,speaker\n{elsewhere},anger,a\n")
    assert found.path == elsewhere


def test_columns_may_stand_in_any_order_among_others(read):
    (found,) = read("rating,Speaker, emotion ,path\n5, a ,fear,1.wav\n")
    assert (found.path.name, found.speaker, found.emotion) == ("1.wav", "a", "fear")
    assert (found.sex, found.sentence) == (None, None)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_columns_are_separated_as_the_first_line_does_it(read, delimiter):
    text = "path,emotion,speaker\n1.wav,fear,a\n".replace(",", delimiter)
    (found,) = read(text)
    assert (found.path.name, found.emotion, found.speaker) == ("1.wav", "fear", "a")


def test_the_mark_that_spreadsheets_put_first_does_not_hurt(read):
    assert len(read("path,emotion,speaker\r\n1.wav,fear,a\r\n", encoding="utf-8-sig")) == 1


def test_a_quoted_cell_may_hold_the_separator(read):
    (found,) = read('path,emotion,speaker\n"one, two.wav",fear,a\n')
    assert found.path.name == "one, two.wav"


def test_empty_lines_are_no_recordings(read):
    assert len(read("path,emotion,speaker\n\n1.wav,fear,a\n,,\n")) == 1


@pytest.mark.parametrize(
    "text",
    ["", "file,label,who\n1.wav,fear,a\n", "path,emotion\n1.wav,fear\n", "\n1.wav,fear,a\n"],
)
def test_a_table_without_our_columns_is_left_alone(read, text):
    assert read(text) == []


def test_other_files_are_left_alone(tmp_path):
    path = tmp_path / "mine.txt"
    path.write_text("path,emotion,speaker\n1.wav,fear,a\n")
    assert list(TABLE.recognise([path])) == []


@pytest.mark.parametrize("emotion", EMOTIONS)
def test_canonical_emotions_are_taken(read, emotion):
    (found,) = read(f"path,emotion,speaker\n1.wav,{emotion.upper()},a\n")
    assert found.emotion == emotion


@pytest.mark.parametrize(
    ("written", "emotion"),
    [
        ("sad", "sadness"),
        ("angry", "anger"),
        ("disgusted", "disgust"),
        ("fearful", "fear"),
        ("afraid", "fear"),
        ("happy", "happiness"),
        ("joy", "happiness"),
        ("surprised", "surprise"),
        ("pleasant_surprise", "surprise"),
        ("Pleasant Surprise", "surprise"),
        ("bored", "boredom"),
    ],
)
def test_common_synonyms_are_taken(read, written, emotion):
    (found,) = read(f"path,emotion,speaker\n1.wav,{written},a\n")
    assert (found.emotion, found.label) == (emotion, written)


def test_an_unknown_emotion_is_refused_with_the_place_and_the_known_ones(read, tmp_path):
    with pytest.raises(DatasetError) as refusal:
        read("path,emotion,speaker\n1.wav,fear,a\n2.wav,smug,a\n")
    assert words_in(refusal.value, tmp_path / "mine.csv") >= {"3", "smug", *EMOTIONS}


@pytest.mark.parametrize(
    ("row", "column"),
    [
        (",fear,a", "path"),
        ("1.wav, ,a", "emotion"),
        ("1.wav,fear,", "speaker"),
        ("1.wav", "emotion"),
    ],
)
def test_an_empty_cell_is_refused_with_the_place(read, tmp_path, row, column):
    with pytest.raises(DatasetError) as refusal:
        read(f"path,emotion,speaker\n{row}\n")
    words = words_in(refusal.value, tmp_path / "mine.csv")
    assert words & {"1", "2", "3", "path", "emotion", "speaker"} == {"2", column}


def test_a_table_in_another_encoding_is_refused(read, tmp_path):
    with pytest.raises(DatasetError) as refusal:
        read("path,emotion,speaker\n1.wav,fear,Zoë\n", encoding="latin-1")
    assert isinstance(refusal.value.__cause__, UnicodeDecodeError)
    assert "UTF-8" in words_in(refusal.value, tmp_path / "mine.csv")


def test_a_missing_table_says_how_to_write_one(tmp_path):
    with pytest.raises(DatasetError) as refusal:
        TABLE.fetch(tmp_path)
    assert words_in(refusal.value, tmp_path) >= {"path", "emotion", "speaker"}
