"""Studies whose trainings diverge: a failed trial, no entry, JSON that every reader takes."""

import json
import math

import pytest
import safetensors.torch

from serbench.plugins import Plugins

DIVERGED = """
backbone = "homebrew"
dataset = "tiny"
protocol = "speaker-2:holdout"
trials = 2
epochs = 1
batch_size = 8
[search]
learning_rate = 1e30
"""


def refuse_constant(name):
    """JSON has no such number."""
    raise AssertionError(name)


@pytest.fixture
def diverged(run, finished, quick, tmp_path):
    """A database with a study that failed, and how its run ended."""
    study, database = tmp_path / "diverged.toml", tmp_path / "serbench.db"
    study.write_text(DIVERGED)
    run("corpus", "scan", finished.corpus, "--dataset", "tiny", "--db", database)
    return database, run("study", "run", "--study", study, "--db", database)


def test_a_study_whose_trainings_all_diverge_ends_with_an_error_and_ranks_nothing(diverged, run):
    database, ended = diverged
    assert ended.code == 1
    assert "Traceback" not in ended.err
    ranking = run("leaderboard", "--format", "json", "--db", database)
    assert json.loads(ranking.out, parse_constant=refuse_constant) == []


def test_its_trials_are_recorded_as_failed_in_valid_json(diverged, run):
    database, _ = diverged
    shown = run("study", "show", 1, "--format", "json", "--db", database)
    found = json.loads(shown.out, parse_constant=refuse_constant)
    assert found["entry"] is None
    assert [trial["state"] for trial in found["trials"]] == ["failed", "failed"]
    for trial in found["trials"]:
        assert trial["failure"]
        assert trial["mean_uar"] is None


def test_a_dry_run_of_it_lists_it_as_failed_with_nothing_left(diverged, run):
    database, _ = diverged
    dry = run(
        "study", "run", "--study", database.parent / "diverged.toml", "--dry-run", "--db", database
    )
    assert "failed (study 1)" in dry.out
    assert dry.out.splitlines()[2].startswith("0 studies would run")


def test_its_table_names_why_trials_failed(diverged, run):
    database, _ = diverged
    assert run("study", "show", 1, "--db", database).out.count("failed") >= 4


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_weights_that_are_no_numbers_are_refused_before_anything_is_trained(
    value, run, finished, quick, tmp_path
):
    state = Plugins().backbones.get("homebrew").build("none").module.state_dict()
    name = next(name for name, tensor in state.items() if tensor.is_floating_point())
    state[name].view(-1)[0] = value
    path = tmp_path / "odd.safetensors"
    safetensors.torch.save_file(state, path)
    ended = run(*finished.arguments, "--weights", path, "--db", finished.db)
    assert ended.code == 1
    assert name in ended.err
    assert "trial 1" not in ended.err
