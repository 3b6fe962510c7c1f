"""Tables of recordings, as the corpus ``csv`` reads them."""

import pytest

from serbench.builtin.csv_table import CsvTable
from serbench.data.corpus import Recording, Refused
from serbench.data.scan_options import ScanOptions


@pytest.fixture
def look(tmp_path):
    """Write a table, and give all that the corpus finds in its folder."""

    def look(content, name="mine.csv", **stated):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        options = ScanOptions(paths=(tmp_path,), **stated)
        return list(CsvTable().recognise(sorted(tmp_path.rglob("*")), options))

    return look


@pytest.fixture
def read(look):
    """The recordings alone; nothing may be refused."""

    def read(*arguments, **stated):
        found = look(*arguments, **stated)
        assert not [each for each in found if isinstance(each, Refused)]
        return [each for each in found if isinstance(each, Recording)]

    return read


@pytest.fixture
def refused(look):
    """The one refusal of a table."""

    def refused(*arguments, **stated):
        [found] = look(*arguments, **stated)
        assert isinstance(found, Refused)
        return found

    return refused
