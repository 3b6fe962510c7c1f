"""The scores of an entry with several seeds, as they are shown."""

from dataclasses import replace

import numpy as np
import pytest
from making.entries import NESTED, add_entry
from sklearn.metrics import balanced_accuracy_score

from serbench import api
from serbench.errors import DivergedError
from serbench.score.confusion import tally
from serbench.score.variance import seed_variance
from serbench.store.predictions import joined, scored_predictions
from serbench.store.repetitions import due_repetitions, record_repetition, seeded_runs
from serbench.store.systems import find_system
from serbench.views.detail import entry_detail
from serbench.views.seeds import seeds_view

SEEDS = 4


@pytest.fixture(scope="module")
def manifest(made):
    return made.manifest(takes=3)


@pytest.fixture(params=["speaker-2", NESTED])
def entry(request, database, made, manifest):
    return add_entry(database, made, manifest, protocol=request.param, trials=2)


@pytest.fixture
def repeated(database, entry, manifest, made):
    """Logits on all clips, in the manifest's order, with each seed; all are recorded."""
    with database.session() as session:
        first = joined(scored_predictions(session, find_system(session, entry))).by_row().logits
    random = np.random.default_rng(0)
    found = [first] + [first + random.normal(size=first.shape) for _ in range(SEEDS - 1)]
    found = [each.astype(np.float32) for each in found]
    protocol = entry_detail(database, entry).plan["protocol"]
    for each in due_repetitions(database, entry, SEEDS):
        rows = made.split(manifest, protocol, each.outer_fold, each.fold).test
        outcome = made.outcome(manifest, 0, 0, made.plan(manifest))
        logits = found[each.number - 1][rows]
        record_repetition(database, (each, replace(outcome, logits=logits)))
    return found


def test_each_seed_has_the_score_of_its_logits(database, entry, manifest, repeated):
    view = seeds_view(database, entry)
    expected = [
        balanced_accuracy_score(manifest.targets, logits.argmax(axis=1)) for logits in repeated
    ]
    assert [each.seed for each in view.seeds] == [1, 2, 3, 4]
    assert [each.uar for each in view.seeds] == pytest.approx(expected)
    tallies = [tally(logits, manifest.targets, manifest.speakers) for logits in repeated]
    assert view.variance == seed_variance(tallies, networks_of(database, entry, manifest))


def networks_of(database, entry, manifest):
    """The number of the split that tests each speaker."""
    with database.session() as session:
        tests = seeded_runs(session, find_system(session, entry)).tests
    names = sorted({each.speaker for each in manifest.utterances})
    tested = [{manifest.utterances[row].speaker for row in rows} for rows in tests]
    found = [[name in each for each in tested].index(True) for name in names]
    assert len(set(found)) == 2
    return np.array(found)


def test_the_page_of_an_entry_has_them_in_plain_data_and_sentences(database, entry, repeated):
    page = entry_detail(database, entry).as_dict()["seeds"]
    view = seeds_view(database, entry)
    found = view.variance
    assert page["sentences"] == list(view.sentences)
    assert (page["sd"], page["sd_ci"]) == (found.sd, found.sd_interval)
    assert (page["mean"], page["mean_ci"]) == (found.mean, found.interval)
    assert page["standard_error"] == found.standard_error
    parts = page["components"]
    assert parts["speaker_sd"] ** 2 == pytest.approx(found.components.speaker)
    assert parts["seed_sd"] ** 2 == pytest.approx(found.components.seed)
    assert parts["interaction_sd"] ** 2 == pytest.approx(found.components.interaction)
    training, speakers = view.sentences
    assert f"{100 * found.sd:.1f}" in training
    assert f"{100 * found.standard_error:.1f}" in speakers
    for name in found.components.negative:
        assert name in view.components


def test_without_a_second_seed_there_is_nothing_to_show(database, entry):
    view = seeds_view(database, entry)
    assert view.sentences == ()
    assert view.variance is view.components is view.as_dict() is None
    assert [each.seed for each in view.seeds] == [1]


def test_a_seed_that_diverged_is_named_and_left_out(database, made, manifest):
    entry = add_entry(database, made, manifest)
    for each in due_repetitions(database, entry, 2):
        record_repetition(database, (each, DivergedError("the loss became nan")))
    view = seeds_view(database, entry)
    assert [each.uar is None for each in view.seeds] == [False, True]
    assert view.variance is None
    [sentence] = view.sentences
    assert "seed 2" in sentence
    assert "nan" in sentence


def test_the_table_has_a_row_for_each_entry_and_seed(database, made, manifest, entry, repeated):
    other = add_entry(database, made, manifest, seed=1)
    shown = api.open(database.url).seeds()
    assert [*zip(shown["entry"], shown["seed"], strict=True)] == [
        *((entry, number) for number in range(1, SEEDS + 1)),
        (other, 1),
    ]
    view = seeds_view(database, entry)
    assert shown["uar"][:SEEDS].tolist() == [each.uar for each in view.seeds]
    assert shown["seconds"][:SEEDS].tolist() == [each.seconds for each in view.seeds]
