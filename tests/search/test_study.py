"""A study: cross-validation of configurations, pruning, and the test of the winner."""

import statistics
from collections import Counter

import numpy as np
import pytest
from making.scripted import FOLDS, PLUGINS, Record, completed, is_in, make_search

from serbench.data.protocols import HOLDOUT, validation_part
from serbench.data.seeds import derive_seed
from serbench.model.ranges import Choice
from serbench.search.events import (
    FoldScored,
    LastTrainingStarted,
    TrialEnded,
    TrialStarted,
    WinnerTested,
)
from serbench.search.progress import Progress
from serbench.search.pruning import judging_order


def test_the_first_trial_has_the_initial_values(script):
    script()
    record, _ = completed(make_search())
    assert record.parameters[0] == {
        "readout": "pooled",
        "learning_rate": 1e-3,
        "weight_decay": 0.0,
        "freeze_depth": 0,
        "width:time-shift": 0.3,
        "width:gain": 0.0,
    }


def test_events_are_in_the_order_in_which_they_happen(script):
    script(uar=lambda trial, fold, configuration: 1.0)
    _, kinds = completed(make_search(trials=2))
    trial = [TrialStarted, *[FoldScored] * FOLDS, TrialEnded]
    assert kinds == [*trial, *trial, LastTrainingStarted, WinnerTested]


def test_every_trial_has_another_configuration(script):
    script(uar=lambda trial, fold, configuration: 1.0)
    search = make_search(trials=6)
    record, _ = completed(search)
    assert list(record.parameters) == list(range(6))
    assert len({tuple(parameters.values()) for parameters in record.parameters.values()}) == 6
    distributions = search.space.distributions()
    for parameters in record.parameters.values():
        assert parameters.keys() == distributions.keys()
        assert all(is_in(distributions[name], value) for name, value in parameters.items())


def test_each_dev_clip_is_tested_once_a_trial_and_the_holdout_never(script):
    script(uar=lambda trial, fold, configuration: 1.0)
    search = make_search(trials=2)
    record, _ = completed(search)
    for trial in range(2):
        outcomes = [record.folds[trial, fold] for fold in range(FOLDS)]
        rows = np.concatenate([outcome.rows for outcome in outcomes])
        assert sorted(rows) == sorted(search.split.holdout.train)
        assert not set(rows) & set(search.split.holdout.test)


def test_the_best_trial_is_tested_once_on_the_holdout(script):
    calls = script(uar=lambda trial, fold, configuration: [0.7, 1.0, 0.7][trial]).calls
    search = make_search()
    (tested,) = [e for e in Record().events(search) if type(e) is WinnerTested]
    assert tested.trial == 1
    assert calls.count((1, HOLDOUT)) == 1
    assert [call for call in calls if call[1] == HOLDOUT] == [(1, HOLDOUT)] == calls[-1:]
    outcome = tested.outcome
    assert np.array_equal(outcome.rows, search.split.holdout.test)
    assert outcome.fold == HOLDOUT
    assert "weight" in tested.outcome.state


def test_of_equally_good_trials_the_first_wins(script):
    script(uar=lambda trial, fold, configuration: 0.7)
    record, _ = completed(make_search(trials=4))
    assert record.winner[0] == 0


def test_the_holdout_score_has_no_influence(script):
    winners = set()
    for holdout in (0.0, 1.0):
        script(
            uar=lambda t, fold, s, holdout=holdout: holdout if fold == HOLDOUT else [0.4, 1, 0.4][t]
        )
        winners.add(completed(make_search())[0].winner[0])
    assert winners == {1}


def test_the_mean_over_the_folds_decides(script):
    # Trial 1 is better on one fold only.
    script(uar=lambda trial, fold, configuration: [0.7, 1.0 if fold == 0 else 0.4][trial])
    record, _ = completed(make_search(trials=2))
    assert record.winner[0] == 0


