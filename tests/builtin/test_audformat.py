"""Databases in audformat: a header and a table for each aspect."""

import pickle

import pytest

from serbench.builtin.csv_table import CsvTable
from serbench.data.corpus import Recording, Refused
from serbench.data.scan_options import ScanOptions

HEADER = """
name: mine
schemes:
  emotion: {dtype: str, labels: [anger, fear]}
  speaker: {dtype: int, labels: {1: {gender: female}, 2: {gender: male}}}
tables:
  emotion:
    type: filewise
    columns:
      who-felt-what: {scheme_id: emotion}
      confidence: {}
  files:
    type: filewise
    columns:
      speaker: {scheme_id: speaker}
"""


@pytest.fixture
def database(tmp_path):
    """A database of two files in two tables."""
    (tmp_path / "db.yaml").write_text(HEADER)
    (tmp_path / "db.emotion.csv").write_text(
        "file,who-felt-what,confidence\nwav/1.wav,anger,0.9\nwav/2.wav,fear,0.8\n"
    )
    (tmp_path / "db.files.csv").write_text("file,speaker\nwav/2.wav,2\nwav/1.wav,1\n")
    return tmp_path


def found(folder, **stated):
    return list(CsvTable().recognise(sorted(folder.rglob("*")), ScanOptions(**stated)))


def test_the_tables_of_a_database_are_joined_by_file(database):
    recordings = [each for each in found(database) if isinstance(each, Recording)]
    assert [(r.path, r.label, r.speaker, r.sex) for r in recordings] == [
        (database / "wav" / "1.wav", "anger", "1", "female"),
        (database / "wav" / "2.wav", "fear", "2", "male"),
    ]


def test_sexes_in_a_table_of_speakers_are_found(database):
    header = HEADER.replace("{1: {gender: female}, 2: {gender: male}}", "people")
    (database / "db.yaml").write_text(header)
    (database / "db.people.csv").write_text("speaker,gender\n1,female\n2,male\n")
    recordings = [each for each in found(database) if isinstance(each, Recording)]
    assert [r.sex for r in recordings] == ["female", "male"]


def test_parts_of_recordings_are_left_out_with_the_reason(database):
    (database / "db.emotion.csv").write_text(
        "file,start,end,who-felt-what\n"
        "wav/1.wav,0 days,NaT,anger\n"
        "wav/2.wav,0 days 00:00:01.5,0 days 00:00:02,fear\n"
    )
    recordings = [each for each in found(database) if isinstance(each, Recording)]
    states = {r.path.name: r.excluded for r in recordings if r.label != "none"}
    assert states["1.wav"] is None
    assert states["2.wav"] is not None


class Alarm:
    """Unpickled, it leaves a file behind."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return (open, (str(self.path), "w"))


def test_a_pickled_table_is_refused_and_never_unpickled(database):
    (database / "db.files.csv").unlink()
    alarm = database / "alarm"
    (database / "db.files.pkl").write_bytes(pickle.dumps(Alarm(alarm)))
    [refused] = found(database)
    assert isinstance(refused, Refused)
    assert "files" in refused.detail
    assert not alarm.exists()


@pytest.mark.parametrize("content", ["", "[1, 2", "tables: 3", "[" * 5000])
def test_a_header_that_is_none_is_refused(database, content):
    (database / "db.yaml").write_text(content)
    [refused] = found(database)
    assert (type(refused), refused.path.name) == (Refused, "db.yaml")


BOMB = "a: &a [x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 8)}]\n"
    for before, name in zip("abcdefghi", "bcdefghij", strict=True)
)
"""Lists of lists, which as text are a billion letters long."""

ODD = {
    "a name that leaves the folder": HEADER.replace("  files:", "  x/../../files:"),
    "a name with a zero byte": HEADER.replace("  files:", '  "a\\0b":'),
    "a name of 5,000 letters": HEADER.replace("  files:", f"  {'a' * 5000}:"),
    "a date that does not exist": HEADER.replace("name: mine", "name: 2001-99-99"),
    "a number of 5,000 digits": HEADER.replace("name: mine", "name: " + "9" * 5000),
    "5,000 open brackets": HEADER.replace("name: mine", "name: " + "[" * 5000),
    "more than 4 MB": HEADER + "# " + "x" * 4_000_000,
}


@pytest.mark.parametrize("header", ODD.values(), ids=ODD)
def test_a_database_with_an_odd_header_is_refused(database, header):
    (database / "db.yaml").write_text(header)
    [refused] = [each for each in found(database) if isinstance(each, Refused)]
    assert refused.path == database / "db.yaml"


@pytest.mark.parametrize(
    "header",
    [
        HEADER.replace("confidence: {}", "confidence: [1, 2]"),
        HEADER.replace("  files:", "  1: text\n  2: [1]\n  files:"),
        HEADER.replace("{scheme_id: speaker}", "7"),
        HEADER.replace("labels: [anger, fear]", "labels: 3"),
        BOMB + HEADER.replace("{gender: male}", "{gender: *j}"),
        BOMB + HEADER.replace("{scheme_id: speaker}", "{scheme_id: *j}"),
        BOMB + HEADER.replace("  files:", "  bomb: *j\n  files:"),
    ],
)
def test_parts_of_another_form_are_ignored(database, header):
    (database / "db.yaml").write_text(header)
    assert len([each for each in found(database) if isinstance(each, Recording)]) == 2
