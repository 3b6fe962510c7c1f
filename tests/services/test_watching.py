"""`serbench study watch` beside a study that another process runs."""

import json
import subprocess
import sys
import time

import pytest

pytestmark = pytest.mark.services


def test_a_running_study_is_seen_from_its_first_trial_to_its_entry(
    run, tiny_corpus, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SERBENCH_CACHE", str(tmp_path / "cache"))
    assert run("corpus", "scan", tiny_corpus, "--dataset", "tiny").code == 0
    options = ["--backbone", "homebrew", "--protocol", "speaker-2:holdout", "--trials", "2"]
    options += ["--epochs", "40", "--executor", "here", "--threads", "1", "--precision", "fp32"]
    command = [sys.executable, "-m", "serbench.cli.main", "study", "run", *options]
    study = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    seen, deadline = [], time.monotonic() + 300
    while study.poll() is None:
        assert time.monotonic() < deadline
        watched = run("study", "watch", "--format", "json")
        if watched.code == 0:
            seen.append(json.loads(watched.out))
        time.sleep(0.3)
    _, err = study.communicate()
    assert study.returncode == 0, err
    watched = run("study", "watch", "--format", "json")
    seen.append(json.loads(watched.out))
    finished = [each["trainings"] for each in seen]
    assert finished == sorted(finished)
    assert {"running", "finished"} <= {each["state"] for each in seen}
    assert seen[0]["trials"][0]["folds"][0]["state"] in ("waiting", "running")
    last = seen[-1]
    assert (last["state"], last["entry"], last["trainings_left"]) == ("finished", 1, 0)
    [entry] = json.loads(run("leaderboard", "--format", "json").out)
    assert last["best_mean_uar"] == pytest.approx(entry["cv_uar_mean"])
