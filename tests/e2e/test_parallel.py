"""A study in worker processes has the same results as in one process."""

import json


def test_parallel_trainings_give_equal_logits(place, undisturbed):
    assert place.run(*place.study, "--executor", "processes", "--jobs", "3") == 0
    assert place.recorded() == undisturbed


def test_an_entry_of_parallel_trainings_is_reproduced_by_sequential_ones(place, capsys):
    assert place.run(*place.study, "--executor", "processes", "--jobs", "2") == 0
    capsys.readouterr()
    for executor in ("here", "processes"):
        assert place.run("study", "reproduce", "1", "--folds", "--executor", executor) == 0
        said = capsys.readouterr().out
        assert said.count("all logits equal") == 2
        assert said.count("all weights equal") == 1


def test_another_precision_is_another_study(place, capsys):
    for precision in ("fp32", "bf16"):
        assert place.run(*place.study, "--precision", precision) == 0
    capsys.readouterr()
    assert place.run("study", "list", "--format", "json") == 0
    assert len(json.loads(capsys.readouterr().out)) == 2
    assert place.run("study", "show", "2", "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)["compute_settings"]["precision"] == "bf16"


def test_speed_tuning_runs_once_or_again_on_demand(place, capsys, monkeypatch):
    monkeypatch.delenv("SERBENCH_PRECISION")
    monkeypatch.setattr("serbench.run.speed_tuning.PAYS_BACK", 0.0)
    said = []
    for seed, again in (("1", []), ("2", []), ("3", ["--retune"])):
        assert place.run(*place.study, "--seed", seed, *again) == 0
        said.append("speed tuning" in capsys.readouterr().err)
    assert said == [True, False, True]
