"""A study: settings cross-validated one after another, pruned, the winner tested."""

from collections import Counter

import numpy as np
import pytest
from optuna.storages import InMemoryStorage
from optuna.trial import TrialState
from scripted_studies import FOLDS, PLUGINS, Record, Script, completed, make_bench

from serbench.data.protocols import HOLDOUT
from serbench.search import crossval
from serbench.search.events import (
    FoldScored,
    HoldoutStarted,
    TrialEnded,
    TrialStarted,
    WinnerTested,
)
from serbench.search.pruning import telling_order
from serbench.search.study import run_study, space_of


def test_the_first_trial_is_the_papers_configuration(script):
    script()
    record, _ = completed(make_bench())
    assert record.parameters[0] == {
        "learning_rate": 1e-3,
        "freeze_depth": 0,
        "width:time-shift": 0.3,
        "width:gain": 0.0,
    }


def test_events_come_in_the_order_in_which_things_happen(script):
    script(uar=lambda trial, fold, configuration: 1.0)
    _, kinds = completed(make_bench(trials=2))
    trial = [TrialStarted, *[FoldScored] * FOLDS, TrialEnded]
    assert kinds == [*trial, *trial, HoldoutStarted, WinnerTested]


def test_every_trial_is_another_point_of_the_space(script):
    script(uar=lambda trial, fold, configuration: 1.0)
    bench = make_bench(trials=6)
    record, _ = completed(bench)
    assert list(record.parameters) == list(range(6))
    assert len({tuple(parameters.values()) for parameters in record.parameters.values()}) == 6
    distributions = space_of(bench).distributions()
    for parameters in record.parameters.values():
        assert parameters.keys() == distributions.keys()
        assert all(distributions[name]._contains(value) for name, value in parameters.items())


def test_each_dev_clip_is_tested_once_a_trial_and_the_holdout_never(script):
    script(uar=lambda trial, fold, configuration: 1.0)
    bench = make_bench(trials=2)
    record, _ = completed(bench)
    for trial in range(2):
        outcomes = [record.folds[trial, fold] for fold in range(FOLDS)]
        rows = np.concatenate([outcome.rows for outcome in outcomes])
        assert sorted(rows) == sorted(bench.split.holdout.train)
        assert not set(rows) & set(bench.split.holdout.test)


def test_the_best_trial_is_tested_once_on_the_holdout(script):
    calls = script(uar=lambda trial, fold, configuration: [0.7, 1.0, 0.7][trial]).calls
    bench = make_bench()
    (tested,) = [e for e in run_study(bench, InMemoryStorage(), {}) if type(e) is WinnerTested]
    assert tested.trial == 1
    assert calls.count((1, HOLDOUT)) == 1
    assert [call for call in calls if call[1] == HOLDOUT] == [(1, HOLDOUT)] == calls[-1:]
    outcome = tested.trained.outcome
    assert np.array_equal(outcome.rows, bench.split.holdout.test)
    assert outcome.fold == HOLDOUT
    assert "weight" in tested.trained.state


def test_the_holdout_is_taken_with_the_winners_configuration(monkeypatch):
    used = {}
    scripted = Script(uar=lambda trial, fold, configuration: [0.4, 0.4, 1.0][trial])

    def watched(bench, trial, configuration, number, fold, bar, line):
        used[trial, number] = configuration, fold
        return scripted(bench, trial, configuration, number, fold)

    monkeypatch.setattr(crossval, "run_fold", watched)
    bench = make_bench()
    completed(bench)
    configuration, fold = used[2, HOLDOUT]
    assert configuration == used[2, 0][0]
    assert fold is bench.split.holdout


def test_of_equally_good_trials_the_first_wins(script):
    script(uar=lambda trial, fold, configuration: 0.7)
    record, _ = completed(make_bench(trials=4))
    assert record.winner[0] == 0


def test_how_the_holdout_goes_decides_nothing(script):
    winners = set()
    for holdout in (0.0, 1.0):
        script(
            uar=lambda t, fold, s, holdout=holdout: holdout if fold == HOLDOUT else [0.4, 1, 0.4][t]
        )
        winners.add(completed(make_bench())[0].winner[0])
    assert winners == {1}


def test_the_mean_over_the_folds_is_what_counts(script):
    # Trial 1 shines on one fold only.
    script(uar=lambda trial, fold, configuration: [0.7, 1.0 if fold == 0 else 0.4][trial])
    record, _ = completed(make_bench(trials=2))
    assert record.winner[0] == 0


