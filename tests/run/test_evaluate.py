"""Which clips an entry was trained on, through all that its weights began from."""

import numpy as np
import pytest
from making.entries import add_entry

from serbench.data.protocols import parse_protocol, split_dataset
from serbench.run.evaluate import trained_on
from serbench.store.systems import find_system, shipped_artifact

PROTOCOLS = ("speaker-2:holdout", "speaker-2@1")


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
