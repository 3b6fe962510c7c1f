"""The importance of searched parameters."""

import numpy as np
import pytest

from serbench.search.importance import importances, searched
from serbench.search.propose import TrialRecord


def history(score, trials=30):
    chance = np.random.default_rng(0)
    found = []
    for number in range(trials):
        parameters = {
            "readout": str(chance.choice(["first", "last"])),
            "learning_rate": float(10 ** chance.uniform(-4, -2)),
            "dropout": 0.5,
        }
        found.append(TrialRecord(number, parameters, "complete", score(parameters)))
    return found


def test_the_parameter_that_decides_is_the_important_one():
    rate = importances(history(lambda each: 0.5 + 0.1 * np.log10(each["learning_rate"])))
    assert [each.parameter for each in rate] == ["learning_rate", "readout"]
    assert rate[0].share > 0.9
    assert sum(each.share for each in rate) == pytest.approx(1)
    assert {each.trials for each in rate} == {30}
    readout = importances(history(lambda each: 0.5 + 0.1 * (each["readout"] == "last")))
    assert readout[0].parameter == "readout"
    assert readout[0].share > 0.9


def test_only_parameters_with_several_values_were_searched():
    assert searched(history(lambda _: 0.5)) == ["readout", "learning_rate"]
    assert searched([]) == []


def test_nothing_is_estimated_from_too_little():
    trials = history(lambda each: each["learning_rate"])
    assert importances(trials[:3]) == []
    assert importances(history(lambda _: 0.5)) == []
    alone = [
        TrialRecord(each.number, {"dropout": 0.5, "rate": float(each.number)}, "complete", 0.1)
        for each in trials
    ]
    assert importances(alone) == []
    pruned = [TrialRecord(each.number, each.parameters, "pruned", 0.5) for each in trials]
    assert importances(pruned) == []