def test_a_clearly_worse_trial_is_pruned_after_its_first_fold(script):
    calls = script(uar=lambda trial, fold, configuration: [1.0, 0.4, 1.0][trial]).calls
    record, _ = completed(make_bench())
    assert Counter(trial for trial, fold in calls if fold != HOLDOUT) == {0: FOLDS, 1: 1, 2: FOLDS}
    assert {trial: end[0] for trial, end in record.ends.items()} == {0: False, 1: True, 2: False}
    assert [len(record.ends[trial][1]) for trial in range(3)] == [FOLDS, 1, FOLDS]


def test_the_fold_that_tells_most_comes_first(script):
    calls = script(uar=lambda trial, fold, configuration: 0.7).calls
    bench = make_bench(trials=1)
    completed(bench)
    order = telling_order(bench.split.folds, bench.manifest.targets)
    assert [fold for _, fold in calls] == [*order, HOLDOUT]
    sizes = [len(bench.split.folds[fold].test) for fold in order]
    assert sizes == sorted(sizes, reverse=True)


def test_a_trial_that_is_worse_on_some_folds_only_is_heard_out(script):
    bench = make_bench(trials=2)
    order = telling_order(bench.split.folds, bench.manifest.targets)
    uars = {0: [0.4, 0.7, 0.4, 0.7, 0.4], 1: [0.7, 0.4, 0.7, 0.4, 0.7]}
    calls = script(
        uar=lambda t, fold, configuration: 0.5 if fold == HOLDOUT else uars[t][order.index(fold)]
    ).calls
    completed(bench)
    assert Counter(trial for trial, fold in calls if fold != HOLDOUT) == {0: FOLDS, 1: FOLDS}


def test_an_equally_good_trial_is_heard_out(script):
    script(uar=lambda trial, fold, configuration: 0.7)
    record, _ = completed(make_bench(trials=4))
    assert not any(pruned for pruned, _ in record.ends.values())


def test_optuna_is_told_how_each_trial_ended(script):
    script(uar=lambda trial, fold, configuration: [1.0, 0.4, 1.0][trial])
    bench = make_bench()
    record, _ = completed(bench)
    (study,) = record.storage.get_all_studies()
    assert bench.plan.key in study.study_name
    trials = record.storage.get_all_trials(study._study_id)
    complete, pruned = TrialState.COMPLETE, TrialState.PRUNED
    assert [trial.state for trial in trials] == [complete, pruned, complete]
    assert trials[0].value == pytest.approx(np.mean(record.ends[0][1]))
    assert list(trials[1].intermediate_values.values()) == list(record.ends[1][1])


def test_a_trials_mean_is_over_the_folds_that_were_run():
    assert TrialEnded(1, {}, True, (0.2, 0.4, 0.6)).mean_uar == pytest.approx(0.4)


def test_another_seed_tries_other_settings(script):
    script(uar=lambda *_: 1.0)
    first, second = (completed(make_bench(seed=seed))[0].parameters for seed in (0, 1))
    assert first[0] == second[0]
    assert first[1] != second[1]


def test_studies_that_share_a_storage_do_not_mix(script):
    script(uar=lambda *_: 1.0)
    alone, _ = completed(make_bench(seed=5))
    shared = Record()
    other = Record(storage=shared.storage)
    other.go_on(make_bench(seed=4), events=9)
    shared.go_on(make_bench(seed=5))
    assert shared.outcome() == alone.outcome()


def test_a_finished_study_is_not_run_again(script):
    calls = script(uar=lambda *_: 1.0).calls
    bench = make_bench()
    record, _ = completed(bench)
    winner = record.winner[0]
    holdout = Script(uar=lambda *_: 1.0)(bench, winner, None, HOLDOUT, bench.split.holdout).outcome
    before = len(calls)
    assert (
        list(run_study(bench, record.storage, {**record.folds, (winner, HOLDOUT): holdout})) == []
    )
    assert len(calls) == before


def test_epochs_are_told_with_their_trial_and_fold(monkeypatch):
    told = []

    def epochs(bench, trial, configuration, number, fold, bar, line):
        line.tell(f"epoch of {trial}, {number}")
        return Script(uar=lambda *_: 1.0)(bench, trial, configuration, number, fold)

    monkeypatch.setattr(crossval, "run_fold", epochs)
    bench = make_bench(trials=1)
    list(run_study(bench, InMemoryStorage(), {}, lambda *what: told.append(what)))
    expected = [(0, number, f"epoch of 0, {number}") for number in [*range(FOLDS), HOLDOUT]]
    assert told == expected


def test_the_space_is_what_backbone_schedule_and_augmentations_declare():
    space = space_of(make_bench())
    assert (space.freeze_depths.low, space.freeze_depths.high) == (0, 0), "nothing is pretrained"
    assert space.freeze_depths.initial == 0
    assert space.learning_rates == PLUGINS.schedulers.get("half-cycle").learning_rates
    assert list(space.widths) == ["time-shift", "gain"]