def test_a_clearly_worse_trial_is_pruned_after_its_first_fold(script):
    calls = script(uar=lambda trial, fold, configuration: [1.0, 0.4, 1.0][trial]).calls
    record, _ = completed(make_search())
    assert Counter(trial for trial, fold in calls if fold != HOLDOUT) == {0: FOLDS, 1: 1, 2: FOLDS}
    assert {trial: end[0] for trial, end in record.ends.items()} == {0: False, 1: True, 2: False}
    assert [len(record.ends[trial][1]) for trial in range(3)] == [FOLDS, 1, FOLDS]


def test_the_fold_whose_uar_varies_least_comes_first(script):
    calls = script(uar=lambda trial, fold, configuration: 0.7).calls
    search = make_search(trials=1, protocol="speaker-4:holdout")
    completed(search)
    order = judging_order(search.split.folds, search.manifest.targets)
    assert [fold for _, fold in calls] == [*order, HOLDOUT] != [*range(4), HOLDOUT]
    sizes = [len(search.split.folds[fold].test) for fold in order]
    assert sizes == sorted(sizes, reverse=True)


def test_a_trial_that_is_worse_on_some_folds_is_completed(script):
    search = make_search(trials=2)
    order = judging_order(search.split.folds, search.manifest.targets)
    uars = {0: [0.4, 0.7, 0.4, 0.7, 0.4], 1: [0.7, 0.4, 0.7, 0.4, 0.7]}
    calls = script(
        uar=lambda t, fold, configuration: 0.5 if fold == HOLDOUT else uars[t][order.index(fold)]
    ).calls
    completed(search)
    assert Counter(trial for trial, fold in calls if fold != HOLDOUT) == {0: FOLDS, 1: FOLDS}


def test_an_equally_good_trial_is_completed(script):
    script(uar=lambda trial, fold, configuration: 0.7)
    record, _ = completed(make_search(trials=4))
    assert not any(pruned for pruned, _ in record.ends.values())


def test_a_trials_mean_is_over_the_folds_that_were_run():
    assert TrialEnded(1, {}, True, (0.2, 0.4, 0.6)).mean_uar == pytest.approx(0.4)


def test_another_seed_tries_other_configurations(script):
    script(uar=lambda *_: 1.0)
    first, second = (completed(make_search(seed=seed))[0].parameters for seed in (0, 1))
    assert first[0] == second[0]
    assert first[1] != second[1]


def test_the_holdout_is_tested_with_the_winners_configuration(script):
    scripted = script(uar=lambda trial, fold, configuration: [0.4, 0.4, 1.0][trial])
    search = make_search()
    completed(search)
    jobs = {(job.trial, job.fold): job for job in scripted.jobs}
    assert jobs[2, HOLDOUT].configuration == jobs[2, 0].configuration
    assert np.array_equal(jobs[2, HOLDOUT].test, search.split.holdout.test)
    assert jobs[2, HOLDOUT].whole


def test_a_finished_study_is_not_run_again(script):
    calls = script(uar=lambda *_: 1.0).calls
    search = make_search()
    record = Record()
    for event in record.events(search):
        record.note(event)
        if type(event) is WinnerTested:
            record.folds[event.trial, HOLDOUT] = event.outcome
    scripted = script(uar=lambda *_: 1.0)
    assert list(record.events(search)) == []
    assert scripted.calls == []
    assert len(calls) == len(set(calls))


def test_epochs_are_reported_with_their_trial_and_fold(script):
    reported = []
    script(uar=lambda *_: 1.0)
    search = make_search(trials=1)
    list(Record().events(search, on_epoch=lambda *what: reported.append(what)))
    expected = {(0, number, f"epoch of 0, {number}") for number in [*range(FOLDS), HOLDOUT]}
    assert set(reported) == expected
    assert len(reported) == len(expected)


def test_no_clip_is_trained_and_tested_in_one_job(script):
    scripted = script(uar=lambda *_: 1.0)
    completed(make_search(trials=2))
    for job in scripted.jobs:
        train, validation, test = map(set, (job.train, job.validation, job.test))
        assert not train & validation
        assert not (train | validation) & test
        assert bool(validation) == (job.fold != HOLDOUT)


