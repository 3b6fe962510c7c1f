"""What a search gained over its first trial, and the interval around it."""

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score

from serbench.model.compute import ComputeSettings
from serbench.score.comparison import paired_difference
from serbench.score.standing import tally_of
from serbench.store.datasets import Datasets
from serbench.store.entries import Entries, EntryFacts
from serbench.store.predictions import Said
from serbench.store.studies import Studies
from serbench.views.gain import gain, gain_of


def said(manifest, right):
    """Logits on all clips that name the true emotion where ``right`` and another where not."""
    targets = manifest.targets
    named = np.where(right, targets, (targets + 1) % len(manifest.emotions))
    rows = np.arange(len(manifest))
    return Said(rows, np.eye(len(manifest.emotions), dtype=np.float32)[named])


def chances(manifest, share, seed):
    return np.random.default_rng(seed).random(len(manifest)) < share


def test_the_difference_is_that_of_scikit_learns_balanced_accuracies(made):
    manifest = made.manifest(takes=5)
    first, winner = (said(manifest, chances(manifest, share, 1)) for share in (0.4, 0.7))
    found = gain(manifest, first, winner, 3)
    uars = [
        balanced_accuracy_score(manifest.targets, each.logits.argmax(1)) for each in (first, winner)
    ]
    assert [found.first_uar, found.winner_uar] == pytest.approx(uars)
    assert found.difference == pytest.approx(uars[1] - uars[0])
    assert (found.winner, found.speakers) == (3, 4)


def test_the_interval_is_that_of_two_systems_on_the_same_speakers(made):
    manifest = made.manifest(takes=5)
    first, winner = (said(manifest, chances(manifest, share, 2)) for share in (0.4, 0.6))
    found = gain(manifest, first, winner, 1)
    paired = paired_difference(tally_of(manifest, winner), tally_of(manifest, first))
    assert (found.low, found.high) == paired.interval
    assert found.low < found.difference < found.high
    assert f"95 % interval {100 * found.low:+.1f} to {100 * found.high:+.1f}" in found.sentence


def test_a_gain_that_every_speaker_shares_is_certain(made):
    manifest = made.manifest(takes=2)
    take = np.array([each.sentence is None for each in manifest.utterances])
    found = gain(manifest, said(manifest, take), said(manifest, np.ones(len(manifest), bool)), 1)
    assert found.low == found.high == found.difference == pytest.approx(0.5)


def test_a_gain_of_one_speaker_alone_is_not(made):
    manifest = made.manifest(takes=2)
    one = np.array([each.speaker.endswith("01") for each in manifest.utterances])
    found = gain(manifest, said(manifest, np.zeros(len(manifest), bool)), said(manifest, one), 1)
    assert found.low < 0 < found.difference < found.high


def test_trials_of_other_clips_are_not_compared(made):
    manifest = made.manifest()
    whole = said(manifest, np.ones(len(manifest), bool))
    with pytest.raises(ValueError, match="tested on the same clips"):
        gain(manifest, whole, Said(whole.rows[1:], whole.logits[1:]), 1)


def test_a_winner_that_came_first_gained_nothing(made):
    manifest = made.manifest()
    same = said(manifest, chances(manifest, 0.5, 0))
    found = gain(manifest, same, same, 0)
    assert found.difference == found.low == found.high == 0
    assert "nothing better than its first trial" in found.sentence


def test_one_speaker_gives_a_gain_without_an_interval(made):
    manifest = made.manifest(takes=2)
    one = np.flatnonzero([each.speaker.endswith("01") for each in manifest.utterances])
    first, winner = (said(manifest, chances(manifest, share, 1)) for share in (0.2, 0.9))
    alone = [Said(one, each.logits[one]) for each in (first, winner)]
    found = gain(manifest, *alone, 1)
    assert (found.low, found.high, found.speakers) == (None, None, 1)
    assert "no interval can be given" in found.sentence


def recorded(database, made, trials):
    manifest = made.manifest(takes=3)
    Datasets(database).save_scan(made.scanned(manifest))
    plan, studies = made.plan(manifest, trials=trials), Studies(database)
    studies.begin_study(plan, ComputeSettings(1))
    for trial in range(trials):
        studies.begin_trial(plan, trial, {"learning_rate": 0.001})
        for fold in (0, 1):
            studies.save_fold(plan, made.outcome(manifest, trial, fold))
    winner = trials - 1
    facts = EntryFacts(winner, "none", 1, 1, "a.safetensors", "00")
    studies.finish_study(plan, made.outcome(manifest, winner, "holdout"))
    entry = Entries(database).save_entry(plan, facts)
    return manifest, plan, entry


def test_it_is_read_from_the_logits_of_a_recorded_study(database, made):
    manifest, plan, entry = recorded(database, made, trials=3)
    found = gain_of(database, entry)
    assert found.winner == 2
    folds = Studies(database).folds(plan)
    logits = np.concatenate([folds[2, fold].logits for fold in (0, 1)])
    rows = np.concatenate([folds[2, fold].rows for fold in (0, 1)])
    assert found.winner_uar == pytest.approx(
        balanced_accuracy_score(manifest.targets[rows], logits.argmax(1))
    )
    assert f"{100 * found.difference:+.1f} UA over the first trial" in found.sentence


def test_a_study_of_one_trial_has_no_gain_to_speak_of(database, made):
    _, _, entry = recorded(database, made, trials=1)
    assert gain_of(database, entry) is None
