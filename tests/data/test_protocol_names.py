"""A protocol is read from its name, and a mistyped one is answered."""

import pytest
from error_facts import values_in, words_in
from hypothesis import given, settings
from hypothesis import strategies as st

from serbench.data.protocols import (
    PUBLISHED,
    Protocol,
    describe,
    is_speaker_dependent,
    parse_protocol,
    without_folder,
)
from serbench.errors import UnknownNameError, UsageError


@given(
    st.one_of(
        st.builds(
            Protocol,
            st.sampled_from(["speaker", "random"]),
            st.integers(2, 10**6),
            st.integers(0, 10**6),
            st.none() | st.integers(2, 10**3),
        ),
        st.builds(
            Protocol,
            st.just("loso"),
            st.none(),
            st.integers(0, 10**6),
            st.none() | st.integers(2, 10**3),
        ),
        st.builds(
            Protocol,
            st.sampled_from(["speaker", "random"]),
            st.integers(2, 10**6),
            st.integers(0, 10**6),
            holdout=st.just(True),
        ),
        st.builds(Protocol, st.sampled_from(["corpus", *PUBLISHED]), st.none()),
        st.builds(
            Protocol, st.just("corpus"), st.none(), corpus=st.sampled_from(["tess", "crema-d"])
        ),
    )
)
@settings(deadline=None, max_examples=50)
def test_a_protocol_is_read_from_its_own_name(protocol):
    assert parse_protocol(protocol.name) == protocol


def test_the_first_seed_is_not_written():
    assert parse_protocol("speaker-5@0").name == "speaker-5"
    assert parse_protocol("loso@0:nested-4").name == "loso:nested-4"


@pytest.mark.parametrize(
    ("name", "seed", "holdout"),
    [("speaker-5", 0, False), ("speaker-5:holdout", 0, True), ("speaker-5@1:holdout", 1, True)],
)
def test_a_holdout_is_set_aside_only_where_the_name_asks_for_it(name, seed, holdout):
    found = parse_protocol(name)
    assert (found.k, found.seed, found.nested, found.holdout) == (5, seed, None, holdout)
    assert found.name == name


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("speeker-5", "speaker-5"),
        ("speaker", "speaker-5"),
        ("speaker5", "speaker-5"),
        ("random_10", "random-10"),
        ("corpora", "corpus"),
        ("corpus-5", "corpus"),
        ("corpus@3", "corpus"),
        ("corpus:tess@3", "corpus:NAME"),
        ("Speaker-5", "speaker-5"),
        ("speaker-5@", "speaker-5"),
        ("speaker--5", "speaker-5"),
        ("speaker-5:nested", "speaker-5"),
        ("speaker-5:nested-4@1", "speaker-5"),
        ("speaker-5:holdout@1", "speaker-5"),
        ("speaker-5:holdouts", "speaker-5"),
        ("losso", "loso"),
        ("ravdess/emobox6", "ravdess/emobox-6"),
        ("ravdess/luna-5@1", "ravdess/luna-5"),
        ("folds", "folds:FILE"),
    ],
)
def test_a_mistyped_protocol_is_answered_with_the_nearest(typed, meant):
    with pytest.raises(UnknownNameError) as refusal:
        parse_protocol(typed)
    assert meant in refusal.value.nearest


@pytest.mark.parametrize("typed", ["speaker-1", "random-0", "speaker-1@7"])
def test_fewer_than_two_folds_are_no_cross_validation(typed):
    with pytest.raises(UsageError) as refusal:
        parse_protocol(typed)
    assert type(refusal.value) is UsageError
    assert values_in(refusal.value) == {typed, f"{typed.partition('-')[0]}-5"}


@pytest.mark.parametrize("typed", ["speaker-5:nested-1", "loso:nested-0"])
def test_fewer_than_two_outer_folds_are_not_nested(typed):
    with pytest.raises(UsageError) as refusal:
        parse_protocol(typed)
    assert type(refusal.value) is UsageError
    assert values_in(refusal.value) == {typed, f"{typed.partition(':')[0]}:nested-4"}


@pytest.mark.parametrize(
    "name",
    [
        *("ravdess/luna-5", "folds:some.csv", "random-folds:some.csv"),
        *("corpus", "corpus:tess", "speaker-5:holdout", "loso@1:nested-3"),
    ],
)
@pytest.mark.parametrize("tests", ["nested-4", "holdout"])
def test_a_protocol_that_defines_its_own_tests_takes_no_others(name, tests):
    with pytest.raises(UsageError) as refusal:
        parse_protocol(f"{name}:{tests}")
    assert type(refusal.value) is UsageError
    assert values_in(refusal.value, f"'{name}'") == {"--nested"}, "no other name"


def test_appending_nested_to_a_name_gives_a_name():
    assert parse_protocol(parse_protocol("speaker-5@3").name + ":nested-4").nested == 4


@pytest.mark.parametrize(
    ("name", "numbers", "units"),
    [
        ("speaker-5", {"5"}, {"speaker"}),
        ("speaker-5:holdout", {"5"}, {"speaker"}),
        ("random-3:nested-4", {"4", "3"}, {"clip", "speaker"}),
        ("corpus", set(), {"corpus"}),
        ("corpus:tess", set(), {"corpus"}),
        ("loso", set(), {"speaker"}),
        ("iemocap/session-5", set(), {"IEMOCAP", "speaker"}),
    ],
)
def test_a_protocol_is_described_in_a_sentence(name, numbers, units):
    sentence = describe(parse_protocol(name))
    assert values_in(sentence) == numbers
    words = {word if word == "corpus" else word.removesuffix("s") for word in words_in(sentence)}
    assert words & {"speaker", "clip", "corpus", "IEMOCAP"} == units
    assert "\n" not in sentence


ENDS = ("", ":holdout", ":nested-5")


def test_no_two_protocols_are_described_alike():
    rules = [f"{rule}{end}" for rule in ("speaker-5", "random-5", "loso") for end in ENDS]
    names = (*rules, "corpus", *PUBLISHED)
    assert len({describe(parse_protocol(name)) for name in names}) == len(names)


def test_a_name_for_readers_elsewhere_has_no_folder():
    assert without_folder("folds:/some/where/mine.csv#01234567") == "folds:mine.csv#01234567"
    assert without_folder("random-folds:mine.csv") == "random-folds:mine.csv"
    assert without_folder("ravdess/emobox-6") == "ravdess/emobox-6"
    assert without_folder("speaker-5@1:nested-4") == "speaker-5@1:nested-4"


@pytest.mark.parametrize(
    "name",
    [
        *(*PUBLISHED, "speaker-5", "speaker-5:holdout", "random-5@1:nested-2", "random-5:holdout"),
        *("corpus", "corpus:tess", "loso:nested-3"),
    ],
)
def test_a_name_is_speaker_dependent_as_its_protocol_is(name):
    assert is_speaker_dependent(name) != parse_protocol(name).speaker_disjoint
    assert is_speaker_dependent("random-folds:gone.csv#01234567")
    assert not is_speaker_dependent("folds:random-5.csv#01234567")
