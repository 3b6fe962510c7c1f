"""Rounds: everybody sits one exam, and no search sees its own round's exam."""

import random
from dataclasses import replace

import numpy as np
import pytest
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


def assert_everybody_is_examined_once(data, parts):
    exams = [row for part in parts.rounds for row in part.exam.test.tolist()]
    assert sorted(exams) == list(range(len(data)))
    for part in parts.rounds:
        dev = part.exam.train.tolist()
        assert sorted([*dev, *part.exam.test.tolist()]) == list(range(len(data)))
        assert sorted(row for fold in part.folds for row in fold.test.tolist()) == sorted(dev)
        for fold in part.folds:
            assert sorted([*fold.train.tolist(), *fold.test.tolist()]) == sorted(dev)


def assert_nobody_is_on_both_sides(data, parts):
    for part in parts.rounds:
        for fold in (part.exam, *part.folds):
            assert who(data, fold.train).isdisjoint(who(data, fold.test))


def same(one, other):
    return all(
        np.array_equal(mine.train, its.train) and np.array_equal(mine.test, its.test)
        for part, twin in zip(one.rounds, other.rounds, strict=True)
        for mine, its in zip((part.exam, *part.folds), (twin.exam, *twin.folds), strict=True)
    )


def moved(data):
    """The same utterances in another order, in another folder."""
    clips = [replace(clip, path="/elsewhere" + clip.path) for clip in data.utterances]
    random.Random(1).shuffle(clips)
    return make_manifest("another name", clips)


@given(manifests(), NESTED)
@settings(max_examples=25)
def test_in_nested_rounds_everybody_sits_one_exam(data, protocol):
    left = (1 - 1 / protocol.nested) * len(set(data.speakers))
    assume(protocol.k is None or protocol.k <= int(left))  # else it is refused
    parts = split_dataset(data, protocol)
    assert len(parts.rounds) == protocol.nested
    assert_everybody_is_examined_once(data, parts)
    if protocol.speaker_disjoint:
        assert_nobody_is_on_both_sides(data, parts)
    assert same(parts, split_dataset(moved(data), protocol))


@pytest.mark.parametrize("name", PUBLISHED)
@given(takes=st.integers(1, 2), emotions=st.integers(2, 3))
@settings(max_examples=3)
def test_in_published_rounds_everybody_sits_one_exam(name, takes, emotions):
    data = manifest(corpus_of(name, ("sadness", "anger", "disgust")[:emotions], takes))
    parts = split(data, name)
    assert_everybody_is_examined_once(data, parts)
    assert_nobody_is_on_both_sides(data, parts)
    assert same(parts, split(moved(data), name))


def test_the_rounds_are_about_as_large_as_each_other():
    data = manifest(people("a", 11), people("b", 9))
    exams = [who(data, part.exam.test) for part in split(data, "speaker-3:nested-4").rounds]
    assert [len(exam) for exam in exams] == [5] * 4
    assert {frozenset(speaker[0] for speaker in exam) for exam in exams} == {frozenset("ab")}


def test_the_first_of_five_nested_rounds_is_the_protocol_without_them():
    data = manifest(people("c", 14))
    plain, nested = split(data, "speaker-3@2"), split(data, "speaker-3@2:nested-5")
    assert np.array_equal(plain.exam.test, nested.exam.test)
    assert same(plain, replace(nested, rounds=nested.rounds[:1]))


def test_speakers_who_share_audio_sit_the_same_exam():
    twins = [utterance(f"c/{person:02}", "anger", 9, "twin") for person in (2, 7)]
    data = manifest(people("c", 12), twins)
    for seed in range(6):
        for part in split(data, f"speaker-3@{seed}:nested-4").rounds:
            examined = who(data, part.exam.test)
            assert ("c/02" in examined) == ("c/07" in examined)


def test_leaving_one_speaker_out_makes_a_fold_of_each_dev_speaker():
    data = manifest(people("c", 10))
    parts = split(data, "loso")
    assert len(who(data, parts.exam.test)) == 2
    assert [len(who(data, fold.test)) for fold in parts.folds] == [1] * 8
    assert np.array_equal(parts.exam.test, split(data, "speaker-4").exam.test)


@pytest.mark.parametrize(
    ("speakers", "protocol", "advice"),
    [
        (5, "speaker-2:nested-6", "5 speakers, fewer than the 6 rounds .*fewer rounds or add sp"),
        (6, "speaker-5:nested-2", "6 speakers, 3 without the exam, fewer than the 5 folds.*use"),
        (2, "loso", "2 speakers, 1 without the exam, fewer than the 2 folds of loso: add speakers"),
    ],
)
def test_too_few_speakers_for_the_rounds_are_refused(speakers, protocol, advice):
    with pytest.raises(DatasetError, match=advice):
        split(manifest(people("c", speakers)), protocol)
