"""``serbench report``: what it writes, prints and refuses."""

import csv
import io
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
    assert len(named) == 19
    page = (tmp_path / "new" / "out" / "report.md").read_text()
    assert f"--dataset tiny --protocol speaker-2:holdout --db {finished.db}`" in page


def test_json_names_the_same_files(run, finished, tmp_path):
    ran = run("report", "paper", "--out", tmp_path / "out", "--db", finished.db, "--format", "json")
    written = json.loads(ran.out)
    assert written["page"] == written["files"][-1] == str(tmp_path / "out" / "report.md")
    assert written["missing"] == []
    assert len(written["files"]) == 19


def test_an_exhibit_without_a_figure_is_named_on_standard_error(
    run, finished, tmp_path, monkeypatch
):
    monkeypatch.setenv("SERBENCH_DISABLE_PLUGINS", "timm,homebrew")
    ran = run("report", "paper", "--out", tmp_path / "out", "--db", finished.db)
    assert ran.code == 0
    assert "homebrew" in ran.err
    assert "2-clip" not in ran.out


def test_before_any_entry_the_command_is_named(run, scanned, tmp_path):
    line = error_of(run("report", "paper", "--out", tmp_path / "out"), 2)
    assert "`serbench study run`" in line
    line = error_of(run("report", "paper", "--out", tmp_path / "out", "--dataset", "tiny"), 2)
    assert "`serbench study run --dataset tiny`" in line
    assert not (tmp_path / "out").exists()


def test_an_unknown_dataset_gets_the_nearest(run, finished, tmp_path):
    ran = run("report", "paper", "--out", tmp_path, "--db", finished.db, "--dataset", "tinny")
    assert "tiny" in error_of(ran, 2)


def test_a_protocol_without_entries_is_refused_with_those_that_have_some(run, finished, tmp_path):
    ran = run("report", "paper", "--out", tmp_path, "--db", finished.db, "--protocol", "corpus")
    assert "speaker-2:holdout" in error_of(ran, 2)


def test_a_folder_that_cannot_be_written_to_is_one_line(run, finished, tmp_path):
    (tmp_path / "file").write_text("in the way")
    for out in (tmp_path / "file", tmp_path / "file" / "out"):
        line = error_of(run("report", "paper", "--out", out, "--db", finished.db), 1)
        assert str(out) in line
        assert "--out" in line


def test_without_matplotlib_what_to_install_is_named(run, finished, tmp_path, monkeypatch):
    for name in list(sys.modules):
        if name.startswith("serbench.views.report"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    ran = run("report", "paper", "--out", tmp_path / "out", "--db", finished.db)
    assert "pip install matplotlib" in error_of(ran, 1)


def test_the_folder_must_be_named(run):
    ran = run("report", "paper")
    assert ran.code == 2
    assert "--out" in ran.err


@pytest.fixture
def others(run, finished, copied, make_corpus, tmp_path):
    """The finished study, and a dataset of eight speakers, two of whom were not trained on."""
    copied(finished)
    corpus = make_corpus(tmp_path / "others", speakers=8)
    assert run("corpus", "scan", corpus, "--dataset", "others").code == 0


CROSS = ("report", "cross", "--datasets", "tiny,others", "--entries", "1")


def test_a_matrix_has_the_same_scores_as_leaderboard_and_evaluation(run, others):
    ran = run(*CROSS, "--format", "json")
    assert ran.code == 0, ran.err
    own, other = json.loads(ran.out)["cells"]
    [row] = json.loads(run("leaderboard", "--format", "json").out)
    assert (own["uar"], own["uar_ci"]) == (row["uar"], row["uar_ci"])
    found = json.loads(run("evaluate", 1, "--dataset", "others", "--format", "json").out)
    for name in ("uar", "uar_ci", "clips", "speakers", "emotions"):
        assert other[name] == found[name]
    first, *cells = csv.DictReader(io.StringIO(run(*CROSS, "--format", "csv").out))
    assert float(first["uar"]) == own["uar"]
    assert [cell["tested"] for cell in cells] == ["others"]


def test_logits_are_computed_once(run, others, monkeypatch):
    shown = run(*CROSS)
    assert shown.code == 0, shown.err
    monkeypatch.setattr("serbench.run.evaluate.predict", lambda *_: pytest.fail("computed again"))
    assert run(*CROSS).out == shown.out
    for fact in ("tiny", "others", "homebrew"):
        assert fact in shown.out


def test_datasets_that_make_no_matrix_are_refused_in_one_line(run, others):
    assert "tiny" in error_of(run("report", "cross", "--datasets", "tiny"), 2)
    assert "others" in error_of(run("report", "cross", "--datasets", "tiny,others"), 2)
    assert "one,two" in run(*CROSS[:-1], "one,two").err
