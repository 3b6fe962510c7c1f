"""Studies as lists and pages show them, and what a search gained over its first trial."""

import json

import numpy as np
import pytest
from error_facts import value_error
from making.entries import NESTED, PARAMETERS, add_entry, begin, predictions_like, run_trial
from sklearn.metrics import balanced_accuracy_score
from sqlalchemy import select

from serbench.errors import UsageError
from serbench.model.compute import ComputeSettings
from serbench.model.machine import Machine, this_machine
from serbench.score.comparison import tally_difference
from serbench.score.confusion import tally
from serbench.store.predictions import fold_predictions, joined, winners
from serbench.store.schema import TrialRow
from serbench.store.systems import find_system
from serbench.views.gain import gain, gain_of
from serbench.views.reading import entry_view
from serbench.views.study import study_view, study_views

SINGLE = "speaker-2:holdout"


@pytest.fixture
def manifest(made):
    return made.manifest(takes=3)


def test_without_studies_the_list_is_empty(database):
    assert study_views(database) == []


def test_a_list_has_every_study_and_what_it_came_to(database, made, manifest):
    entry = add_entry(database, made, manifest, protocol=SINGLE, trials=3)
    [found] = study_views(database)
    plain = found.as_dict()
    assert (plain["study"], plain["entry"], plain["state"]) == (1, entry, "finished")
    assert (plain["backbone"], plain["front_end"], plain["schedule"]) == (
        *("homebrew", "mel", "half-cycle"),
    )
    assert (plain["dataset"], plain["protocol"], plain["outer_fold"]) == ("small", SINGLE, 1)
    assert (plain["trials"], plain["of"]) == (3, 3)
    with database.session() as session:
        best = winners(session, find_system(session, entry))[0].mean_uar
    assert plain["best_mean_uar"] == best
    assert "detail" not in plain
    with database.session() as session:
        loser = min(session.scalars(select(TrialRow)), key=lambda trial: trial.mean_uar)
        loser.state, loser.mean_uar = "pruned", 1.0  # over its first folds only
    assert study_views(database)[0].best_mean_uar == best


def test_the_studies_of_all_outer_folds_lead_to_one_entry(database, made, manifest):
    entry = add_entry(database, made, manifest, protocol=NESTED)
    assert [(each.study, each.outer_fold, each.entry) for each in study_views(database)] == [
        (1, 1, entry),
        (2, 2, entry),
    ]


def test_an_unfinished_study_has_no_entry(database, made, manifest, artifacts):
    plan = made.plan(manifest, trials=5)
    ledger = begin(database, made, manifest, plan, artifacts)
    [before] = study_views(database)
    assert (before.trials, before.best_mean_uar) == (0, None)
    best = max(run_trial(ledger, made, manifest, plan, trial) for trial in range(2))
    [found] = study_views(database)
    assert (found.state, found.entry, found.trials, found.of) == ("unfinished", None, 2, 5)
    assert found.best_mean_uar == best
    page = study_view(database, found.study).as_dict()
    assert (page["entry"], page["finished"]) == (None, None)


@pytest.fixture
def page(database, made, manifest):
    """The page of a study with three trials."""
    add_entry(database, made, manifest, protocol=SINGLE, trials=3)
    return study_view(database, 1).as_dict()


def test_a_page_has_the_plan_and_what_it_ran_on(page, made, manifest):
    assert page["plan"] == {**made.plan(manifest, trials=3).as_dict(), "outer_fold": 1}
    assert page["compute_settings"] == ComputeSettings(1).as_dict()
    assert page["speed_tuning"] is None
    assert Machine(**page["machine"]) == this_machine()
    assert page["versions"].keys() >= {"python", "torch", "numpy"}
    assert page["finished"] >= page["started"]
    assert "detail" not in page


def test_a_page_has_every_trial_with_its_folds(page, made, manifest):
    plan = made.plan(manifest, trials=3)
    won = page["entry"]["trial"]
    assert [trial["trial"] for trial in page["trials"]] == [1, 2, 3]
    for trial in page["trials"]:
        assert trial["state"] == "complete"
        assert trial["parameters"] == PARAMETERS
        folds = {fold["fold"]: fold for fold in trial["folds"]}
        expected = {1, 2} | ({"holdout"} if trial["trial"] == won else set())
        assert folds.keys() == expected
        assert trial["mean_uar"] == np.mean([folds[1]["uar"], folds[2]["uar"]])
        outcome = made.outcome(manifest, trial["trial"] - 1, 1, plan, skill=1.0)
        assert folds[2] == {
            "fold": 2,
            "uar": outcome.uar,
            "epochs": outcome.epochs,
            "best_epoch": outcome.best_epoch,
            "seconds": outcome.seconds,
            "pruned": False,
            "curve": list(outcome.curve),
            "losses": list(outcome.losses),
            **made.environment.as_dict(),
        }
    assert won == max(page["trials"], key=lambda trial: trial["mean_uar"])["trial"]


def test_a_page_has_the_entry_that_the_study_led_to(page, database):
    view, entry = entry_view(database, 1).as_dict(), page["entry"]
    for name in ("entry", "uar", "uar_ci", "accuracy", "macro_f1_ci", "protocol_id", "weights"):
        assert entry[name] == view[name]
    assert entry["artifact"].endswith(".safetensors")
    found = gain_of(database, 1)
    assert entry["gain"] == {**vars(found), "sentence": found.sentence}


