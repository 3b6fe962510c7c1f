"""The published database of results can be read by this version, and agrees with the page."""

import gzip
import json
import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "leaderboard"


@pytest.fixture
def database(tmp_path):
    file = tmp_path / "results.db"
    file.write_bytes(gzip.decompress((FOLDER / "results.db.gz").read_bytes()))
    return file


def test_its_leaderboard_is_that_of_the_page(database, run):
    listed = json.loads(run("leaderboard", "--db", database, "--format", "json").out)
    found = {each["entry"]: f"{100 * each['uar']:.1f}" for each in listed}
    text = (FOLDER / "README.md").read_text("utf-8").split("## Every speaker tested")[1]
    table = text.split("\n\n")[2]
    rows = re.findall(r"^\| (\d+) \| .*? \| ([\d.]+) \([\d.–]+\) \|", table, re.M)
    assert len(rows) == len(found) == 12
    assert {int(entry): uar for entry, uar in rows} == found


def test_it_names_no_place_of_another_machine(database):
    content = database.read_bytes()
    assert not re.search(rb"/(?:work|root|home|Users|tmp)/", content)
