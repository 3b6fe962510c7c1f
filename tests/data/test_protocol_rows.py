"""Published results depend on these rows: the same name must go on meaning the same split."""

import hashlib

import numpy as np
import pytest
from manifest_making import manifest, people, split, utterance

from serbench.data.protocols import parse_protocol, validation_part

TWINS = [utterance("a/03", "anger", 9, "twin"), utterance("a/08", "anger", 9, "twin")]
DATA = manifest(people("a", 13, takes=2), people("b", 9), TWINS)


def digest(folds):
    rows = hashlib.sha256()
    for fold in folds:
        for side in (fold.train, fold.test):
            rows.update(np.asarray(side, dtype="<i8").tobytes() + b"|")
    return rows.hexdigest()[:16]


@pytest.mark.parametrize(
    ("protocol", "holdout_and_folds", "validation"),
    [
        ("speaker-5", "7606ca8c0b876676", "6d5991987a715b3e"),
        ("speaker-3@7", "fac792c1cfaba20f", "6f609e322e3adb5a"),
        ("speaker-10", "4e2e9bcab6ca0b23", "6d5991987a715b3e"),
        ("random-5", "8a8501f68b3145c2", "52f299c07a052b2c"),
        ("random-4@2", "baac98fdcd4890e3", "4e276dd780dfed45"),
    ],
)
def test_a_protocol_splits_to_the_row_as_it_did_in_0_1(protocol, holdout_and_folds, validation):
    protocol = f"{protocol}:holdout"
    parts = split(DATA, protocol)
    assert len(parts.outer_folds) == 1
    assert digest([parts.holdout, *parts.folds]) == holdout_and_folds
    part = validation_part(DATA, parse_protocol(protocol), parts.holdout.train, 11)
    assert digest([part]) == validation
