"""Tests of entries on other datasets: which clips are tested, and how their logits are kept."""

import numpy as np
import pytest
from making.entries import add_entry
from making.records import utterance

from serbench.data.manifest import make_manifest
from serbench.data.protocols import parse_protocol, split_dataset
from serbench.errors import DatasetError
from serbench.store.datasets import Datasets
from serbench.store.entries import delete_entry
from serbench.store.evaluations import Evaluations, trained_on
from serbench.store.housekeeping import delete_dataset
from serbench.store.schema import PredictionRow
from serbench.store.systems import find_system, shipped_artifact
from serbench.views.reading import entry_view

PROTOCOLS = ("speaker-2:holdout", "speaker-2@1:holdout")


@pytest.fixture
def entries(database, made):
    """A dataset and two entries on it, whose holdouts are of other speakers."""
    manifest = made.manifest()
    return manifest, [add_entry(database, made, manifest, protocol=each) for each in PROTOCOLS]


def speakers_of(manifest, clips):
    return set(manifest.speakers[clips].tolist())


def trained_by(manifest, protocol):
    [outer] = split_dataset(manifest, parse_protocol(protocol)).outer_folds
    return speakers_of(manifest, outer.holdout.train)


def test_an_entry_was_trained_on_all_speakers_but_its_holdouts(database, entries):
    manifest, numbers = entries
    first, second = (trained_by(manifest, protocol) for protocol in PROTOCOLS)
    assert first != second, "otherwise nothing is tested here"
    for number, expected in zip(numbers, (first, second), strict=True):
        assert speakers_of(manifest, trained_on(manifest, number, database)) == expected


def test_what_its_weights_began_from_counts_too(database, entries):
    manifest, (parent, child) = entries
    with database.session() as session:
        rows = [shipped_artifact(session, find_system(session, each)) for each in (parent, child)]
        rows[1].parent = rows[0]
    found = speakers_of(manifest, trained_on(manifest, child, database))
    assert found == set.union(*(trained_by(manifest, protocol) for protocol in PROTOCOLS))


def test_the_same_audio_by_another_name_counts_too(database, entries, made):
    manifest, (number, _) = entries
    renamed = np.char.add("other-", manifest.speakers)
    other = made.manifest("other")
    assert set(other.audio_hashes) == set(manifest.audio_hashes)
    assert not set(renamed) & set(manifest.speakers)
    expected = trained_on(manifest, number, database)
    assert np.array_equal(trained_on(other, number, database), expected)


@pytest.fixture
def other(database, made):
    """A dataset of three further speakers, two of the entries' emotions and one more."""
    emotions = ("fear", "anger", "boredom")
    clips = [utterance(s, emotion, "/other", 0) for s in (11, 12, 13) for emotion in emotions]
    manifest = make_manifest("other", clips)
    Datasets(database).save_scan(made.scanned(manifest))
    return manifest


def some_logits(clips, chance=0):
    shape = len(clips.rows), len(clips.trained)
    return np.random.default_rng(chance).normal(size=shape).astype(np.float32)


def stored(database):
    with database.session() as session:
        return session.query(PredictionRow).count()


def test_clips_of_common_emotions_are_tested(database, entries, other):
    clips = Evaluations(database).clips(1, "other")
    assert clips.emotions == ("anger", "fear")
    assert clips.trained == tuple(entries[0].emotions)
    assert (len(clips.rows), clips.left_out) == (6, 0)
    named = [clips.emotions[place] for place in clips.targets]
    assert named == [other.utterances[row].emotion for row in clips.rows]
    logits = some_logits(clips)
    assert np.array_equal(clips.common(logits)[:, 0], logits[:, clips.trained.index("anger")])


def test_logits_are_kept_for_each_entry_and_replaced(database, entries, other):
    evaluations, first = Evaluations(database), entry_view(database, 1)
    clips, same = (evaluations.clips(number, "other") for number in entries[1])
    assert evaluations.logits(clips) is None
    for chance in (0, 1):
        evaluations.save(clips, some_logits(clips, chance))
        assert np.array_equal(evaluations.logits(clips), some_logits(clips, chance))
    assert evaluations.logits(same) is None, "another entry"
    assert entry_view(database, 1) == first


def test_after_another_scan_the_entry_is_tested_again(database, entries, other, made):
    evaluations = Evaluations(database)
    clips = evaluations.clips(1, "other")
    evaluations.save(clips, some_logits(clips))
    fewer = make_manifest("other", other.utterances[:-1])
    Datasets(database).save_scan(made.scanned(fewer))
    assert evaluations.logits(evaluations.clips(1, "other")) is None


@pytest.mark.parametrize("what", ["dataset", "entry"])
def test_the_logits_are_deleted_with_dataset_and_entry(database, entries, other, tmp_path, what):
    before, evaluations = stored(database), Evaluations(database)
    clips = evaluations.clips(1, "other")
    evaluations.save(clips, some_logits(clips))
    assert stored(database) == before + 1
    if what == "dataset":
        delete_dataset(database, "other", tmp_path / "clips")
        assert stored(database) == before
    else:
        delete_entry(database, 1, tmp_path / "artifacts")
        delete_dataset(database, "other", tmp_path / "clips")


def test_without_two_common_emotions_entry_and_dataset_are_named(database, entries, made):
    one = [utterance(s, name, "/one", 0) for s in (11, 12) for name in ("fear", "calm", "boredom")]
    Datasets(database).save_scan(made.scanned(make_manifest("one", one)))
    with pytest.raises(DatasetError) as refusal:
        Evaluations(database).clips(1, "one")
    assert refusal.value.facts == {"number": 1, "dataset": "one", "common": ("fear",)}
