"""Which training rows are held out for validation: whole speakers, where there are enough."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from manifest_making import HELD_APART, manifest, people, ragged_manifests, who

from serbench.data.protocols import linked_speakers, parse_protocol, validation_part


@given(ragged_manifests(), HELD_APART, st.integers(0, 9))
@settings(deadline=None, max_examples=100)
def test_the_validation_part_takes_whole_speakers_of_the_training_rows(data, protocol, seed):
    train = np.flatnonzero(data.corpora == "a")
    units = linked_speakers(data)[train]
    emotions = set(data.targets[train].tolist())
    spare = [
        u for u in set(units.tolist()) if set(data.targets[train[units != u]].tolist()) == emotions
    ]
    if len(set(units.tolist())) < 3 or not spare:
        return
    part = validation_part(data, protocol, train, seed)
    assert set(data.targets[part.train].tolist()) == emotions
    assert sorted([*part.train, *part.test]) == train.tolist()
    assert len(part.train) > 0
    assert len(part.test) > 0
    assert who(data, part.train).isdisjoint(who(data, part.test))


def test_with_two_training_speakers_the_validation_part_takes_clips_of_each_emotion():
    data = manifest(people("c", 2, takes=7))
    everyone = np.arange(len(data))
    part = validation_part(data, parse_protocol("speaker-2:holdout"), everyone, 0)
    assert sorted([*part.train, *part.test]) == everyone.tolist()
    assert np.bincount(data.targets[part.test]).tolist() == [2, 2, 2]


def test_a_random_protocol_validates_on_clips_too():
    data = manifest(people("c", 10, takes=2))
    part = validation_part(data, parse_protocol("random-5:holdout"), np.arange(len(data)), 0)
    assert who(data, part.train) & who(data, part.test)


def test_the_validation_part_depends_on_its_seed_alone():
    data = manifest(people("c", 20))
    train = np.arange(30)
    protocol = parse_protocol("speaker-5:holdout")
    held_out = [validation_part(data, protocol, train, seed).test.tolist() for seed in range(10)]
    assert held_out[3] == validation_part(data, protocol, train, 3).test.tolist()
    assert len({tuple(rows) for rows in held_out}) > 3
