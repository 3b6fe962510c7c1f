"""Outer folds: each speaker is tested once, and no search uses its own holdout."""

import random
from dataclasses import replace

import numpy as np
import pytest
from error_facts import values_in, words_in
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from manifest_making import manifest, manifests, people, split, utterance, who
from protocol_making import corpus_of

from serbench.data.manifest import make_manifest
from serbench.data.protocols import PUBLISHED, Protocol, split_dataset
from serbench.errors import DatasetError

NESTED = st.builds(
    Protocol,
    st.sampled_from(["speaker", "random"]),
    st.integers(2, 3),
    st.integers(0, 5),
    st.integers(2, 3),
) | st.builds(Protocol, st.just("loso"), st.none(), st.integers(0, 5), st.integers(2, 4))


def assert_everybody_is_tested_once(data, parts):
    holdouts = [row for part in parts.outer_folds for row in part.holdout.test.tolist()]
    assert sorted(holdouts) == list(range(len(data)))
    for part in parts.outer_folds:
        dev = part.holdout.train.tolist()
        assert sorted([*dev, *part.holdout.test.tolist()]) == list(range(len(data)))
        assert sorted(row for fold in part.folds for row in fold.test.tolist()) == sorted(dev)
        for fold in part.folds:
            assert sorted([*fold.train.tolist(), *fold.test.tolist()]) == sorted(dev)


def assert_nobody_is_on_both_sides(data, parts):
    for part in parts.outer_folds:
        for fold in (part.holdout, *part.folds):
            assert who(data, fold.train).isdisjoint(who(data, fold.test))


def same(one, other):
    return all(
        np.array_equal(mine.train, its.train) and np.array_equal(mine.test, its.test)
        for part, twin in zip(one.outer_folds, other.outer_folds, strict=True)
        for mine, its in zip((part.holdout, *part.folds), (twin.holdout, *twin.folds), strict=True)
    )


def moved(data):
    """The same utterances in another order, in another folder."""
    clips = [replace(clip, path="/elsewhere" + clip.path) for clip in data.utterances]
    random.Random(1).shuffle(clips)
    return make_manifest("another name", clips)


@given(manifests(), NESTED)
@settings(max_examples=25)
def test_in_nested_outer_folds_each_speaker_is_in_one_holdout(data, protocol):
    left = (1 - 1 / protocol.nested) * len(set(data.speakers))
    assume(protocol.k is None or protocol.k <= int(left))  # else it is refused
    parts = split_dataset(data, protocol)
    assert len(parts.outer_folds) == protocol.nested
    assert_everybody_is_tested_once(data, parts)
    if protocol.speaker_disjoint:
        assert_nobody_is_on_both_sides(data, parts)
    assert same(parts, split_dataset(moved(data), protocol))


@pytest.mark.parametrize("name", PUBLISHED)
@given(takes=st.integers(1, 2), emotions=st.integers(2, 3))
@settings(max_examples=3)
def test_in_published_outer_folds_each_speaker_is_in_one_holdout(name, takes, emotions):
    data = manifest(corpus_of(name, ("sadness", "anger", "disgust")[:emotions], takes))
    parts = split(data, name)
    assert_everybody_is_tested_once(data, parts)
    assert_nobody_is_on_both_sides(data, parts)
    assert same(parts, split(moved(data), name))


def test_the_outer_folds_are_about_as_large_as_each_other():
    data = manifest(people("a", 11), people("b", 9))
    holdouts = [
        who(data, part.holdout.test) for part in split(data, "speaker-3:nested-4").outer_folds
    ]
    assert [len(holdout) for holdout in holdouts] == [5] * 4
    assert {frozenset(speaker[0] for speaker in holdout) for holdout in holdouts} == {
        frozenset("ab")
    }


def test_the_first_of_five_nested_outer_folds_is_the_protocol_with_one_holdout():
    data = manifest(people("c", 14))
    single, nested = split(data, "speaker-3@2:holdout"), split(data, "speaker-3@2:nested-5")
    assert len(single.holdout.test) > 0
    assert same(single, replace(nested, outer_folds=nested.outer_folds[:1]))


def test_speakers_with_identical_audio_are_in_the_same_holdout():
    twins = [utterance(f"c/{person:02}", "anger", 9, "twin") for person in (2, 7)]
    data = manifest(people("c", 12), twins)
    for seed in range(6):
        for part in split(data, f"speaker-3@{seed}:nested-4").outer_folds:
            tested = who(data, part.holdout.test)
            assert ("c/02" in tested) == ("c/07" in tested)


@pytest.mark.parametrize("protocol", ["speaker-2", "speaker-2:nested-3"])
def test_one_speaker_is_counted_in_the_singular(protocol):
    with pytest.raises(DatasetError) as refusal:
        split(manifest(people("c", 1)), protocol)
    assert "1 speaker," in str(refusal.value)


def test_leaving_one_speaker_out_makes_a_fold_of_each_dev_speaker():
    data = manifest(people("c", 10))
    parts = split(data, "loso:holdout")
    assert len(who(data, parts.holdout.test)) == 2
    assert [len(who(data, fold.test)) for fold in parts.folds] == [1] * 8
    assert np.array_equal(parts.holdout.test, split(data, "speaker-4:holdout").holdout.test)


@pytest.mark.parametrize(
    ("speakers", "protocol", "values"),
    [
        (5, "speaker-2:nested-6", {"5", "6", "speaker-2:nested-6"}),
        (6, "speaker-5:nested-2", {"6", "3", "5", "speaker-5:nested-2", "speaker-3:nested-2"}),
        (2, "loso:holdout", {"2", "1"}),
    ],
)
def test_too_few_speakers_for_the_outer_folds_are_refused(speakers, protocol, values):
    with pytest.raises(DatasetError) as refusal:
        split(manifest(people("c", speakers)), protocol)
    assert type(refusal.value) is DatasetError
    assert values_in(refusal.value) == values
    assert protocol in words_in(refusal.value)
