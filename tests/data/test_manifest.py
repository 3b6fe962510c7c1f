"""A manifest is an ordered, harmonised, hashed set of utterances."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serbench.data.manifest import Manifest, Utterance, make_manifest


def utterance(speaker="c/a", emotion="anger", audio="0", corpus="c", path="", frames=16000):
    return Utterance(
        path=path or f"/in/{audio}.wav",
        corpus=corpus,
        speaker=speaker,
        emotion=emotion,
        label=emotion[:3],
        audio_hash=audio,
        sample_rate=16000,
        channels=1,
        frames=frames,
    )


FOUR = [
    utterance("c/b", "fear", "3"),
    utterance("c/a", "sadness", "1"),
    utterance("c/a", "anger", "2"),
    utterance("d/a", "fear", "4", corpus="d", frames=48000),
]


@given(st.permutations(FOUR))
@settings(deadline=None, max_examples=20)
def test_the_order_of_a_manifest_comes_from_its_utterances(utterances):
    assert make_manifest("m", utterances) == make_manifest("m", FOUR)


def test_emotions_are_those_that_occur_in_canonical_order():
    assert make_manifest("m", FOUR).emotions == ("sadness", "anger", "fear")


def test_columns_follow_the_utterances():
    manifest = make_manifest("m", FOUR)
    assert [manifest.emotions[code] for code in manifest.targets] == [
        u.emotion for u in manifest.utterances
    ]
    assert manifest.speakers.tolist() == [u.speaker for u in manifest.utterances]
    assert manifest.corpora.tolist() == [u.corpus for u in manifest.utterances]
    assert manifest.audio_hashes.tolist() == [u.audio_hash for u in manifest.utterances]
    assert manifest.targets.dtype == np.int64


def test_neither_paths_nor_the_name_count_in_the_hash():
    moved = [replace(u, path=f"/else/where/{number}.flac") for number, u in enumerate(FOUR)]
    assert make_manifest("n", moved).hash == make_manifest("m", FOUR).hash


@pytest.mark.parametrize("what", ["corpus", "speaker", "emotion", "audio_hash"])
def test_each_part_of_an_identity_counts_in_the_hash(what):
    changed = [replace(FOUR[0], **{what: "calm"}), *FOUR[1:]]
    assert make_manifest("m", changed).hash != make_manifest("m", FOUR).hash


def test_the_hash_of_a_known_manifest_stays_what_it_was():
    assert make_manifest("m", FOUR).hash[:16] == "26d926d557bc2a37"


def test_the_summary_counts_and_adds_up():
    summary = make_manifest("m", FOUR, synthetic=True).summary()
    assert summary["utterances"] == 4
    assert summary["synthetic"] is True
    assert summary["by_corpus"] == {"c": 3, "d": 1}
    assert summary["by_emotion"] == {"sadness": 1, "anger": 1, "fear": 2}
    assert summary["by_corpus_and_emotion"] == {
        "c": {"sadness": 1, "anger": 1, "fear": 1},
        "d": {"sadness": 0, "anger": 0, "fear": 1},
    }
    assert (summary["speakers"], summary["speakers_by_corpus"]) == (3, {"c": 2, "d": 1})
    assert summary["hours"] == pytest.approx(6 / 3600)
    assert summary["hours_by_corpus"] == pytest.approx({"c": 3 / 3600, "d": 3 / 3600})
    assert summary["mean_seconds"] == 1.5
    assert summary["sample_rates"] == {"16000": 4}


def test_a_manifest_is_as_long_as_its_utterances():
    assert len(make_manifest("m", FOUR)) == 4
    assert len(Manifest("none", ())) == 0
