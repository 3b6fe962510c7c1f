"""Read-outs: their text, their widths, and the pooling of taps."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from serbench.errors import UnknownNameError, UsageError
from serbench.model.backbone import Features
from serbench.model.network import TapWeights
from serbench.model.readout import POOLINGS, ReadOut, pool

KNOWN = ("1", "2", "3", "4", "5")


@st.composite
def readouts(draw):
    """A read-out of the known taps, and these taps: with numbers or with names."""
    known = draw(st.sampled_from([KNOWN, ("conv", "block-1", "block-2", "deep")]))
    places = draw(st.sets(st.sampled_from(range(len(known))), min_size=1))
    taps = tuple(known[place] for place in sorted(places))
    weighted = len(taps) > 1 and draw(st.booleans())
    return ReadOut(taps, draw(st.sampled_from(["", *POOLINGS])), weighted), known


@given(readouts())
def test_the_text_of_a_readout_is_read_back(given_):
    readout, known = given_
    assert ReadOut.parse(readout.text(known), known) == readout


@pytest.mark.parametrize(
    ("text", "taps", "pooling", "weighted"),
    [
        ("2/mean", ("2",), "mean", False),
        ("1-3/mean+std", ("1", "2", "3"), "mean+std", False),
        ("3+1/mean", ("1", "3"), "mean", False),
        ("all/mean+std/weighted", KNOWN, "mean+std", True),
        ("all", KNOWN, "", False),
        ("2+4/weighted", ("2", "4"), "", True),
        ("2/mean/weighted", ("2",), "mean", False),
        ("2-2", ("2",), "", False),
    ],
)
def test_the_parts_of_a_text(text, taps, pooling, weighted):
    assert ReadOut.parse(text, KNOWN) == ReadOut(taps, pooling, weighted)


@pytest.mark.parametrize(
    ("text", "shortest"),
    [("1+2+3/mean", "1-3/mean"), ("1-5", "all"), ("2+1", "1+2"), ("3/mean/weighted", "3/mean")],
)
def test_the_text_is_the_shortest_one(text, shortest):
    assert ReadOut.parse(text, KNOWN).text(KNOWN) == shortest


def test_a_backbone_with_one_tap_is_read_by_its_name():
    assert ReadOut.parse("pooled", ("pooled",)).text(("pooled",)) == "pooled"
    assert ReadOut.parse("all", ("pooled",)).text(("pooled",)) == "pooled"


@pytest.mark.parametrize("text", ["6/mean", "1+9", "0-2", "2-7/mean", "/mean", "", "1+/mean"])
def test_a_tap_that_does_not_exist_is_refused(text):
    with pytest.raises(UnknownNameError) as refused:
        ReadOut.parse(text, KNOWN)
    assert refused.value.name not in KNOWN


@pytest.mark.parametrize("text", ["1/median", "1/mean/mean", "1/weighted/mean", "1/", "3-1/mean"])
def test_another_form_is_refused(text):
    with pytest.raises(UsageError) as refused:
        ReadOut.parse(text, KNOWN)
    assert refused.value.facts == {"readout": text}


@pytest.mark.parametrize(
    ("text", "width"),
    [("1", 3), ("1/mean", 3), ("1+2/mean", 8), ("1+2/mean+std", 16), ("2+3/mean+std/weighted", 10)],
)
def test_widths(text, width):
    assert ReadOut.parse(text, KNOWN).width({"1": 3, "2": 5, "3": 5}) == width


def test_taps_of_different_widths_cannot_be_weighted():
    with pytest.raises(UsageError) as refused:
        ReadOut.parse("1+2/mean/weighted", KNOWN).width({"1": 3, "2": 5})
    assert refused.value.facts == {"taps": ("1", "2")}


def frames_of(shape, seed=0):
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape).astype(np.float32))


@given(st.lists(st.integers(1, 7), min_size=1, max_size=4), st.integers(0, 100))
def test_pooling_leaves_padding_out(lengths, seed):
    frames = frames_of((len(lengths), 7, 3), seed)
    alone = [clip[:length].numpy() for clip, length in zip(frames, lengths, strict=True)]
    expected = np.array([[*clip.mean(axis=0), *clip.std(axis=0)] for clip in alone])
    known = torch.tensor(lengths)
    for clip, length in zip(frames, lengths, strict=True):
        clip[length:] = torch.inf
    assert pool(frames, known, "mean+std").numpy() == pytest.approx(expected, abs=2e-5)
    assert pool(frames, known, "mean").numpy() == pytest.approx(expected[:, :3], abs=1e-5)


def test_pooling_without_lengths_is_that_of_all_frames():
    frames = frames_of((2, 5, 3))
    expected = np.concatenate([frames.numpy().mean(axis=1), frames.numpy().std(axis=1)], axis=1)
    assert pool(frames, None, "mean+std").numpy() == pytest.approx(expected, abs=1e-5)
    full = pool(frames, torch.tensor([5, 5]), "mean+std")
    assert torch.allclose(full, pool(frames, None, "mean+std"), atol=1e-6)


@pytest.mark.parametrize("lengths", [None, torch.tensor([1, 4])])
def test_constant_frames_have_a_finite_gradient(lengths):
    frames = torch.ones(2, 4, 3, requires_grad=True)
    pool(frames, lengths, "mean+std").sum().backward()
    assert frames.grad.isfinite().all()


def test_vectors_cannot_be_pooled():
    with pytest.raises(UsageError) as refused:
        pool(torch.zeros(2, 3), None, "mean")
    assert refused.value.facts == {"pooling": "mean"}
    vectors = torch.ones(2, 3)
    assert pool(vectors, None, "") is vectors


def test_pooled_taps_are_side_by_side_and_frames_keep_their_lengths():
    first, second, lengths = frames_of((2, 4, 3)), frames_of((2, 4, 5), 1), torch.tensor([4, 2])
    features = Features({"1": first, "2": second}, lengths)
    vectors, none = ReadOut(("1", "2"), "mean").pooled(features)
    assert none is None
    expected = torch.cat([pool(first, lengths, "mean"), pool(second, lengths, "mean")], dim=1)
    assert torch.equal(vectors, expected)
    frames, kept = ReadOut(("1", "2")).pooled(features)
    assert torch.equal(frames, torch.cat([first, second], dim=2))
    assert torch.equal(kept, lengths)


def test_weights_of_taps_begin_alike_and_are_a_softmax():
    taps = frames_of((2, 3, 4))  # clips, taps, width
    weights = TapWeights(3)
    assert torch.allclose(weights(taps.flatten(1)), taps.mean(dim=1), atol=1e-6)
    with torch.no_grad():
        weights.scores.copy_(torch.tensor([0.0, 1.0, -2.0]))
    shares = np.exp([0, 1, -2]) / np.exp([0, 1, -2]).sum()
    expected = np.einsum("btd,t->bd", taps.numpy(), shares)
    assert weights(taps.flatten(1)).detach().numpy() == pytest.approx(expected, abs=1e-5)


def test_a_head_that_takes_frames_gets_the_same_taps_without_pooling():
    assert ReadOut(("1", "2"), "mean+std", True).unpooled == ReadOut(("1", "2"), "", True)
