"""A protocol is read from its name, and a mistyped one is answered."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serbench.data.protocols import Protocol, parse_protocol
from serbench.errors import UnknownNameError, UsageError


@given(
    st.one_of(
        st.builds(
            Protocol,
            st.sampled_from(["speaker", "random"]),
            st.integers(2, 10**6),
            st.integers(0, 10**6),
        ),
        st.builds(Protocol, st.just("corpus"), st.none(), st.integers(0, 10**6)),
    )
)
@settings(deadline=None, max_examples=50)
def test_a_protocol_is_read_from_its_own_name(protocol):
    assert parse_protocol(protocol.name) == protocol


def test_the_first_seed_is_not_written():
    assert parse_protocol("speaker-5@0").name == "speaker-5"
    assert parse_protocol("corpus@3").name == "corpus@3"


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("speeker-5", "speaker-5"),
        ("speaker", "speaker-5"),
        ("speaker5", "speaker-5"),
        ("random_10", "random-10"),
        ("corpora", "corpus"),
        ("corpus-5", "corpus"),
        ("Speaker-5", "speaker-5"),
        ("speaker-5@", "speaker-5"),
        ("speaker--5", "speaker-5"),
    ],
)
def test_a_mistyped_protocol_is_answered_with_the_nearest(typed, meant):
    with pytest.raises(UnknownNameError) as refusal:
        parse_protocol(typed)
    assert meant in refusal.value.nearest


@pytest.mark.parametrize("typed", ["speaker-1", "random-0", "speaker-1@7"])
def test_fewer_than_two_folds_are_no_cross_validation(typed):
    with pytest.raises(UsageError, match="fewer than two folds: try"):
        parse_protocol(typed)
