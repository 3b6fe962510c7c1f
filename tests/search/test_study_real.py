"""A study whose networks are really trained, and its folds."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from scripted_studies import FORMAT, Record, make_bench

from serbench.data.clips import Clips
from serbench.data.seeds import derive_seed
from serbench.execute.fold import run_fold
from serbench.score.metrics import score
from serbench.search.pruning import FIRST_EPOCHS, Bar
from serbench.search.space import Configuration
from serbench.search.study import space_of

REAL = make_bench(trials=2, protocol="speaker-2", epochs=3)


@pytest.fixture(scope="module")
def real_study():
    """A study whose networks were really trained."""
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
        assert outcome.seed == derive_seed(REAL.plan.seed, trial, fold)
        assert outcome.scores.uar == score(outcome.logits, REAL.manifest.targets[outcome.rows]).uar
        assert 1 <= outcome.best_epoch <= outcome.epochs <= 3
        assert outcome.weights == "none"
    best = max(real_study.ends, key=lambda trial: np.mean(real_study.ends[trial][1]))
    assert real_study.winner[0] == best


def test_a_real_study_stopped_and_resumed_says_the_same_to_the_last_bit(real_study):
    record = Record()
    record.go_on(REAL, events=2)
    torch.manual_seed(99)
    record.go_on(REAL, events=4)
    record.go_on(REAL)
    assert record.outcome() == real_study.outcome()


def test_a_fold_is_the_same_whichever_folds_ran_before_it(real_study):
    configuration = Configuration.from_parameters(real_study.parameters[1])
    alone = run_fold(REAL, 1, configuration, 1, REAL.split.folds[1])
    assert alone.outcome.logits.tobytes() == real_study.folds[1, 1].logits.tobytes()
    assert set(alone.state) == set(REAL.backbone.build(2, "none").module.state_dict())


def test_a_fold_behind_its_bar_is_pruned_and_scored_all_the_same():
    longer = make_bench(trials=1, protocol="speaker-2", epochs=FIRST_EPOCHS + 2)
    configuration, fold = (
        Configuration.from_parameters(space_of(longer).initial()),
        longer.split.folds[0],
    )
    whole, ended = (
        run_fold(longer, 0, configuration, 0, fold, Bar((loss,) * longer.plan.epochs)).outcome
        for loss in (9.0, -9.0)
    )
    assert (whole.epochs, whole.pruned) == (longer.plan.epochs, False)
    assert (ended.epochs, ended.pruned) == (FIRST_EPOCHS, True)
    assert ended.losses == whole.losses[:FIRST_EPOCHS]
    assert ended.logits.shape == whole.logits.shape


def test_a_fold_hears_its_test_clips_only_when_training_is_over():
    heard = []

    @dataclass(frozen=True)
    class Listening(Clips):
        def batch(self, rows):
            heard.append(set(rows.tolist()))
            return super().batch(rows)

    clips = Listening(FORMAT, REAL.clips.waveforms, REAL.clips.peaks)
    fold = REAL.split.folds[0]
    configuration = Configuration.from_parameters(space_of(REAL).initial())
    run_fold(replace(REAL, clips=clips), 0, configuration, 0, fold)
    tested = set(fold.test.tolist())
    first = next(place for place, rows in enumerate(heard) if rows & tested)
    assert set().union(*heard[:first]) == set(fold.train.tolist())
    assert set().union(*heard[first:]) == tested
