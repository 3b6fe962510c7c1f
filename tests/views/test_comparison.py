"""Two entries against each other, from the database."""

import json
from dataclasses import replace

import numpy as np
import pytest
from error_facts import values_in
from making.entries import NESTED, add_entry
from sklearn.metrics import balanced_accuracy_score

from serbench.data.protocols import parse_protocol, split_dataset
from serbench.errors import UsageError
from serbench.run.imports import import_predictions
from serbench.score.comparison import (
    corrected_t_test,
    smallest_difference,
    tally_difference,
)
from serbench.score.confusion import COUNT_METRICS, Tally
from serbench.store.database import Database
from serbench.store.predictions import fold_predictions, scored_predictions
from serbench.store.systems import find_system
from serbench.views.comparison import compare_entries
from serbench.views.tables import export_predictions

ONE_HOLDOUT = "speaker-2:holdout"


@pytest.fixture(scope="module")
def manifest(made):
    """Four speakers × six emotions × eight takes."""
    return made.manifest(takes=8)


@pytest.fixture(scope="module")
def filled(tmp_path_factory, made, manifest):
    """Entries 1 and 2 under the nested protocol, 3 and 4 under the one with a single holdout."""
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('compared') / 'serbench.db'}")
    for protocol in (NESTED, ONE_HOLDOUT):
        for seed, skill in ((0, 1.5), (1, 0.5)):
            add_entry(database, made, manifest, skill, seed, protocol)
    yield database
    database.engine.dispose()


def uars(database, manifest, entry, holdout):
    """The UAR of each outer fold's holdout, or of each fold of the only one."""
    with database.session() as session:
        system = find_system(session, entry)
        if holdout:
            tested = scored_predictions(session, system)
        else:
            [folds] = fold_predictions(session, system)
            tested = list(folds.values())
    return [
        balanced_accuracy_score(manifest.targets[each.rows], each.logits.argmax(axis=1))
        for each in tested
    ]


def test_the_differences_are_those_of_the_paired_bootstrap(filled):
    found = compare_entries(filled, 1, 2)
    with filled.session() as session:
        one, other = (
            Tally.from_bytes(find_system(session, number).tallies[0].counts) for number in (1, 2)
        )
    for metric in COUNT_METRICS:
        expected = tally_difference(one, other, metric)
        assert found.differences[metric] == expected
        first, second = found.scores[metric]
        assert first - second == pytest.approx(expected.difference, abs=1e-12)
    uar = found.differences["uar"]
    assert uar.interval.low < uar.difference < uar.interval.high
    assert found.smallest == smallest_difference(uar.standard_error, 4)


def test_the_other_way_round_the_signs_turn(filled):
    one, other = compare_entries(filled, 1, 2), compare_entries(filled, 2, 1)
    assert other.differences["uar"].difference == -one.differences["uar"].difference
    assert other.folds.t == pytest.approx(-one.folds.t)
    assert other.smallest == one.smallest


def test_of_several_outer_folds_the_t_test_is_over_their_holdouts(filled, manifest):
    found = compare_entries(filled, 1, 2)
    differences = np.subtract(*(uars(filled, manifest, entry, holdout=True) for entry in (1, 2)))
    half = len(manifest) / 2
    expected = corrected_t_test(differences, half, half)
    assert vars(found.folds) == pytest.approx(vars(expected))
    assert (found.fold_count, found.tuned_on_folds) == (2, False)


def test_of_one_outer_fold_it_is_over_the_folds_that_the_winners_were_chosen_by(filled, manifest):
    found = compare_entries(filled, 3, 4)
    differences = np.subtract(*(uars(filled, manifest, entry, holdout=False) for entry in (3, 4)))
    clips = len(split_dataset(manifest, parse_protocol(ONE_HOLDOUT)).holdout.train)
    expected = corrected_t_test(differences, clips / 2, clips / 2)
    assert vars(found.folds) == pytest.approx(vars(expected))
    assert (found.fold_count, found.tuned_on_folds) == (2, True)


def test_of_one_tested_speaker_no_interval_can_be_given(filled):
    found = compare_entries(filled, 3, 4)
    assert found.differences["uar"].speakers == 1
    assert (found.differences["uar"].interval, found.smallest) == (None, None)


def strictly(text):
    """JSON as the standard has it: no NaN, no infinity."""
    return json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


@pytest.mark.parametrize("pair", [(1, 2), (3, 4), (1, 1)])
def test_as_data_it_is_valid_json(filled, pair):
    plain = strictly(json.dumps(compare_entries(filled, *pair).as_dict()))
    assert plain["scores"].keys() == plain["differences"].keys() == set(COUNT_METRICS)


def test_a_t_beyond_all_bounds_is_valid_json_too(filled):
    found = compare_entries(filled, 1, 2)
    certain = replace(found, folds=corrected_t_test([0.25, 0.25], 1, 1))
    assert strictly(json.dumps(certain.as_dict()))["folds"]["t"] is None


def test_notes_of_the_entries_are_in_the_comparison(database, made, manifest):
    numbers = [add_entry(database, made, manifest, seed=seed) for seed in range(2)]
    assert compare_entries(database, *numbers).notes == ()
    with database.session() as session:
        find_system(session, numbers[1]).known_speakers = ["ravdess/01", "ravdess/02"]
    [note] = compare_entries(database, *numbers).notes
    assert values_in(note) == {"2"}, "entry 2, and two speakers"


def test_an_entry_differs_from_itself_in_nothing(filled):
    found = compare_entries(filled, 1, 1)
    assert {each.difference for each in found.differences.values()} == {0}
    assert (found.folds.t, found.folds.p) == (0, 1)


def test_entries_of_two_protocols_are_not_compared(filled):
    with pytest.raises(UsageError) as raised:
        compare_entries(filled, 1, 3)
    one, other = raised.value.facts["protocols"]
    assert one.startswith("speaker-2:nested-2#")
    assert other.startswith("speaker-2#")


def test_entries_of_two_datasets_are_not_compared(database, made):
    for takes in (1, 2):
        add_entry(database, made, made.manifest(takes=takes), seed=takes)
    with pytest.raises(UsageError) as raised:
        compare_entries(database, 1, 2)
    assert len(set(raised.value.facts["protocols"])) == 2


def test_an_unknown_entry_is_an_error(filled):
    with pytest.raises(UsageError) as raised:
        compare_entries(filled, 1, 9)
    assert raised.value.facts == {"number": 9}


def test_without_the_same_folds_there_is_no_t_test(database, made, manifest, tmp_path):
    entry = add_entry(database, made, manifest, protocol=ONE_HOLDOUT)
    table = tmp_path / "predictions.csv"
    table.write_text(export_predictions(database, entry))
    rule = parse_protocol(ONE_HOLDOUT)
    guest = import_predictions(database, table, "guest", manifest, rule, made.metrics)
    found = compare_entries(database, entry, guest)
    assert found.folds is None
    assert found.differences["uar"].difference == 0
    assert compare_entries(database, guest, entry).folds is None


def test_with_the_same_folds_an_import_is_compared_by_them(database, made, manifest, tmp_path):
    entry = add_entry(database, made, manifest, protocol=ONE_HOLDOUT)
    table = tmp_path / "predictions.csv"
    table.write_text(export_predictions(database, entry, folds=True))
    rule = parse_protocol(ONE_HOLDOUT)
    guest = import_predictions(database, table, "guest", manifest, rule, made.metrics)
    found = compare_entries(database, entry, guest)
    assert (found.folds.t, found.fold_count) == (0, 2)
