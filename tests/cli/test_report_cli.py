"""``serbench report``: what it writes, says and refuses."""

import json
import sys

import pytest
from refusals import error_of

pytestmark = pytest.mark.usefixtures("without_timm")


def test_the_group_alone_shows_its_reports(run):
    ran = run("report")
    assert ran.code == 2
    assert "paper" in ran.out + ran.err


def test_each_file_is_named_once_it_is_written(run, finished, tmp_path):
    ran = run("report", "paper", "--out", tmp_path / "new" / "out", "--db", finished.db)
    assert (ran.code, ran.err) == (0, "")
    named = ran.out.split()
    assert sorted(named) == sorted(str(file) for file in (tmp_path / "new" / "out").iterdir())
    assert len(named) == 16
    page = (tmp_path / "new" / "out" / "report.md").read_text()
    assert f"--dataset tiny --protocol speaker-2 --db {finished.db}`" in page


def test_json_names_the_same_files(run, finished, tmp_path):
    ran = run("report", "paper", "--out", tmp_path / "out", "--db", finished.db, "--format", "json")
    said = json.loads(ran.out)
    assert said["page"] == said["files"][-1] == str(tmp_path / "out" / "report.md")
    assert said["missing"] == []
    assert len(said["files"]) == 16


def test_an_exhibit_without_a_figure_is_said_on_standard_error(
    run, finished, tmp_path, monkeypatch
):
    monkeypatch.setenv("SERBENCH_DISABLE_PLUGINS", "timm,homebrew")
    ran = run("report", "paper", "--out", tmp_path / "out", "--db", finished.db)
    assert ran.code == 0
    assert "unknown backbone 'homebrew'" in ran.err
    assert "2-clip" not in ran.out


def test_before_any_entry_the_command_is_named(run, scanned, tmp_path):
    said = error_of(run("report", "paper", "--out", tmp_path / "out"), 2)
    assert said == "no entries yet: run `serbench study run --backbone homebrew` first"
    said = error_of(run("report", "paper", "--out", tmp_path / "out", "--dataset", "tiny"), 2)
    assert said.endswith("run `serbench study run --backbone homebrew --dataset tiny` first")
    assert not (tmp_path / "out").exists()


def test_an_unknown_dataset_gets_the_nearest(run, finished, tmp_path):
    ran = run("report", "paper", "--out", tmp_path, "--db", finished.db, "--dataset", "tinny")
    assert error_of(ran, 2) == "unknown dataset 'tinny': did you mean tiny?"


def test_a_protocol_without_entries_is_told_from_those_with(run, finished, tmp_path):
    ran = run("report", "paper", "--out", tmp_path, "--db", finished.db, "--protocol", "corpus")
    assert "no entries under corpus on tiny, but under speaker-2" in error_of(ran, 2)


def test_a_folder_that_cannot_be_written_to_is_one_line(run, finished, tmp_path):
    (tmp_path / "file").write_text("in the way")
    for out in (tmp_path / "file", tmp_path / "file" / "out"):
        said = error_of(run("report", "paper", "--out", out, "--db", finished.db), 1)
        assert said.startswith(f"{out} cannot be written to (")
        assert said.endswith("name another folder with --out")


def test_without_matplotlib_what_to_install_is_said(run, finished, tmp_path, monkeypatch):
    for name in list(sys.modules):
        if name.startswith("serbench.views.report"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    ran = run("report", "paper", "--out", tmp_path / "out", "--db", finished.db)
    assert error_of(ran, 1) == "figures need matplotlib: pip install 'serbench[report]'"


def test_the_folder_must_be_named(run):
    ran = run("report", "paper")
    assert ran.code == 2
    assert "Missing option '--out'" in ran.err
