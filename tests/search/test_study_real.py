"""A study with real trainings."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from making.scripted import PLUGINS, Record, here, make_search

from serbench.data.protocols import HOLDOUT
from serbench.data.seeds import derive_seed
from serbench.execute.fold import run_fold
from serbench.model.recipe import Configuration
from serbench.score.confusion import uar_of

REAL = make_search(trials=2, protocol="speaker-2:holdout", epochs=3, exhaustive=True)


def fold_of(search, trial, configuration, fold):
    """The outcome of one fold."""
    job = search.job(trial, configuration, fold)
    return here().submit(run_fold, job, lambda report: None).result()


@pytest.fixture(scope="module")
def real_study():
    """A study with real trainings."""
    record = Record()
    record.go_on(REAL)
    return record


def test_a_real_study_runs_to_its_end(real_study):
    assert list(real_study.parameters) == [0, 1]
    assert set(real_study.folds) == {(0, 0), (0, 1), (1, 0), (1, 1)}
    for (trial, fold), outcome in real_study.folds.items():
        assert (outcome.trial, outcome.fold) == (trial, fold)
        assert np.array_equal(outcome.rows, REAL.split.folds[fold].test)
        assert outcome.logits.shape == (len(outcome.rows), 2)
        assert outcome.seed == derive_seed(REAL.plan.seed, "training", trial, fold)
        assert outcome.uar == uar_of(outcome.logits, REAL.manifest.targets[outcome.rows])
        assert 1 <= outcome.best_epoch <= outcome.epochs <= 3
        assert outcome.weights == "none"
    best = max(real_study.ends, key=lambda trial: np.mean(real_study.ends[trial][1]))
    assert real_study.winner[0] == best


def test_a_real_study_stopped_and_resumed_is_the_same_to_the_last_bit(real_study):
    record = Record()
    record.go_on(REAL, events=2)
    torch.manual_seed(99)
    record.go_on(REAL, events=4)
    record.go_on(REAL)
    assert record.outcome() == real_study.outcome()


def test_a_fold_does_not_depend_on_the_folds_before_it(real_study):
    configuration = Configuration.from_parameters(real_study.parameters[1])
    alone = fold_of(REAL, 1, configuration, 1)
    assert alone.logits.tobytes() == real_study.folds[1, 1].logits.tobytes()
    built = PLUGINS.backbones.get("homebrew").build("none")
    expected = {f"backbone.{name}" for name in built.module.state_dict()}
    assert {name for name in alone.state if name.startswith("backbone.")} == expected
    assert {name for name in alone.state if name not in expected} == {"head.weight", "head.bias"}


def test_a_job_names_no_path(tmp_path):
    weights = tmp_path / "w.pth"
    plan = replace(REAL.plan, weights="none")
    weights.write_bytes(b"anything")
    search = replace(REAL, plan=replace(plan, weights=str(weights)))
    job = search.job(0, Configuration.from_parameters(REAL.space.initial()), HOLDOUT)
    assert str(tmp_path) not in repr(job)
    assert job.recipe.weights.startswith("file:w.pth:")
