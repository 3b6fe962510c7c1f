"""The default length of clips, and what lengths cut and pad."""

from dataclasses import dataclass
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serbench.data.clip_lengths import default_seconds, length_effect, length_effects


@dataclass(frozen=True)
class Recording:
    frames: int
    sample_rate: int = 1000


recordings = st.lists(
    st.builds(Recording, st.integers(1, 400_000), st.sampled_from([8000, 16000, 22050, 48000])),
    min_size=1,
    max_size=40,
)


@given(recordings)
def test_the_default_holds_nine_in_ten_whole_and_no_shorter_one_does(some):
    def held(seconds):
        return sum(Fraction(each.frames, each.sample_rate) <= seconds for each in some)

    tenths = round(10 * default_seconds(some))
    assert default_seconds(some) == tenths / 10
    assert 3 <= tenths <= 100
    if tenths < 100:
        assert 10 * held(Fraction(tenths, 10)) >= 9 * len(some)
    if tenths > 3:
        assert 10 * held(Fraction(tenths - 1, 10)) < 9 * len(some)


@pytest.mark.parametrize(
    ("frames", "seconds"),
    [
        ([*range(1000, 11_000, 1000)], 9.0),
        ([3700], 3.7),
        ([3701], 3.8),
        ([20_000] * 10, 10.0),
        ([100] * 10, 0.3),
        ([1000] * 9 + [60_000], 1.0),
    ],
)
def test_examples(frames, seconds):
    assert default_seconds([Recording(each) for each in frames]) == seconds


def test_a_length_cuts_what_is_longer_and_pads_what_is_shorter():
    found = length_effect([Recording(1000), Recording(2000), Recording(5000)], 2.0)
    assert (found.cut, found.padded) == (1, 1)
    assert found.lost == pytest.approx(3 / 8)
    assert found.added == pytest.approx(1 / 6)


def test_the_papers_length_the_default_and_one_that_holds_all_are_listed():
    some = [Recording(1000 * number) for number in range(1, 21)]
    found = {effect.seconds: effect for effect in length_effects(some)}
    assert list(found) == [2.618, 10.0, 20.0]
    assert found[2.618].cut == 18
    assert found[20.0].cut == 0
