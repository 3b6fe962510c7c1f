"""Trainings of a winner again: nothing but the seed differs, and their order changes nothing."""

from dataclasses import replace

import numpy as np
import pytest
from making.scripted import FOLDS, Stopped, here, make_search

from serbench.data.protocols import HOLDOUT
from serbench.errors import DivergedError
from serbench.model.recipe import Configuration
from serbench.search import repetition
from serbench.search.events import Repetition
from serbench.search.repetition import repeat_trainings

PARAMETERS = {"readout": "pooled", "learning_rate": 0.001, "freeze_depth": 0}
SEARCH = make_search(protocol=f"speaker-{FOLDS}:holdout")
DUE = [
    Repetition(
        training=fold if isinstance(fold, int) else 99,
        number=number,
        outer_fold=0,
        trial=1,
        parameters=PARAMETERS,
        fold=fold,
        exactly=2 if fold == HOLDOUT else None,
    )
    for number in (2, 3)
    for fold in (*range(FOLDS), HOLDOUT)
]


@pytest.fixture
def scripted(script, monkeypatch):
    """A script that replaces the repeated trainings."""

    def put(**how):
        script_ = script(uar=lambda *_: 0.7, **how)
        monkeypatch.setattr(repetition, "run_fold", script_)
        return script_

    return put


def test_only_the_seed_differs(scripted):
    jobs = scripted().jobs
    list(repeat_trainings([SEARCH], DUE, here()))
    configuration = Configuration.from_parameters(PARAMETERS)
    assert len(jobs) == len(DUE)
    for each, job in zip(DUE, jobs, strict=True):
        first = SEARCH.job(1, configuration, each.fold, exactly=each.exactly)
        for part in ("train", "validation", "test"):
            assert np.array_equal(getattr(job, part), getattr(first, part)), part
        rows = {"train": None, "validation": None, "test": None}
        same = {**rows, "seed": 0, "whole": False}
        assert replace(job, **same) == replace(first, **same)
    seeds = {job.seed for job in jobs} | {
        SEARCH.job(1, configuration, each.fold, exactly=each.exactly).seed for each in DUE
    }
    assert len(seeds) == len(DUE) * 3 // 2, "each is another one, and none is that of the search"


def test_each_outer_fold_is_repeated_on_its_own_clips_with_its_own_seed(scripted):
    jobs = scripted().jobs
    protocol = "speaker-2:nested-2"
    searches = [make_search(protocol=protocol, outer_fold=number) for number in range(2)]
    last = replace(DUE[-1], fold=HOLDOUT, exactly=2)
    list(repeat_trainings(searches, [replace(last, outer_fold=each) for each in (1, 0)], here()))
    for job, search in zip(jobs, searches[::-1], strict=True):
        assert np.array_equal(job.test, search.split.holdout.test)
    assert jobs[0].seed != jobs[1].seed


def test_seeds_do_not_depend_on_order_and_number_of_parallel_trainings(scripted):
    scripted()
    parallel = replace(SEARCH, compute=replace(SEARCH.compute, parallel=3))
    assert _seeds(repeat_trainings([SEARCH], DUE, here())) == _seeds(
        repeat_trainings([parallel], DUE[::-1], here())
    )


def _seeds(repeated):
    return {(each.number, each.fold): outcome.seed for each, outcome in repeated}


def test_an_interruption_loses_only_what_was_running(scripted):
    scripted(stop_at=3)
    running = repeat_trainings([SEARCH], DUE, here())
    assert [next(running)[0].fold for _ in range(3)] == [0, 1, 2]
    with pytest.raises(Stopped):
        next(running)


def test_a_repetition_that_diverges_does_not_end_the_others(scripted):
    scripted(diverged=((1, 2),))
    found = list(repeat_trainings([SEARCH], DUE, here()))
    failed = [each.fold for each, result in found if isinstance(result, DivergedError)]
    assert failed == [2, 2]
    assert len(found) == len(DUE)