def test_seeds_come_from_study_trial_and_fold(script):
    scripted = script(uar=lambda *_: 1.0)
    search = make_search(trials=2, seed=5)
    completed(search)
    assert {job.fold for job in scripted.jobs} == {*range(FOLDS), HOLDOUT}
    for job in scripted.jobs:
        assert job.seed == derive_seed(5, "training", job.trial, job.fold)
        if job.fold == HOLDOUT:
            continue
        rows = search.split.folds[job.fold]
        seed = derive_seed(5, "validation", job.fold)
        part = validation_part(search.manifest, search.protocol, rows.train, seed)
        assert np.array_equal(job.train, part.train)
        assert np.array_equal(job.validation, part.test)


@pytest.mark.parametrize("protocol", [f"speaker-{FOLDS}", f"speaker-{FOLDS}:holdout"])
def test_the_last_training_has_all_clips_of_the_search_and_the_median_of_the_best_epochs(
    script, protocol
):
    best = dict(zip(range(FOLDS), (7, 2, 9, 4, 5)[:FOLDS], strict=True)) | {HOLDOUT: 1}
    scripted = script(uar=lambda *_: 1.0, best_epoch=lambda fold: best[fold])
    search = make_search(trials=1, protocol=protocol)
    completed(search)
    [last] = [job for job in scripted.jobs if job.fold == HOLDOUT]
    assert last.exactly == statistics.median_high(best[fold] for fold in range(FOLDS))
    assert np.array_equal(last.train, search.split.holdout.train)
    assert np.array_equal(last.test, search.split.holdout.test)
    assert len(last.validation) == 0
    assert all(job.exactly is None for job in scripted.jobs if job is not last)
    tested = [row for fold in search.split.folds for row in fold.test.tolist()]
    assert sorted([*tested, *last.test.tolist()]) == list(range(len(search.manifest)))


def test_without_a_holdout_the_winner_is_trained_last_and_has_no_score_of_it(script):
    script(uar=lambda trial, fold, configuration: [0.5, 0.9][trial])
    search = make_search(trials=2, protocol=f"speaker-{FOLDS}")
    record, kinds = completed(search)
    assert kinds[-2:] == [LastTrainingStarted, WinnerTested]
    [tested] = [e for e in record.events(search) if type(e) is WinnerTested]
    assert tested.trial == 1
    assert tested.outcome.logits.shape == (0, 2)
    with pytest.raises(ValueError, match="clip"):
        _ = tested.outcome.uar
    for trial in range(2):
        rows = np.concatenate([record.folds[trial, fold].rows for fold in range(FOLDS)])
        assert sorted(rows) == list(range(len(search.manifest)))


def test_only_the_holdout_job_returns_the_whole_network(script):
    scripted = script(uar=lambda *_: 1.0)
    completed(make_search(trials=2))
    assert {job.fold for job in scripted.jobs if job.whole} == {HOLDOUT}


def test_networks_are_in_events_and_not_kept(script):
    script(uar=lambda *_: 1.0)
    record, _ = completed(make_search(trials=1))
    progress = Progress([], {}, range(FOLDS), None)
    for outcome in record.folds.values():
        assert outcome.state
        progress.add(outcome)
    assert [outcome.state for outcome in progress.folds_of(0).values()] == [{}] * FOLDS


def test_validation_speakers_are_the_same_for_all_trials(script):
    scripted = script(uar=lambda *_: 1.0)
    completed(make_search(trials=2))
    rows = {}
    for job in scripted.jobs:
        if job.fold != HOLDOUT:
            rows.setdefault(job.fold, set()).add(tuple(job.validation))
    assert {len(each) for each in rows.values()} == {1}


def test_the_space_is_what_backbone_schedule_and_augmentations_declare():
    ranges = make_search().space.ranges
    depths = ranges["freeze_depth"]
    assert (depths.low, depths.high, depths.initial) == (0, 0, 0), "random stages are frozen"
    assert ranges["learning_rate"] == PLUGINS.schedulers.get("half-cycle").learning_rates
    assert ranges["weight_decay"] == PLUGINS.schedulers.get("half-cycle").weight_decays
    assert ranges["readout"] == Choice(("pooled",))
    assert list(ranges) == [
        *("readout", "learning_rate", "weight_decay", "freeze_depth"),
        *("width:time-shift", "width:gain"),
    ]
