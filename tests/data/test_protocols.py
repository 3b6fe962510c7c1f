"""Who is trained on and who is tested: never the same person, never the same audio."""

import random
from collections import defaultdict

import numpy as np
import pytest
from error_facts import values_in
from hypothesis import given, settings
from hypothesis import strategies as st
from manifest_making import (
    HELD_APART,
    PROTOCOLS,
    manifest,
    manifests,
    people,
    ragged_manifests,
    split,
    utterance,
    who,
)

from serbench.data.manifest import make_manifest
from serbench.data.protocols import (
    Fold,
    OuterFold,
    Protocol,
    check_outer_fold,
    linked_speakers,
    parse_protocol,
    split_dataset,
)
from serbench.errors import DatasetError, LeakError


@given(manifests(), PROTOCOLS)
@settings(deadline=None, max_examples=50)
def test_holdout_and_folds_account_for_every_clip_once(data, protocol):
    parts = split_dataset(data, protocol)
    everyone = list(range(len(data)))
    dev, holdout = parts.holdout.train, parts.holdout.test
    assert sorted([*dev, *holdout]) == everyone
    assert (len(holdout) > 0) == protocol.holdout
    assert len(parts.folds) == protocol.k
    assert sorted(row for fold in parts.folds for row in fold.test) == sorted(dev)
    for fold in parts.folds:
        assert sorted([*fold.train, *fold.test]) == sorted(dev)


@given(ragged_manifests(), HELD_APART)
@settings(deadline=None, max_examples=100)
def test_a_split_is_refused_or_keeps_speakers_and_audio_apart(data, protocol):
    try:
        parts = split_dataset(data, protocol)
    except DatasetError:
        return
    has_holdout = protocol.holdout or protocol.rule == "corpus"
    assert (len(parts.holdout.test) > 0) == has_holdout
    for fold in (parts.holdout, *parts.folds) if has_holdout else parts.folds:
        assert who(data, fold.train).isdisjoint(who(data, fold.test))
        heard = [set(data.audio_hashes[rows].tolist()) for rows in (fold.train, fold.test)]
        assert heard[0].isdisjoint(heard[1])
        assert len(fold.test) > 0
        assert set(data.targets[fold.train].tolist()) == set(data.targets.tolist())


@pytest.mark.parametrize("protocol", ["speaker-3", "random-3@2", "loso"])
def test_without_a_holdout_every_clip_is_tested_once_and_trains_the_last_network(protocol):
    data = manifest(people("c", 7))
    parts = split(data, protocol)
    assert parts.evidence == "corrected_cv"
    assert len(parts.outer_folds) == 1
    assert len(parts.holdout.test) == 0
    assert parts.holdout.train.tolist() == list(range(len(data)))
    tested = np.concatenate([fold.test for fold in parts.folds])
    assert sorted(tested.tolist()) == list(range(len(data)))
    if protocol == "loso":
        assert [len(who(data, fold.test)) for fold in parts.folds] == [1] * 7


@pytest.mark.parametrize(
    ("protocol", "evidence"),
    [
        ("speaker-2:holdout", "holdout"),
        ("loso:holdout", "holdout"),
        ("corpus:b", "holdout"),
        ("corpus", "nested"),
        ("speaker-2:nested-2", "nested"),
        ("random-2", "corrected_cv"),
    ],
)
def test_the_evidence_of_a_split_follows_from_its_tests(protocol, evidence):
    assert (
        split(manifest(people("a", 6), people("b", 7), people("c", 8)), protocol).evidence
        == evidence
    )


def test_without_a_holdout_the_folds_of_a_split_still_keep_speakers_apart():
    data = manifest(people("c", 6))
    part = split(data, "speaker-3").outer_folds[0]
    leaking = Fold(part.folds[0].train, part.folds[1].test)
    broken = OuterFold(part.holdout, (leaking, *part.folds[1:]))
    check_outer_fold(data, parse_protocol("speaker-3"), part)
    with pytest.raises(LeakError):
        check_outer_fold(data, parse_protocol("speaker-3"), broken)


@given(st.integers(3, 40), st.integers(0, 20))
@settings(deadline=None, max_examples=40)
def test_one_speaker_in_five_sits_the_holdout(count, seed):
    data = manifest(people("c", count))
    tested = who(data, split_dataset(data, Protocol("speaker", 2, seed, holdout=True)).holdout.test)
    assert abs(len(tested) - count / 5) <= 1
    assert tested


@given(st.lists(st.integers(5, 12), min_size=2, max_size=3), st.integers(0, 20))
@settings(deadline=None, max_examples=25)
def test_every_corpus_of_five_speakers_sends_one_to_the_holdout(counts, seed):
    data = manifest(*(people(f"corpus{number}", count) for number, count in enumerate(counts)))
    tested = split_dataset(data, Protocol("speaker", 2, seed, holdout=True)).holdout.test
    assert set(data.corpora[tested].tolist()) == set(data.corpora.tolist())


def test_folds_are_about_as_large_as_each_other():
    data = manifest(people("c", 25))
    for protocol, size in (("speaker-5", 15), ("speaker-5:holdout", 12)):
        assert [len(fold.test) for fold in split(data, protocol).folds] == [size] * 5


@given(manifests(), HELD_APART | PROTOCOLS)
@settings(deadline=None, max_examples=25)
def test_a_split_depends_on_nothing_but_the_utterances(data, protocol):
    mixed = list(data.utterances)
    random.Random(1).shuffle(mixed)
    again = make_manifest("another name", mixed)
    try:
        one = split_dataset(data, protocol)
    except DatasetError:
        with pytest.raises(DatasetError):
            split_dataset(again, protocol)
        return
    other = split_dataset(again, protocol)
    for mine, its in zip((one.holdout, *one.folds), (other.holdout, *other.folds), strict=True):
        assert np.array_equal(mine.train, its.train)
        assert np.array_equal(mine.test, its.test)


