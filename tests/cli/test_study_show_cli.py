"""``serbench study list`` and ``serbench study show``."""

import json
import re

from making.entries import PARAMETERS, begin, run_trial
from refusals import error_of

from serbench.cli.output import DASH
from serbench.model.machine import Machine, this_machine
from serbench.search.events import FoldScored, TrialEnded, TrialStarted


def test_before_any_study_the_list_names_the_command(run, scanned):
    assert "serbench study run" in run("study", "list").err
    assert run("study", "list", "--format", "json").out == "[]\n"


def test_the_list_has_a_line_for_each_study(run, finished):
    header, line = run("study", "list", "--db", finished.db).out.splitlines()
    assert re.split(r"\s{2,}", header.strip()) == [
        *("study", "backbone", "front end", "head", "schedule", "dataset", "protocol"),
        *("trials", "best UA", "state", "entry"),
    ]
    assert line.split()[1:5] == ["homebrew", "mel", "linear", "half-cycle"]
    assert line.split()[5:8] == ["tiny", "speaker-2:holdout", "2/2"]
    assert line.split()[-2:] == ["finished", "1"]
    [row] = json.loads(run("study", "list", "--format", "json", "--db", finished.db).out)
    assert f"{100 * row['best_mean_uar']:.1f}" == line.split()[8]
    assert (row["trials"], row["of"], row["entry"], row["state"]) == (2, 2, 1, "finished")


def test_a_study_is_shown_trial_by_trial(run, finished):
    shown = json.loads(run("study", "show", "1", "--format", "json", "--db", finished.db).out)
    lines = run("study", "show", "1", "--db", finished.db).out.splitlines()
    assert lines[0].startswith("study 1 (finished): ")
    assert all(
        each in lines[0] for each in ("homebrew", "mel", "half-cycle", "speaker-2:holdout", "tiny")
    )
    for trial, line in zip(shown["trials"], lines[2:4], strict=True):
        assert line.split()[:2] == [str(trial["trial"]), "complete"]
        uars = [f"{100 * fold['uar']:.1f}" for fold in trial["folds"] if fold["fold"] != "holdout"]
        assert line.split()[-2:] == uars
    entry = shown["entry"]
    assert lines[-2].startswith("entry 1: ")
    assert f"trial {entry['trial']}," in lines[-2]
    assert f"{100 * entry['uar']:.1f}" in lines[-2]
    assert f"{100 * entry['accuracy']:.1f}" in lines[-2]
    assert lines[-1] == entry["gain"]["sentence"]
    assert Machine(**shown["machine"]) == this_machine()


def test_the_scores_of_folds_are_in_the_order_of_folds(run, database, made, artifacts):
    manifest = made.manifest()
    plan = made.plan(manifest)
    ledger = begin(database, made, manifest, plan, artifacts)
    run_trial(ledger, made, manifest, plan, 0, order=(1, 0))
    only = made.outcome(manifest, 1, 1, plan)
    ledger.record(plan, TrialStarted(1, PARAMETERS))
    ledger.record(plan, FoldScored(only))
    ledger.record(plan, TrialEnded(1, PARAMETERS, True, (only.uar,)))
    first, second = run("study", "show", 1).out.splitlines()[2:4]
    uars = [made.outcome(manifest, 0, fold, plan).uar for fold in range(2)]
    assert first.split()[-2:] == [f"{100 * uar:.1f}" for uar in uars]
    assert second.split()[-2:] == [DASH, f"{100 * only.uar:.1f}"]


def test_the_first_trial_is_the_papers_configuration(run, finished):
    shown = json.loads(run("study", "show", "1", "--format", "json", "--db", finished.db).out)
    first, second = (trial["parameters"] for trial in shown["trials"])
    assert first["learning_rate"] == 0.001
    assert first["freeze_depth"] == 0
    assert first["width:time-shift"] == 0.3
    assert first != second


def test_an_unknown_study_is_a_usage_error(run, finished):
    assert "7" in error_of(run("study", "show", "7", "--db", finished.db), 2)


def test_on_eighty_columns_a_list_is_a_line_for_each_study(terminal, finished):
    header, line, *hidden = terminal(80, "study", "list", "--db", finished.db).splitlines()
    assert max(map(len, (header, line, *hidden))) <= 80
    assert "front end (mel)" in " ".join(hidden)
    assert line.split()[:2] == ["1", "homebrew"]
    assert line.split()[-2:] == ["finished", "1"]


def test_on_eighty_columns_no_number_of_a_trial_is_broken(terminal, finished):
    lines = terminal(80, "study", "show", "1", "--db", finished.db).splitlines()
    assert all(len(line) <= 80 for line in lines)
    [first] = [line for line in lines if line.split()[:2] == ["1", "complete"]]
    assert re.match(r" +1  complete +\d+\.\d  readout", first)
