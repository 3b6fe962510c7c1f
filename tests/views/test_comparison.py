"""Entries against each other, from the database."""

import json

import pytest
from error_facts import values_in
from making.entries import NESTED, add_entry

from serbench.errors import UsageError
from serbench.score.comparison import holm, tally_difference
from serbench.score.confusion import COUNT_METRICS, Tally
from serbench.score.power import smallest_difference
from serbench.store.database import Database
from serbench.store.systems import find_system
from serbench.views.comparison import compare_entries

HELD_OUT = "speaker-2:holdout"


@pytest.fixture(scope="module")
def manifest(made):
    """Four speakers × six emotions × eight takes."""
    return made.manifest(takes=8)


@pytest.fixture(scope="module")
def filled(tmp_path_factory, made, manifest):
    """Entries 1 to 3 under the nested protocol, 4 and 5 under the one with a single holdout."""
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('compared') / 'serbench.db'}")
    for seed, skill in enumerate((1.5, 0.5, 1.4)):
        add_entry(database, made, manifest, skill, seed, NESTED)
    for seed, skill in enumerate((1.5, 0.5)):
        add_entry(database, made, manifest, skill, seed, HELD_OUT)
    yield database
    database.engine.dispose()


def stored_tally(database, number):
    with database.session() as session:
        return Tally.from_bytes(find_system(session, number).tallies[0].counts)


def pair_of(found, *numbers):
    [pair] = [each for each in found.pairs if {each.first, each.second} == set(numbers)]
    return pair


def test_the_difference_of_two_is_that_of_the_paired_bootstrap(filled):
    found = compare_entries(filled, [2, 1])
    [pair] = found.pairs
    assert [row.entry for row in found.entries] == [pair.first, pair.second] == [1, 2]
    for metric in COUNT_METRICS:
        expected = tally_difference(stored_tally(filled, 1), stored_tally(filled, 2), metric)
        each = pair.differences[metric]
        assert each.difference == expected.difference
        assert each.interval == pytest.approx(expected.interval)
        assert each.p == pytest.approx(expected.p)
        first, second = (row.scores[metric].value for row in found.entries)
        assert first - second == pytest.approx(expected.difference, abs=1e-12)
    uar = pair.differences["uar"]
    assert pair.smallest == pytest.approx(smallest_difference(uar.standard_error, 4))


def test_of_several_every_pair_is_corrected_for_their_number(filled):
    found = compare_entries(filled, [1, 2, 3])
    assert len(found.pairs) == 3
    tallies = {each: stored_tally(filled, each) for each in (1, 2, 3)}
    for metric in COUNT_METRICS:
        alone = [
            tally_difference(tallies[pair.first], tallies[pair.second], metric)
            for pair in found.pairs
        ]
        corrected = [pair.differences[metric] for pair in found.pairs]
        assert [each.p for each in corrected] == pytest.approx(holm([each.p for each in alone]))
        for one, other in zip(alone, corrected, strict=True):
            assert other.difference == one.difference >= 0 or metric != "uar"
            assert other.interval.low < one.interval.low


def test_the_verdict_follows_from_the_p_of_ua(filled):
    found = compare_entries(filled, [1, 2, 3])
    for pair in found.pairs:
        uar = pair.differences["uar"]
        assert (pair.better is not None) == (uar.p < 0.05)
        assert {pair.better or pair.first, pair.worse} == {pair.first, pair.second}
    alike = pair_of(found, 1, 3)
    assert (alike.better, alike.more_speakers > 0) == (None, True)
    assert {"1", "3", str(alike.more_speakers)} <= values_in(found.verdict[-1])


def test_the_order_of_the_numbers_does_not_matter(filled):
    assert (
        compare_entries(filled, [3, 1, 2]).as_dict() == compare_entries(filled, [1, 2, 3]).as_dict()
    )


def test_of_one_tested_speaker_no_interval_can_be_given(filled):
    [pair] = compare_entries(filled, [4, 5]).pairs
    uar = pair.differences["uar"]
    assert (uar.speakers, uar.interval, uar.p) == (1, None, None)
    assert (pair.smallest, pair.more_speakers, pair.better) == (None, None, None)


@pytest.mark.parametrize("numbers", [(1, 2), (4, 5), (1, 2, 3)])
def test_as_data_it_is_valid_json(filled, numbers):
    text = json.dumps(compare_entries(filled, numbers).as_dict())
    plain = json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert len(plain["entries"]) == len(numbers)
    for pair in plain["pairs"]:
        assert pair["differences"].keys() == set(COUNT_METRICS)


def test_notes_of_the_entries_are_in_the_comparison(database, made, manifest):
    numbers = [add_entry(database, made, manifest, seed=seed) for seed in range(2)]
    assert compare_entries(database, numbers).notes == ()
    with database.session() as session:
        find_system(session, numbers[1]).known_speakers = ["ravdess/01", "ravdess/02"]
    [note] = compare_entries(database, numbers).notes
    assert values_in(note) == {"2"}, "entry 2, and two speakers"


@pytest.mark.parametrize("numbers", [(), (1,), (1, 1), (1, 2, 1)])
def test_fewer_than_two_different_entries_are_an_error(filled, numbers):
    with pytest.raises(UsageError) as raised:
        compare_entries(filled, numbers)
    assert raised.value.facts == {"numbers": list(numbers)}


def test_entries_of_two_protocols_are_not_compared(filled):
    with pytest.raises(UsageError) as raised:
        compare_entries(filled, [1, 2, 4])
    protocols = raised.value.facts["protocols"]
    assert {each.partition("#")[0] for each in protocols} == {NESTED, HELD_OUT}


def test_entries_of_two_datasets_are_not_compared(database, made):
    for takes in (1, 2):
        add_entry(database, made, made.manifest(takes=takes), seed=takes)
    with pytest.raises(UsageError) as raised:
        compare_entries(database, [1, 2])
    assert len(set(raised.value.facts["protocols"])) == 2


def test_an_unknown_entry_is_an_error(filled):
    with pytest.raises(UsageError) as raised:
        compare_entries(filled, [1, 9])
    assert raised.value.facts == {"number": 9}