def test_the_seed_of_a_protocol_names_another_split():
    data = manifest(people("c", 20))
    holdouts = {
        frozenset(who(data, split(data, f"speaker-5@{seed}:holdout").holdout.test))
        for seed in range(8)
    }
    assert len(holdouts) > 4


def test_the_seed_decides_the_folds_too_where_the_holdout_is_the_same():
    data = manifest(people("c", 6))
    folds = defaultdict(set)
    for seed in range(20):
        parts = split(data, f"speaker-3@{seed}:holdout")
        folds[tuple(parts.holdout.test)].add(tuple(tuple(fold.test) for fold in parts.folds))
    assert max(len(ways) for ways in folds.values()) > 1


def test_all_rules_with_speakers_apart_inspect_the_same_speakers():
    data = manifest(people("a", 12), people("b", 12))
    holdouts = [
        split(data, f"{rule}:holdout").holdout.test.tolist()
        for rule in ("speaker-3", "speaker-5", "loso")
    ]
    assert holdouts[0]
    assert holdouts[0] == holdouts[1] == holdouts[2]


def test_speakers_with_identical_audio_are_one_group():
    data = manifest(
        people("c", 4),
        [utterance("c/00", "anger", 9, "twin"), utterance("c/02", "fear", 9, "twin")],
    )
    group = dict(zip(data.speakers.tolist(), linked_speakers(data).tolist(), strict=True))
    assert group["c/00"] == group["c/02"]
    assert len(set(group.values())) == 3


def test_sharing_audio_is_passed_on_from_speaker_to_speaker():
    chain = [
        utterance(f"c/{person:02}", "anger", 9 + link, f"link {person + link}")
        for person in range(3)
        for link in (0, 1)
    ]
    data = manifest(people("c", 5), chain)
    group = dict(zip(data.speakers.tolist(), linked_speakers(data).tolist(), strict=True))
    assert group["c/00"] == group["c/01"] == group["c/02"]
    assert len(set(group.values())) == 3


def test_speakers_with_identical_audio_are_on_one_side():
    twins = [utterance(f"c/{person:02}", "anger", 9, "twin") for person in (1, 8)]
    data = manifest(people("c", 12), twins)
    for seed in range(10):
        parts = split(data, f"speaker-3@{seed}:holdout")
        for fold in (parts.holdout, *parts.folds):
            tested = who(data, fold.test)
            assert ("c/01" in tested) == ("c/08" in tested)


def test_random_splits_share_speakers_and_are_marked():
    data = manifest(people("c", 8, takes=3))
    protocol = parse_protocol("random-3:holdout")
    assert protocol.note == "speaker-dependent"
    assert not protocol.speaker_disjoint
    fold = split_dataset(data, protocol).folds[0]
    assert who(data, fold.train) & who(data, fold.test)
    assert abs(len(split_dataset(data, protocol).holdout.test) - len(data) / 5) <= 1


@pytest.mark.parametrize("protocol", ["speaker-5", "corpus"])
def test_splits_with_speakers_apart_need_no_note(protocol):
    assert parse_protocol(protocol).note == ""
    assert parse_protocol(protocol).speaker_disjoint


@pytest.mark.parametrize(
    ("data", "protocol", "values"),
    [
        (people("c", 4), "speaker-5", {"4", "5", "speaker-5", "speaker-4"}),
        (people("c", 1), "speaker-5@2", {"1", "5", "speaker-5@2"}),
        (people("c", 1), "loso", {"1", "2"}),
        (people("c", 3, takes=3), "random-30", {"27", "30", "random-30", "random-27"}),
        (
            people("c", 5),
            "speaker-5@1:holdout",
            {"5", "4", "speaker-5@1:holdout", "speaker-4@1:holdout"},
        ),
        (people("c", 2), "speaker-5:holdout", {"2", "1", "5", "speaker-5:holdout"}),
        (
            people("c", 3, takes=3),
            "random-30:holdout",
            {"27", "22", "30", "random-30:holdout", "random-22:holdout"},
        ),
        (people("c", 9, ("anger",)), "speaker-5", {"anger", "--emotions"}),
        (
            people("c", 9) + [utterance("c/03", "fear", take) for take in range(9)],
            "speaker-2",
            {"speaker-2", "fear", "--emotions"},
        ),
        (
            [*people("c", 9), utterance("c/03", "fear"), utterance("c/04", "fear")],
            "speaker-5@3",
            {"fear", "2", "5", "speaker-5@3", "speaker-2@3", "--emotions"},
        ),
        (
            [*people("c", 9), utterance("c/03", "fear"), utterance("c/04", "fear")],
            "speaker-5@3:holdout",
            {"fear", "1", "5", "speaker-5@3:holdout", "--emotions"},
        ),
    ],
    ids=[
        *("folds", "one speaker", "one speaker of loso", "clips"),
        *("folds beside a holdout", "one left", "clips beside a holdout"),
        *("one emotion", "lone emotion", "rare emotion", "rare emotion beside a holdout"),
    ],
)
def test_data_that_cannot_be_split_so_is_refused_with_advice(data, protocol, values):
    with pytest.raises(DatasetError) as refusal:
        split(manifest(data), protocol)
    assert values_in(refusal.value) == values
    assert type(refusal.value) is DatasetError
    assert "'some'" in str(refusal.value)


def test_the_advised_number_of_folds_works():
    assert len(split(manifest(people("c", 4)), "speaker-4").folds) == 4
    assert len(split(manifest(people("c", 5)), "speaker-4@1:holdout").folds) == 4
    assert len(split(manifest(people("c", 3, takes=3)), "random-5:holdout").folds) == 5
