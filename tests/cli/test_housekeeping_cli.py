"""Deleting and renaming on the command line, ``serbench db``, and databases that are not there."""

import json

import pytest
from refusals import error_of

READING = [
    ("corpus", "list"),
    ("study", "list"),
    ("leaderboard",),
    ("leaderboard", "show", 1),
    ("db", "info"),
    ("corpus", "delete", "tiny", "--yes"),
    ("predict", 1, "x.wav"),
]


@pytest.mark.parametrize("command", READING)
def test_no_command_that_reads_makes_a_database(run, tmp_path, command):
    assert "typo.db" in error_of(run(*command, "--db", tmp_path / "typo.db"), 1)
    assert list(tmp_path.iterdir()) == []


def test_a_dataset_is_deleted_once_nothing_needs_it(run, finished, copied, tmp_path):
    copied(finished)
    assert "entry 1" in error_of(run("corpus", "delete", "tiny", "--yes"), 2)
    assert "leaderboard delete 1" in error_of(run("study", "delete", 1, "--yes"), 2)
    assert run("leaderboard", "delete", 1, "--yes").code == 0
    assert "--yes" in error_of(run("corpus", "delete", "tiny"), 2)
    assert run("corpus", "delete", "tiny", "--yes").code == 0
    assert run("corpus", "list", "--format", "json").out == "[]\n"
    assert "tiny" in error_of(run("corpus", "delete", "tiny", "--yes"), 1)


def test_a_renamed_dataset_is_found_by_its_new_name(run, finished, copied):
    copied(finished)
    assert run("corpus", "rename", "tiny", "small").code == 0
    [row] = json.loads(run("leaderboard", "--dataset", "small", "--format", "json").out)
    assert row["dataset"] == "small"
    assert "small" in error_of(run("corpus", "show", "tiny"), 2)


def test_only_imported_entries_are_renamed(run, finished, copied, tmp_path):
    copied(finished)
    table = tmp_path / "other.csv"
    table.write_text(run("leaderboard", "export-predictions", 1).out)
    to = ("--dataset", "tiny", "--protocol", "speaker-2:holdout")
    assert run("leaderboard", "import", table, "--name", "first", *to).code == 0
    assert run("leaderboard", "rename", 2, "second").code == 0
    rows = json.loads(run("leaderboard", "--format", "json").out)
    assert {row["entry"]: row["backbone"] for row in rows} == {1: "homebrew", 2: "second"}
    assert {row["holdout_looks_total"] for row in rows} == {2}
    assert "homebrew" in error_of(run("leaderboard", "rename", 1, "mine"), 2)
    assert "networks tested on this holdout so far: 2" in run("leaderboard").out


def test_the_database_is_described(run, finished):
    found = json.loads(run("db", "info", "--format", "json", "--db", finished.db).out)
    assert (found["datasets"], found["studies"], found["entries"]) == (1, 1, 1)
    assert found["database"] == str(finished.db)
    assert found["bytes"] == finished.db.stat().st_size
    assert found["artifacts"] == 3
    assert "serbench" in found["plugins"]
    assert str(finished.db) in run("db", "info", "--db", finished.db).out


def test_a_vacuum_keeps_everything(run, finished, copied):
    copied(finished)
    before = run("leaderboard", "--format", "json").out
    ran = run("db", "vacuum")
    assert ran.code == 0
    assert "weights files: 0 bytes freed" in ran.out
    assert run("leaderboard", "--format", "json").out == before


def test_a_changed_plugin_name_is_reported(run, tmp_path):
    ran = run("plugins", "new", "My Net", "--kind", "metric", "--out", tmp_path)
    assert ran.code == 0
    assert "my-net" in ran.err
    same = run("plugins", "new", "other", "--kind", "metric", "--out", tmp_path, "--quiet")
    assert (same.code, same.err) == (0, "")


def test_a_disabled_plugin_that_does_not_exist_is_named(run, monkeypatch):
    monkeypatch.setenv("SERBENCH_DISABLE_PLUGINS", "tim,timm")
    ran = run("plugins", "list", "--format", "json")
    assert json.loads(ran.out)["disabled"] == ["timm"]
    assert "tim" in ran.err
    assert "timm?" in ran.err
