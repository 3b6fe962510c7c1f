"""Published protocols test all of their speakers and no others."""

import pytest
from error_facts import values_in
from manifest_making import manifest, people, split, utterance, who
from protocol_making import corpus_of

from serbench.data.protocols import PUBLISHED
from serbench.errors import DatasetError, LeakError
from serbench.plugins import Plugins

INSTEAD = ("--protocol", "speaker-5")
"""The advice for an incomplete dataset."""


def holdouts(name, data):
    return [sorted(who(data, part.holdout.test)) for part in split(data, name).outer_folds]


@pytest.mark.parametrize(
    ("name", "speakers", "groups"),
    [
        ("ravdess/emobox-6", 24, [4] * 6),
        ("ravdess/luna-5", 24, [5, 5, 5, 5, 4]),
        ("emodb/loso", 10, [1] * 10),
        ("iemocap/session-5", 10, [2] * 5),
    ],
)
def test_each_speaker_of_the_corpus_is_named_once(name, speakers, groups):
    published = PUBLISHED[name]
    assert [len(holdout) for holdout in published.holdouts] == groups
    assert len(set(published.speakers)) == len(published.speakers) == speakers


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_named_speakers_are_those_that_the_corpus_plugin_makes(name):
    corpus = Plugins().corpora.get(PUBLISHED[name].corpus)
    assert sorted(PUBLISHED[name].speakers) == sorted(
        f"{corpus.name}/{speaker}" for speaker in corpus.sexes
    )


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_outer_folds_test_the_named_groups_in_their_order(name):
    published = PUBLISHED[name]
    assert holdouts(name, manifest(corpus_of(name))) == [
        sorted(f"{published.corpus}/{speaker}" for speaker in holdout)
        for holdout in published.holdouts
    ]


def test_emobox_tests_these_four_actors_first():
    data = manifest(corpus_of("ravdess/emobox-6"))
    assert holdouts("ravdess/emobox-6", data)[0] == [
        f"ravdess/{n}" for n in ("01", "11", "20", "21")
    ]


@pytest.mark.parametrize(
    ("name", "folds"),
    [("ravdess/emobox-6", 5), ("ravdess/luna-5", 4), ("emodb/loso", 5), ("iemocap/session-5", 4)],
)
def test_the_search_folds_whole_groups_into_five_at_most(name, folds):
    data = manifest(corpus_of(name))
    groups = [
        {f"{PUBLISHED[name].corpus}/{one}" for one in holdout}
        for holdout in PUBLISHED[name].holdouts
    ]
    for part in split(data, name).outer_folds:
        assert len(part.folds) == folds
        for fold in part.folds:
            tested = who(data, fold.test)
            assert all(group <= tested or group.isdisjoint(tested) for group in groups)


@pytest.mark.parametrize("name", PUBLISHED)
def test_an_incomplete_dataset_is_refused_with_the_missing_speaker(name):
    lacking = PUBLISHED[name].speakers[-1]
    clips = [clip for clip in corpus_of(name) if clip.speaker != lacking]
    with pytest.raises(DatasetError) as refusal:
        split(manifest(clips), name)
    everyone = str(len(PUBLISHED[name].speakers))
    assert values_in(refusal.value) == {name, everyone, lacking.partition("/")[2], *INSTEAD}


def test_all_missing_speakers_are_named():
    clips = [clip for clip in corpus_of("ravdess/luna-5") if int(clip.speaker[-2:]) <= 20]
    with pytest.raises(DatasetError) as refusal:
        split(manifest(clips), "ravdess/luna-5")
    assert values_in(refusal.value) == {"ravdess/luna-5", "21", "22", "23", "24", *INSTEAD}


@pytest.mark.parametrize("stranger", ["ravdess/25", "other/01"])
def test_a_dataset_with_other_speakers_is_refused(stranger):
    clips = [*corpus_of("ravdess/emobox-6"), utterance(stranger, "anger")]
    with pytest.raises(DatasetError) as refusal:
        split(manifest(clips), "ravdess/emobox-6")
    assert values_in(refusal.value) == {"ravdess/emobox-6", stranger, "--corpus", "--dataset"}


def test_another_corpus_alone_is_refused():
    with pytest.raises(DatasetError) as refusal:
        split(manifest(people("ravdess", 5)), "emodb/loso")
    everyone = {speaker.partition("/")[2] for speaker in PUBLISHED["emodb/loso"].speakers}
    assert values_in(refusal.value) == {"emodb/loso", "10", *everyone, *INSTEAD}


def test_identical_audio_in_two_published_holdouts_leaks():
    twins = [utterance(f"emodb/{n}", "anger", 9, "twin") for n in ("03", "16")]
    with pytest.raises(LeakError) as raised:
        split(manifest(corpus_of("emodb/loso"), twins), "emodb/loso")
    assert (raised.value.facts["what"], raised.value.facts["value"]) == ("audio", "twin")
