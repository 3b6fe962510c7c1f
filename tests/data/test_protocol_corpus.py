"""The protocol ``corpus``: each corpus is tested by networks that were trained on the others."""

import numpy as np
import pytest
from manifest_making import manifest, people, split

from serbench.errors import DatasetError

THREE_CORPORA = manifest(people("a", 6), people("b", 7), people("c", 8))


def corpora(fold):
    """Those that a fold trains on, and those that it tests."""
    return tuple(set(THREE_CORPORA.corpora[side].tolist()) for side in (fold.train, fold.test))


def test_each_corpus_is_the_holdout_in_turn_and_each_other_one_a_fold_of_the_search():
    outer_folds = split(THREE_CORPORA, "corpus").outer_folds
    assert [corpora(outer.holdout) for outer in outer_folds] == [
        ({"b", "c"}, {"a"}),
        ({"a", "c"}, {"b"}),
        ({"a", "b"}, {"c"}),
    ]
    for outer in outer_folds:
        searched, tested = corpora(outer.holdout)
        assert {tuple(map(tuple, corpora(fold))) for fold in outer.folds} == {
            ((trained,), (other,)) for trained in searched for other in searched - {trained}
        }
        assert sum(len(fold.test) for fold in outer.folds) == len(outer.holdout.train)
        assert len(outer.holdout.test) == np.sum(THREE_CORPORA.corpora == next(iter(tested)))


def test_a_named_corpus_is_the_only_holdout():
    named, each = (split(THREE_CORPORA, name).outer_folds for name in ("corpus:b", "corpus"))
    assert len(named) == 1
    for mine, its in zip(
        (named[0].holdout, *named[0].folds), (each[1].holdout, *each[1].folds), strict=True
    ):
        assert np.array_equal(mine.train, its.train)
        assert np.array_equal(mine.test, its.test)


def test_a_corpus_that_the_dataset_lacks_cannot_be_tested():
    with pytest.raises(DatasetError) as raised:
        split(THREE_CORPORA, "corpus:tess")
    assert raised.value.facts == {
        "protocol": "corpus:tess",
        "dataset": "some",
        "corpora": ("a", "b", "c"),
    }


@pytest.mark.parametrize("protocol", ["corpus", "corpus:a"])
@pytest.mark.parametrize("others", [[], people("b", 7)], ids=["one corpus", "two corpora"])
def test_two_corpora_are_too_few_for_the_search(protocol, others):
    with pytest.raises(DatasetError) as raised:
        split(manifest(people("a", 6), others), protocol)
    assert type(raised.value) is DatasetError
    assert raised.value.facts["corpora"] == ("a", "b")[: 1 + bool(others)]
