"""``study run --seeds``: the winner trained again with other seeds, after the search."""

import json
import re
from collections import Counter

import pytest
from making.scripted import Stopped

from serbench.cli.progress import PlainListener
from serbench.execute.executor import InThisProcess

CROSS_VALIDATED = (
    *("study", "run", "--backbone", "homebrew", "--protocol", "speaker-2"),
    *("--trials", "1", "--epochs", "1"),
)


@pytest.fixture
def trainings(monkeypatch):
    """The folds of all trainings that are run."""
    folds, submit = [], InThisProcess.submit

    def counted(self, function, job, receive):
        if function.__name__ == "run_fold":
            folds.append(job.fold)
        return submit(self, function, job, receive)

    monkeypatch.setattr(InThisProcess, "submit", counted)
    return folds


def shown(run, entry=1):
    return json.loads(run("leaderboard", "show", entry, "--format", "json").out)


@pytest.mark.usefixtures("quick", "scanned")
def test_the_winners_folds_are_repeated_and_shown_beside_the_score(run, trainings):
    ran = run(*CROSS_VALIDATED, "--seeds", 3)
    assert ran.code == 0, ran.err
    assert Counter(trainings) == {0: 3, 1: 3, "holdout": 1}
    assert sum(line.startswith("seed ") for line in ran.err.splitlines()) == 4
    page = shown(run)
    seeds = page["seeds"]
    assert [each["seed"] for each in seeds["scores"]] == [1, 2, 3]
    assert seeds["scores"][0]["uar"] == pytest.approx(page["cv_uar_pooled"])
    assert seeds["speakers"] == 6
    assert not seeds["identical"]
    assert seeds["sentences"]
    printed = run("leaderboard", "show", 1).out
    for sentence in seeds["sentences"]:
        assert sentence in ran.out
        assert sentence in printed
    for score in seeds["scores"]:
        assert f"{100 * score['uar']:.1f}" in seeds["sentences"][0]


@pytest.mark.usefixtures("quick")
def test_a_finished_study_runs_only_the_missing_seeds_and_resumes_them(
    run, finished, copied, trainings, monkeypatch
):
    copied(finished)
    monkeypatch.setenv("SERBENCH_CACHE", str(finished.cache))
    before = run("leaderboard", "--format", "json").out
    assert shown(run)["seeds"] is None

    def stopping(self, repetition, result):
        raise Stopped

    with monkeypatch.context() as stopped:
        stopped.setattr(PlainListener, "repeated", stopping)
        with pytest.raises(Stopped):
            run(*finished.arguments, "--seeds", 3)
    assert trainings == ["holdout"], "the search is not run again"
    assert [each["seed"] for each in shown(run)["seeds"]["scores"]] == [1, 2]

    listed = run(*finished.arguments, "--seeds", 4, "--dry-run").out
    assert "1 study would run" in listed
    assert re.split(r"\s{2,}", listed.splitlines()[1])[-3:-1] == ["2/2", "2"]
    ran = run(*finished.arguments, "--seeds", 3)
    assert ran.code == 0, ran.err
    assert trainings == ["holdout"] * 2
    assert [each["seed"] for each in shown(run)["seeds"]["scores"]] == [1, 2, 3]
    assert run("leaderboard", "--format", "json").out == before, "no ranking depends on it"

    again = run(*finished.arguments, "--seeds", 3)
    assert trainings == ["holdout"] * 2
    assert again.out == ran.out
    fewer = run(*finished.arguments)
    assert fewer.out == ran.out, "recorded seeds stay"
    assert "0 studies would run" in run(*finished.arguments, "--seeds", 3, "--dry-run").out


@pytest.mark.usefixtures("quick")
def test_a_fitted_head_is_repeated_once_since_all_seeds_are_equal(
    run, finished, copied, trainings, monkeypatch
):
    copied(finished)
    monkeypatch.setenv("SERBENCH_CACHE", str(finished.cache))
    fitted = ("--weights", "entry:1", "--head", "logistic", "--allow-known-speakers")
    ran = run(*CROSS_VALIDATED[:6], *fitted, "--trials", "1", "--seeds", 9)
    assert ran.code == 0, ran.err
    assert Counter(trainings) == {0: 2, 1: 2, "holdout": 1}
    seeds = shown(run, 2)["seeds"]
    assert seeds["identical"]
    assert len(seeds["scores"]) == 2
    [sentence] = seeds["sentences"]
    assert sentence in ran.out


def test_no_seed_at_all_is_refused(run):
    ran = run(*CROSS_VALIDATED, "--seeds", 0)
    assert ran.code == 2
    assert "--seeds" in ran.err
