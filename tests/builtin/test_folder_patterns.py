"""Recordings in folders that a pattern describes."""

import pytest
from error_facts import words_in

from serbench.builtin.folders import Folders
from serbench.data.corpus import Remark
from serbench.data.path_pattern import PathPattern
from serbench.data.scan_options import ScanOptions
from serbench.errors import DatasetError, UsageError

FOLDERS = Folders()


@pytest.fixture
def found(tmp_path):
    """What is recognised among the files of these names."""

    def found(pattern, *names):
        options = ScanOptions(pattern=pattern and PathPattern(pattern), paths=(tmp_path,))
        return list(FOLDERS.recognise([tmp_path / name for name in names], options))

    return found


def test_folders_give_emotion_and_speaker(found):
    recordings = found("{emotion}/{speaker}/*", "anger/s1/a.wav", "Freude/s2/b.flac", "notes.txt")
    assert [(r.label, r.speaker, r.source) for r in recordings] == [
        ("anger", "s1", "option"),
        ("Freude", "s2", "option"),
    ]


def test_sex_and_sentence_are_taken(found):
    [recording] = found("{speaker}_{sex}_{emotion}_{sentence}", "s1_F_joy_03.wav")
    assert (recording.sex, recording.sentence) == ("female", "03")


def test_without_a_pattern_nothing_is_recognised(found):
    assert found(None, "anger/s1/a.wav") == []


def test_without_a_match_a_remark_shows_a_path_below_the_folder(found):
    [remark] = found("{emotion}/{speaker}/*", "mine/anger/s1/a.wav")
    assert isinstance(remark, Remark)
    assert "mine/anger/s1/a.wav" in remark.text


@pytest.mark.parametrize(
    ("pattern", "lacking"),
    [("{emotion}/*", ("{speaker}",)), ("{sex}/*", ("{emotion}", "{speaker}"))],
)
def test_a_pattern_that_lacks_a_field_is_refused_unless_a_table_may_give_it(
    found, pattern, lacking
):
    with pytest.raises(UsageError) as refusal:
        found(pattern, "anger/s1/a.wav")
    assert refusal.value.facts["lacking"] == lacking
    assert found(pattern, "anger/s1/a.wav", "table.csv") == []


def test_own_recordings_cannot_be_fetched(tmp_path):
    with pytest.raises(DatasetError) as refusal:
        FOLDERS.fetch(tmp_path)
    assert "--pattern" in words_in(refusal.value)
