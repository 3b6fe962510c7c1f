"""A fold with one speaker, audio or row in both its training and its test part is refused."""

import numpy as np
import pytest
from manifest_making import (
    manifest,
    people,
    split,
    utterance,
)

from serbench.data.protocols import (
    Fold,
    check_fold,
    parse_protocol,
)
from serbench.errors import DatasetError, LeakError

LEAKY = manifest(
    people("c", 4), [utterance("c/00", "anger", 9, "x"), utterance("c/03", "anger", 9, "x")]
)


def rows(*speakers):
    return np.flatnonzero(np.isin(LEAKY.speakers, speakers))


def test_a_fold_with_a_speaker_on_both_sides_leaks():
    fold = Fold(rows("c/00", "c/01")[:-1], rows("c/01")[-1:])
    with pytest.raises(LeakError) as raised:
        check_fold(LEAKY, parse_protocol("speaker-2:holdout"), fold)
    check_fold(LEAKY, parse_protocol("random-2:holdout"), fold)
    assert raised.value.facts["what"] == "speaker"
    assert raised.value.facts["value"] == "c/01"


def test_a_fold_with_the_same_audio_on_both_sides_leaks():
    fold = Fold(rows("c/00", "c/01"), rows("c/02", "c/03"))
    with pytest.raises(LeakError) as raised:
        check_fold(LEAKY, parse_protocol("speaker-2:holdout"), fold)
    check_fold(LEAKY, parse_protocol("speaker-2:holdout"), Fold(rows("c/00", "c/03"), rows("c/01")))
    assert raised.value.facts["what"] == "audio"
    assert raised.value.facts["value"] == "x"


def test_audio_shared_between_corpora_leaks_between_them():
    shared = [
        utterance(f"{corpus}/{person:02}", "anger", 9, f"song {person}")
        for corpus in "ab"
        for person in range(10)
    ]
    with pytest.raises(LeakError) as raised:
        split(manifest(people("a", 10), people("b", 10), people("c", 10), shared), "corpus")
    assert raised.value.facts["what"] == "audio"


@pytest.mark.parametrize("protocol", ["speaker-2:holdout", "random-2:holdout", "corpus"])
def test_a_fold_with_the_same_row_on_both_sides_leaks_under_any_protocol(protocol):
    with pytest.raises(LeakError) as raised:
        check_fold(LEAKY, parse_protocol(protocol), Fold(np.arange(10), np.array([3])))
    assert raised.value.facts["what"] == "row"
    assert raised.value.facts["value"] == 3


def test_a_fold_without_test_clips_is_refused():
    with pytest.raises(DatasetError) as raised:
        check_fold(LEAKY, parse_protocol("speaker-2:holdout"), Fold(rows("c/00"), rows("nobody")))
    assert type(raised.value) is DatasetError
    assert raised.value.facts == {"protocol": "speaker-2:holdout", "dataset": LEAKY.name}
