"""``serbench report compare``: formats, files and refusals."""

import json

import pytest
from refusals import error_of

pytestmark = pytest.mark.usefixtures("without_timm")


def test_the_ending_of_a_file_chooses_the_format(run, finished, tmp_path):
    shown = run("report", "compare", "--db", finished.db)
    assert (shown.code, shown.err) == (0, "")
    assert "UA" in shown.out
    for ending, begins in (("tex", "% made by"), ("md", "| system"), ("csv", "entry,system")):
        out = tmp_path / f"table.{ending}"
        ran = run("report", "compare", 1, "--out", out, "--db", finished.db)
        assert (ran.code, ran.out) == (0, f"{out}\n")
        assert out.read_text().startswith(begins)
    found = json.loads(run("report", "compare", 1, "--format", "json", "--db", finished.db).out)
    assert [row["entry"] for row in found["entries"]] == [1]
    assert found["entries"][0]["best"] is True


def test_what_cannot_be_done_is_named(run, finished, tmp_path):
    db = ("--db", finished.db)
    assert "--out" in run("report", "compare", "--out", tmp_path / "table.txt", *db).err
    error_of(run("report", "compare", "--diagram", tmp_path / "a.png", *db), 2)
    error_of(run("report", "compare", 1, "--dataset", "tiny", *db), 2)
    error_of(run("report", "compare", 7, *db), 2)
    assert "sex" in error_of(run("report", "compare", "--by", "corpus", "--by", "sex", *db), 2)
    assert list(tmp_path.glob("*.png")) == []