def test_each_outer_folds_page_names_its_own_winner(database, made, manifest):
    entry = add_entry(database, made, manifest, protocol=NESTED, trials=4, skill=0.0)
    with database.session() as session:
        won = [trial.number + 1 for trial in winners(session, find_system(session, entry))]
    assert len(set(won)) == 2, "the test needs winners that differ"
    pages = [study_view(database, number).as_dict() for number in (1, 2)]
    assert [page["entry"]["trial"] for page in pages] == won
    assert [page["entry"]["entry"] for page in pages] == [entry, entry]


def test_a_page_is_valid_json(page):
    text = json.dumps(page)
    assert json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def test_an_unknown_study_is_an_error(database, made, manifest):
    for seed in range(2):
        with pytest.raises(UsageError) as raised:
            study_view(database, 7)
        assert raised.value.facts == {"number": 7}
        add_entry(database, made, manifest, seed=seed, protocol=SINGLE)


def right_where(manifest, right):
    """The tally of answers that are right where ``right`` and wrong elsewhere."""
    targets = manifest.targets
    named = np.where(right, targets, (targets + 1) % len(manifest.emotions))
    logits = np.eye(len(manifest.emotions), dtype=np.float32)[named]
    return tally(logits, targets, manifest.speakers)


def chances(manifest, share, seed):
    return np.random.default_rng(seed).random(len(manifest)) < share


def test_the_difference_is_that_of_scikit_learns_balanced_accuracies(made):
    manifest = made.manifest(takes=5)
    every = np.arange(len(manifest))
    first, winner = (predictions_like(manifest, every, skill, 1) for skill in (0.3, 1.5))
    found = gain(
        *(tally(each.logits, manifest.targets, manifest.speakers) for each in (first, winner)),
        number=3,
    )
    uars = [
        balanced_accuracy_score(manifest.targets, each.logits.argmax(1)) for each in (first, winner)
    ]
    assert [found.first_uar, found.winner_uar] == pytest.approx(uars)
    assert found.difference == pytest.approx(uars[1] - uars[0])
    assert (found.winner, found.speakers) == (3, 4)


def test_the_interval_is_that_of_two_systems_on_the_same_speakers(made):
    manifest = made.manifest(takes=5)
    first, winner = (right_where(manifest, chances(manifest, share, 2)) for share in (0.4, 0.6))
    found = gain(first, winner, 1)
    assert (found.low, found.high) == tally_difference(winner, first).interval
    assert found.low < found.difference < found.high
    for end in (found.low, found.high, found.difference):
        assert f"{100 * end:+.1f}" in found.sentence


def test_a_gain_that_every_speaker_shares_may_not_be_that_of_others(made):
    manifest = made.manifest(takes=2)
    half = np.array([each.sentence is None for each in manifest.utterances])
    every = np.ones(len(manifest), bool)
    found = gain(right_where(manifest, half), right_where(manifest, every), 1)
    assert found.difference == pytest.approx(0.5)
    assert found.low < found.difference < found.high


def test_a_gain_of_one_speaker_alone_is_not_distinguishable(made):
    manifest = made.manifest(takes=2)
    one = np.array([each.speaker.endswith("01") for each in manifest.utterances])
    none = np.zeros(len(manifest), bool)
    found = gain(right_where(manifest, none), right_where(manifest, one), 1)
    assert found.low < 0 < found.difference < found.high


def test_trials_of_other_clips_are_not_compared(made):
    more, fewer = (
        right_where(manifest, np.ones(len(manifest), bool))
        for manifest in (made.manifest(takes=2), made.manifest())
    )
    with value_error():
        gain(more, fewer, 1)


def test_the_gain_is_zero_if_the_first_trial_wins(made):
    manifest = made.manifest()
    same = right_where(manifest, chances(manifest, 0.5, 0))
    found = gain(same, same, 0)
    assert found.difference == 0
    assert found.low < 0 < found.high
    assert not any(character.isdigit() for character in found.sentence)


def test_one_speaker_gives_a_gain_without_an_interval():
    counts = [tally(np.eye(2), np.array(targets), ["a", "a"]) for targets in ([1, 0], [0, 1])]
    found = gain(*counts, 1)
    assert (found.difference, found.low, found.high, found.speakers) == (1, None, None, 1)
    assert "no confidence interval" in found.sentence


@pytest.mark.parametrize("protocol", [SINGLE, NESTED])
def test_a_gain_is_read_from_the_logits_of_the_folds(database, made, manifest, protocol):
    entry = add_entry(database, made, manifest, protocol=protocol, trials=3)
    found = gain_of(database, entry)
    with database.session() as session:
        system = find_system(session, entry)
        best = winners(session, system)
        assert found.winner == best[0].number + 1
        after = joined(
            fold for outer in fold_predictions(session, system) for fold in outer.values()
        )
    plan = made.plan(manifest, protocol=protocol, trials=3)
    before = [
        made.outcome(manifest, 0, fold, plan.of_outer_fold(outer), skill=1.0)
        for outer in range(len(best))
        for fold in (0, 1)
    ]
    firsts = np.concatenate([each.rows for each in before])
    logits = np.concatenate([each.logits for each in before])
    assert found.winner_uar == pytest.approx(
        balanced_accuracy_score(manifest.targets[after.rows], after.logits.argmax(1))
    )
    assert found.first_uar == pytest.approx(
        balanced_accuracy_score(manifest.targets[firsts], logits.argmax(1))
    )
    assert found.difference == pytest.approx(found.winner_uar - found.first_uar)


def test_a_study_of_one_trial_has_no_gain(database, made, manifest):
    entry = add_entry(database, made, manifest, protocol=SINGLE, trials=1)
    assert gain_of(database, entry) is None
    assert study_view(database, 1).as_dict()["entry"]["gain"] is None
