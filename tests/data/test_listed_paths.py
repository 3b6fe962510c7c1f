"""Paths of tables that were written elsewhere."""

import unicodedata

import pytest

from serbench.data.listed_paths import ListedPaths
from serbench.data.scan_options import ScanOptions


@pytest.fixture
def folder(tmp_path):
    """A folder with a table's recordings below ``wav``."""
    for name in ("wav/a1.wav", "wav/a2.wav", "wav/deep/b1.flac", "wav/Zoë.wav"):
        path = tmp_path / unicodedata.normalize("NFD", name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def found(folder, *written, **stated):
    paths = ListedPaths(folder, ScanOptions(**stated), written)
    return [
        None if path is None else unicodedata.normalize("NFC", path.relative_to(folder).as_posix())
        for path in map(paths.find, written)
    ]


@pytest.mark.parametrize(
    "written",
    [
        "wav/a1.wav",
        "./wav/../wav/a1.wav",
        "wav\\a1.wav",
        ".\\wav\\a1.wav",
        "WAV/A1.Wav",
        "wav/a1",
        "wav/a1.m4a",
        "C:\\Users\\Zoë\\data\\wav\\a1.wav",
        "c:/data/wav/a1.wav",
        "file:///content/drive/wav/a1.wav",
        "/content/drive/My Drive/wav/a1.wav",
        "\\\\server\\share\\wav\\a1.wav",
        "dataset/wav/a1.wav",
        "/elsewhere/wav/a1.wav",
    ],
)
def test_a_path_of_another_machine_is_found(folder, written):
    assert found(folder, written) == ["wav/a1.wav"]


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_accents_are_found_in_either_form(folder, form):
    assert found(folder, unicodedata.normalize(form, "wav/Zoë.wav")) == ["wav/Zoë.wav"]


def test_only_folders_that_all_paths_share_are_left_out(folder):
    (folder / "a1.wav").touch()
    assert found(folder, "1/a1.wav", "2/a1.wav") == [None, None]


def test_a_name_without_folders_is_found_where_one_file_has_it(folder):
    assert found(folder, "a1.wav", "b1.flac") == ["wav/a1.wav", "wav/deep/b1.flac"]
    assert found(folder, "C:\\x\\a1.wav", "C:\\x\\b1") == ["wav/a1.wav", "wav/deep/b1.flac"]
    (folder / "wav" / "deep" / "a1.wav").touch()
    assert found(folder, "a1.wav") == [None]


def test_no_two_paths_match_one_file(folder):
    assert found(folder, "wav/a1.wav", "wav/A1.m4a") == ["wav/a1.wav", None]


def test_two_files_that_differ_in_case_only_are_distinguished(folder):
    (folder / "wav" / "A1.wav").touch()
    assert found(folder, "wav/A1.wav", "wav/a1.wav", "wav/a1.WAV") == [
        "wav/A1.wav",
        "wav/a1.wav",
        None,
    ]


def test_below_the_root_the_end_of_a_path_is_enough(folder):
    table = folder / "tables"
    table.mkdir()
    written = ("/x/old/deep/b1.wav", "/y/a2.wav", "/y/gone.wav")
    paths = ListedPaths(table, ScanOptions(root=folder), written)
    assert list(map(paths.find, written)) == [
        folder / "wav" / "deep" / "b1.flac",
        folder / "wav" / "a2.wav",
        None,
    ]
    assert paths.looked_for("/y/gone.wav").is_relative_to(folder)


def test_of_files_of_one_name_below_the_root_that_with_most_of_the_path_counts(folder):
    for name in ("s1", "s2"):
        (folder / "x" / name).mkdir(parents=True)
        (folder / "x" / name / "c.wav").touch()
    table = folder / "tables"
    table.mkdir()
    written = ("/old/s2/c.wav", "/old/s3/c.wav")
    paths = ListedPaths(table, ScanOptions(root=folder), written)
    assert paths.find(written[0]) == folder / "x" / "s2" / "c.wav"
    assert paths.find(written[1]) is None, "either of two"


def test_paths_may_start_at_a_scanned_folder(folder):
    table = folder / "meta"
    table.mkdir()
    paths = ListedPaths(table, ScanOptions(paths=(folder,)), ["wav/a1.wav"])
    assert paths.find("wav/a1.wav") == folder / "wav" / "a1.wav"
