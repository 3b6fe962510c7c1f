"""A proposal depends only on the trials of earlier generations."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from making.scripted import is_in

from serbench.model.ranges import Range
from serbench.search.events import COMPLETE, PRUNED
from serbench.search.propose import (
    FIRST_STEPS,
    GENERATION,
    TrialRecord,
    best_of,
    generation_of,
    propose,
)
from serbench.search.space import SearchSpace

SPACE = SearchSpace(
    {
        "learning_rate": Range(1e-4, 1e-2, 1e-3, log=True),
        "freeze_depth": Range(0, 3, 0),
        "width:gain": Range(0, 12, 0),
    },
    stages={"pooled": 3},
)


def history_of(length, seed=0, uars=None):
    """A history of proposed trials with these mean UARs."""
    history = []
    for number in range(length):
        uar = (uars or [0.5])[number % len(uars or [0.5])]
        parameters = propose(history, number, SPACE, seed)
        state = PRUNED if number % 4 == 3 else COMPLETE
        history.append(TrialRecord(number, parameters, state, uar, {0: uar}))
    return history


def test_generations_follow_the_first_trial():
    assert generation_of(0) == range(1)
    for number in range(1, 20):
        generation = generation_of(number)
        assert number in generation
        assert len(generation) == GENERATION
        assert {tuple(generation_of(other)) for other in generation} == {tuple(generation)}


def test_the_first_trial_has_the_initial_values():
    assert propose([], 0, SPACE, 7) == SPACE.initial()


@settings(max_examples=20)
@given(st.lists(st.floats(0, 1), min_size=4, max_size=4), st.integers(0, 1000))
def test_trials_of_the_same_generation_change_nothing(uars, seed):
    history = history_of(4, seed, uars)
    changed = [*history, TrialRecord(4, SPACE.initial(), COMPLETE, 1.0, {0: 1.0})]
    assert propose(history, 5, SPACE, seed) == propose(changed, 5, SPACE, seed)


def test_the_same_history_gives_the_same_proposal_after_the_steps_too():
    history = history_of(FIRST_STEPS + 3, uars=[0.3, 0.6, 0.5, 0.7])
    number = FIRST_STEPS + 3
    assert propose(history, number, SPACE, 0) == propose(list(history), number, SPACE, 0)
    assert propose(history, number, SPACE, 0) != propose(history, number, SPACE, 1)


def test_proposals_lie_in_the_space():
    distributions = SPACE.distributions()
    for trial in history_of(FIRST_STEPS + 4, uars=[0.3, 0.6, 0.5, 0.7]):
        assert trial.parameters.keys() == distributions.keys()
        assert all(is_in(distributions[name], each) for name, each in trial.parameters.items())


def test_a_step_starts_from_the_best_of_earlier_generations():
    start = {"learning_rate": 2e-3, "freeze_depth": 2, "width:gain": 5.0}
    history = [
        TrialRecord(0, SPACE.initial(), COMPLETE, 0.2, {0: 0.2}),
        TrialRecord(1, start, COMPLETE, 0.8, {0: 0.8}),
        TrialRecord(2, SPACE.initial(), PRUNED, 0.9, {0: 0.9}),
        TrialRecord(3, SPACE.initial(), COMPLETE, 0.3, {0: 0.3}),
    ]
    proposed = propose(history, 4, SPACE, 0)
    kept = [name for name in ("freeze_depth", "width:gain") if proposed[name] == start[name]]
    assert len(kept) >= 1
    assert best_of(history).number == 1


BEFORE = {  # trial → proposal of the search when trials were in Optuna's storage
    0: (0.001, 0, 0.0),
    1: (0.000845403360036271, 0, 1.1199699410700261),
    2: (0.0007587664862395183, 1, 0.0),
    3: (0.001110911768652581, 0, 3.3417753616929025),
    4: (0.00044063586848023286, 0, 3.1578446151445334),
    9: (0.00213199948634987, 0, 0.6403659311476395),
    10: (0.00031125605618370676, 3, 1.7287539106339507),
    13: (0.009257652326097774, 1, 0.2565712437943912),
}


def test_proposals_are_those_of_a_search_recorded_by_optuna():
    """Golden values of the code that kept trials in Optuna's storage, with Optuna 4."""
    history = []
    for number in range(14):
        uar, pruned = (0.3, 0.6, 0.5, 0.7)[number % 4], number % 4 == 3
        parameters = propose(history, number, SPACE, 0)
        if number in BEFORE:
            assert tuple(parameters.values()) == pytest.approx(BEFORE[number]), number
        uars = (uar, 0.1) if pruned else (uar,)
        state, mean = PRUNED if pruned else COMPLETE, sum(uars) / len(uars)
        history.append(TrialRecord(number, parameters, state, mean, dict(enumerate(uars))))


def test_optunas_verbosity_is_not_changed():
    optuna = pytest.importorskip("optuna")
    before = optuna.logging.get_verbosity()
    history_of(3)
    assert optuna.logging.get_verbosity() == before
