"""Windows over a recording, and segments of equal emotion."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serbench.data.clips import ClipFormat
from serbench.deploy.answering import Prediction
from serbench.deploy.windows import (
    Segment,
    Window,
    hop_in_samples,
    segments_of,
    window_starts,
)
from serbench.errors import UsageError


@st.composite
def recordings(draw):
    window = draw(st.integers(1, 60))
    return draw(st.integers(1, 500)), window, draw(st.integers(1, window))


@given(recordings())
def test_windows_cover_the_whole_recording_and_the_last_one_ends_at_its_end(recording):
    samples, window, hop = recording
    starts = list(window_starts(samples, window, hop))
    covered = [place for start in starts for place in range(start, min(start + window, samples))]
    assert set(covered) == set(range(samples))
    assert starts[-1] == max(samples - window, 0)
    assert starts == sorted(set(starts))
    assert starts[:-1] == [number * hop for number in range(len(starts) - 1)]
    assert all(after - before <= hop for before, after in pairwise(starts))


@pytest.mark.parametrize(("hop", "samples"), [(None, 1000), (0.25, 2000), (0.1, 800), (1e-9, 1)])
def test_the_hop_is_half_a_window_or_the_given_time(hop, samples):
    assert hop_in_samples(hop, ClipFormat(8000, 0.25)) == samples


def test_a_hop_longer_than_a_window_is_refused_with_the_length_of_a_window():
    with pytest.raises(UsageError) as refused:
        hop_in_samples(0.3, ClipFormat(8000, 0.25))
    assert refused.value.facts == {"hop": 0.3, "seconds": 0.25}


def window(start, emotion, confidence=0.6, length=2.0):
    """A window with an emotion, ``None`` for silence or ``"rejected"``."""
    if emotion is None:
        return Window(start, start + length, None)
    rejected = emotion == "rejected"
    shares = {"fear" if rejected else emotion: confidence, "other": 1 - confidence}
    return Window(start, start + length, Prediction(shares, rejected))


def test_neighbours_with_one_emotion_are_one_segment_with_their_mean_confidence():
    found = segments_of([window(0, "fear", 0.6), window(1, "fear", 0.8), window(2, "fear", 0.7)])
    [segment] = found
    assert (segment.start, segment.end, segment.emotion) == (0, 4, "fear")
    assert segment.confidence == pytest.approx(0.7)


def test_overlapping_windows_are_divided_in_the_middle_of_their_overlap():
    windows = [window(0, "fear"), window(1, "calm"), window(1.5, "calm")]
    assert list(segments_of(windows)) == [
        Segment(0, 1.5, "fear", 0.6),
        Segment(1.5, 3.5, "calm", 0.6),
    ]


@pytest.mark.parametrize("nothing", [None, "rejected"])
def test_silence_and_rejected_windows_separate_segments(nothing):
    windows = [window(0, "fear"), window(1, nothing), window(2, "fear"), window(3, nothing)]
    assert [(each.start, each.end) for each in segments_of(windows)] == [(0, 1.5), (2.5, 3.5)]


def test_a_recording_without_any_answer_has_no_segment():
    assert list(segments_of([window(0, None)])) == []


@given(
    st.lists(st.sampled_from(["fear", "calm", None, "rejected"]), min_size=1, max_size=12),
    st.floats(0.1, 2),
)
def test_segments_are_in_order_and_do_not_overlap(emotions, hop):
    windows = [window(hop * number, emotion) for number, emotion in enumerate(emotions)]
    found = list(segments_of(windows))
    assert all(each.start < each.end for each in found)
    assert all(a.end <= b.start for a, b in pairwise(found))
    assert {each.emotion for each in found} == set(emotions) - {None, "rejected"}
