"""Every speaker-independent protocol refuses a split with a leak."""

from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import pytest
from manifest_making import manifest, people
from protocol_making import by_speaker, corpus_of, folds_table

from serbench.data.protocols import (
    LISTED,
    PUBLISHED,
    Fold,
    OuterFold,
    parse_protocol,
    split_dataset,
    splits,
)
from serbench.errors import LeakError


@contextmanager
def refused(what):
    """A leak of that kind is refused, by name."""
    with pytest.raises(LeakError) as raised:
        yield
    assert raised.value.facts["what"] == what


RULES = (
    *("speaker-3", "speaker-3:holdout", "speaker-3:nested-3"),
    *("loso", "loso:holdout", "loso:nested-4", "corpus", "corpus:b"),
)
NAMES = (*RULES, *PUBLISHED, "folds:FILE")
MADE = manifest(*(people(corpus, 6, takes=2) for corpus in "abc"))


@pytest.fixture(params=NAMES)
def promised(request, tmp_path):
    """A speaker-independent protocol, a dataset for it, and its outer folds without leaks."""
    name = request.param
    data = manifest(corpus_of(name, takes=2)) if name in PUBLISHED else MADE
    if name == "folds:FILE":
        name = f"folds:{folds_table(tmp_path / 'folds.csv', data, by_speaker(4))}"
    protocol = parse_protocol(name)
    assert protocol.speaker_disjoint
    return protocol, data, split_dataset(data, protocol).outer_folds


def leaky(monkeypatch, outer_folds):
    """Have the splitter give these outer folds."""
    monkeypatch.setattr(splits, "outer_folds_of", lambda manifest, protocol: iter(outer_folds))


def changed(outer_folds, number, place, change):
    """The outer folds with one fold changed; ``place`` is None for the holdout."""
    part = outer_folds[number]
    if place is None:
        part = OuterFold(change(part.holdout), part.folds)
    else:
        folds = list(part.folds)
        folds[place] = change(folds[place])
        part = OuterFold(part.holdout, tuple(folds))
    return [*outer_folds[:number], part, *outer_folds[number + 1 :]]


def everywhere(outer_folds):
    """Each holdout, if any, and each fold of each outer fold, as number and place."""
    for number, part in enumerate(outer_folds):
        if len(part.holdout.test):
            yield number, None
        for place in range(len(part.folds)):
            yield number, place


def one_clip_moved(fold):
    """A tested speaker's last clip is trained on."""
    return Fold(np.append(fold.train, fold.test[-1]), fold.test[:-1])


def test_every_speaker_independent_rule_is_tested_here():
    forms = {name for name, sentence in LISTED if "speaker-dependent" not in sentence}
    bases = {name.partition(":nested")[0].removesuffix(":holdout") for name in RULES}
    tried = {name.replace("-3", "-K") for name in bases}
    tried = {name.replace(":b", ":NAME") for name in tried}
    assert tried | {*PUBLISHED, "folds:FILE"} == forms


def test_a_speaker_on_both_sides_is_refused_in_every_holdout_and_fold(promised, monkeypatch):
    protocol, data, outer_folds = promised
    for number, place in everywhere(outer_folds):
        leaky(monkeypatch, changed(outer_folds, number, place, one_clip_moved))
        with refused("speaker"):
            split_dataset(data, protocol)


def test_identical_audio_on_both_sides_is_refused_in_every_holdout_and_fold(promised, monkeypatch):
    protocol, data, outer_folds = promised
    leaky(monkeypatch, outer_folds)
    for number, place in everywhere(outer_folds):
        fold = outer_folds[number].holdout if place is None else outer_folds[number].folds[place]
        clips = list(data.utterances)
        twin = clips[fold.train[0]].audio_hash
        clips[fold.test[0]] = replace(clips[fold.test[0]], audio_hash=twin)
        with refused("audio"):
            split_dataset(replace(data, utterances=tuple(clips)), protocol)


def test_a_row_of_the_holdout_in_the_search_is_refused_in_every_fold(promised, monkeypatch):
    protocol, data, outer_folds = promised
    if not len(outer_folds[0].holdout.test):
        pytest.skip("nothing is set aside")
    for number, place in everywhere(outer_folds):
        if place is not None:
            tested = outer_folds[number].holdout.test

            def look(fold, tested=tested):
                return Fold(np.append(fold.train, tested), fold.test)

            leaky(monkeypatch, changed(outer_folds, number, place, look))
            with refused("row"):
                split_dataset(data, protocol)


def test_an_honest_split_is_not_refused(promised, monkeypatch):
    protocol, data, outer_folds = promised
    leaky(monkeypatch, outer_folds)
    assert split_dataset(data, protocol).outer_folds == outer_folds


@pytest.mark.parametrize("name", ["random-3:holdout", "random-3:nested-3"])
def test_a_speaker_dependent_protocol_keeps_the_holdout_out_of_the_search(name, monkeypatch):
    protocol = parse_protocol(name)
    outer_folds = split_dataset(MADE, protocol).outer_folds
    tested = outer_folds[0].holdout.test
    leaky(
        monkeypatch,
        changed(outer_folds, 0, 1, lambda fold: Fold(np.append(fold.train, tested), fold.test)),
    )
    with refused("row"):
        split_dataset(MADE, protocol)
