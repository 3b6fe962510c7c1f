"""Files that are refused before they are opened: special ones, and huge ones."""

import errno
import os

import pytest

from serbench.data.exclusions import read_exclusions
from serbench.data.protocols.files import find_folds
from serbench.data.regular import LARGEST, check_regular
from serbench.data.tables import all_cells, open_table
from serbench.errors import SerbenchError, StudyFileError
from serbench.plugins import Plugins
from serbench.run.bench_results import import_bench
from serbench.run.study_file import read_options
from serbench.store.prediction_files import read_predictions


@pytest.fixture
def huge(tmp_path):
    """``huge("a.csv")`` is a file of 100 GB without content, which takes no space on the disk."""

    def make(name):
        path = tmp_path / name
        with path.open("wb") as file:
            file.truncate(100_000_000_000)
        return path

    return make


def test_sizes_are_compared_with_the_limit(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"123")
    check_regular(path, 3)
    with pytest.raises(OSError, match="MB") as raised:
        check_regular(path, 2)
    assert raised.value.errno == errno.EFBIG
    check_regular(path, None)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="FIFOs of POSIX")
def test_a_fifo_is_not_opened(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(OSError, match="FIFO") as raised:
        check_regular(tmp_path / "fifo")
    assert raised.value.errno == errno.EINVAL


READERS = {
    "table": lambda path: open_table(path, {}),
    "cells": lambda path: list(all_cells(path)),
    "exclusions": read_exclusions,
    "folds": lambda path: find_folds(str(path)),
    "bench": lambda path: import_bench(path, None),
}


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
@pytest.mark.parametrize("name", ["a.csv", "a.json"])
def test_a_huge_table_is_refused_without_being_read(huge, name, read):
    assert LARGEST < 100_000_000
    with pytest.raises(SerbenchError):
        read(huge(name))


def test_huge_predictions_are_refused_without_being_read(huge, tiny_manifest):
    with pytest.raises(SerbenchError):
        read_predictions(huge("a.csv"), tiny_manifest)


def test_a_huge_study_file_is_refused_without_being_read(huge):
    with pytest.raises(StudyFileError):
        read_options({}, huge("study.toml"), Plugins())
