"""The leak audit counts the overlap of training and test."""

from dataclasses import replace

import numpy as np
import pytest
from manifest_making import manifest, people, split, utterance

from serbench.data.protocols import Fold, OuterFold, Split
from serbench.data.protocols.audit import audit

DATA = manifest(people("c", 10))


def picture(*numbers):
    """Fingerprints of length 1, alike where the numbers are."""
    found = np.zeros((len(numbers), max(numbers) + 1), dtype=np.float32)
    found[np.arange(len(numbers)), numbers] = 1
    return found


def only(data, train, test, fingerprints=None):
    """The overlap of one holdout of two rows lists."""
    holdout = Fold(np.array(train), np.array(test))
    (found,) = audit(data, Split((OuterFold(holdout, ()),)), fingerprints).overlaps
    return found


def with_sentences(*sentences):
    clips = [
        replace(clip, sentence=sentence)
        for clip, sentence in zip(DATA.utterances, sentences, strict=False)
    ]
    return replace(DATA, utterances=tuple(clips))


def test_every_holdout_and_fold_of_every_round_is_audited():
    found = audit(DATA, split(DATA, "speaker-2:nested-2")).overlaps
    assert [(one.outer_fold, one.fold) for one in found] == [
        *((0, "holdout"), (0, 0), (0, 1), (1, "holdout"), (1, 0), (1, 1))
    ]


def test_a_split_with_speakers_apart_shares_neither_speakers_nor_audio():
    for found in audit(DATA, split(DATA, "speaker-3:holdout")).overlaps:
        assert (found.speakers, found.identical) == ((), ())


def test_shared_speakers_are_named():
    rows = np.flatnonzero(np.isin(DATA.speakers, ["c/01", "c/04"]))
    found = only(DATA, rows[::2], rows[1::2])
    assert found.speakers == ("c/01", "c/04")


def test_tested_clips_whose_audio_is_trained_on_are_found():
    twins = [utterance("c/02", "anger", 9, "twin"), utterance("c/07", "fear", 9, "twin")]
    data = manifest(people("c", 10), twins)
    one, other = np.flatnonzero(data.audio_hashes == "twin")
    found = only(data, [0, 1, one], [2, other])
    assert found.identical == (other,)


def test_near_identical_audio_is_found_across_the_sides_only():
    found = only(DATA, [0, 1, 4], [2, 3], picture(0, 1, 1, 2, 1, *range(3, 28)))
    assert found.near_identical == ((1, 2, 1.0), (4, 2, 1.0))
    assert found.near_identical_clips == 1


def test_a_pair_has_the_training_clip_first():
    found = only(DATA, [2], [0, 1], picture(0, 1, 1, *range(2, 29)))
    assert found.near_identical == ((2, 1, 1.0),)


def test_identical_audio_is_not_counted_as_near_identical_too():
    clips = list(DATA.utterances)
    clips[2] = replace(clips[2], audio_hash=clips[1].audio_hash)
    data = replace(DATA, utterances=tuple(clips))
    found = only(data, [1], [2], picture(0, 1, 1, *range(2, 29)))
    assert (found.identical, found.near_identical) == ((2,), ())


def test_without_fingerprints_near_identical_audio_is_none():
    found = only(DATA, [0], [1])
    assert found.near_identical is None
    assert found.near_identical_clips is None


def test_the_share_of_test_sentences_in_training():
    data = with_sentences("one", "two", "one", "three", None)
    assert only(data, [0, 1], [2, 3]).sentences == 0.5
    assert only(data, [0, 1], [2, 3, 4]).sentences == 0.5
    assert only(data, [0, 1], [3]).sentences == 0.0


@pytest.mark.parametrize("sentences", [(None, None), ("one", None)])
def test_without_named_sentences_the_share_is_none(sentences):
    assert only(with_sentences(*sentences), [0], [1]).sentences is None


def test_sentences_of_two_corpora_are_not_the_same():
    clips = [replace(utterance(f"{corpus}/1", "anger"), sentence="one") for corpus in ("a", "b")]
    assert only(manifest(clips), [0], [1]).sentences == 0.0
