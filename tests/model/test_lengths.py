"""True lengths of clips, from the prepared clips to a backbone that leaves padding out."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import nn
from trainings import FORMAT, N_CLASSES, PLUGINS, toy_problem

from serbench.data.clips import Clips
from serbench.model.backbone import POOLED, Features
from serbench.model.batches import Regime, augment, prepare_batch
from serbench.model.compute import ComputeSettings
from serbench.model.frontend import FrontEndModule
from serbench.model.network import EmotionNetwork
from serbench.model.training import predict


class Halved(FrontEndModule):
    """Images of one row ``[B, 1, 1, samples / 2]``: every other sample."""

    def forward(self, waveform):
        return waveform[:, None, None, ::2]


class Spread(nn.Module):
    """Mean and mean square of the columns that count, ``[B, 2]``."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, image, lengths=None):
        row = self.weight * image[:, 0, 0]
        if lengths is None:
            lengths = torch.full((len(row),), row.shape[1])
        real = torch.arange(row.shape[1]) < lengths.unsqueeze(1)
        row = row * real
        count = real.sum(dim=1)
        return torch.stack([row.sum(dim=1) / count, row.square().sum(dim=1) / count], dim=1)


@dataclass
class Reader:
    takes_lengths: bool = True

    def features(self, module, inputs, lengths, taps):
        return Features({POOLED: module(inputs, lengths)}, lengths)


def network(takes_lengths=True):
    torch.manual_seed(0)
    return EmotionNetwork(Halved(), Spread(), nn.Linear(2, N_CLASSES), Reader(takes_lengths)).eval()


def clips_of(lengths):
    """Clips whose padding holds noise, which nothing may depend on."""
    clips, _ = toy_problem(len(lengths))
    return Clips(FORMAT, clips.waveforms, clips.peaks, np.array(lengths), "toy")


def test_columns_are_the_same_share_of_an_image_as_of_the_clip():
    lengths = torch.tensor([1, 2, 3, 1000, 1999, 2000])
    assert Halved().columns(lengths, 2000, 1000).tolist() == [1, 1, 2, 500, 1000, 1000]


def test_padding_has_no_influence_on_predictions():
    lengths = [600, 1200, 2000, 900]
    clips = clips_of(lengths)
    waveforms = clips.batch(np.arange(4))
    logits = predict(network(), clips, np.arange(4), 2)
    for row, length in enumerate(lengths):
        alone = network()(torch.from_numpy(waveforms[row : row + 1, :length]))
        assert np.allclose(logits[row], alone.detach().numpy()[0], atol=1e-5)
    assert not np.allclose(logits, predict(network(False), clips, np.arange(4), 2), atol=1e-5)


class Mixture:
    """Mixes nothing, or each clip with the next."""

    def __init__(self, mixes):
        self.mixes = mixes

    def mix(self, batch, targets, generator):
        return (batch + batch.roll(1, 0), targets) if self.mixes else (batch, targets)


@pytest.mark.parametrize("mixes", [False, True])
@pytest.mark.parametrize("takes_lengths", [False, True])
def test_a_training_batch_has_true_lengths(mixes, takes_lengths):
    clips = clips_of([600, 1200, 1998, 900])
    objective = replace(PLUGINS.objectives.get("cross-entropy"), acts_on="waveform")
    regime = Regime(None, (objective, {}), 0.1, 0.0, [], 1, 4, 0)
    batch = prepare_batch(
        network(takes_lengths),
        clips,
        np.array([3, 0, 2]),
        torch.zeros(3, dtype=torch.long),
        regime,
        Mixture(mixes),
        torch.Generator(),
        ComputeSettings.present(),
    )
    expected = [999, 999, 999] if mixes else [450, 300, 999]
    assert (None if batch.columns is None else batch.columns.tolist()) == (
        expected if takes_lengths else None
    )


@pytest.mark.parametrize("name", ["time-shift", "gain", "noise", "octave-gain"])
def test_augmentations_leave_padding_where_it_is(name):
    augmentation = PLUGINS.augmentations.get(name)
    batch = torch.zeros(3, 400)
    lengths = torch.tensor([100, 250, 400])
    random = torch.Generator().manual_seed(0)
    for clip, length in zip(batch, lengths.tolist(), strict=True):
        clip[:length] = torch.rand(length, generator=random) + 1
    before = batch.clone()
    widths = [(augmentation, augmentation.widths.high)]
    changed, kept = augment(batch, "waveform", widths, torch.Generator().manual_seed(1), lengths)
    assert torch.equal(batch, before)
    assert torch.equal(kept, lengths)
    for clip, old, length in zip(changed, before, lengths.tolist(), strict=True):
        assert not clip[length:].any()
        assert not torch.equal(clip[:length], old[:length])
        if name == "time-shift":
            assert torch.equal(clip[:length].sort().values, old[:length].sort().values)


def test_where_lengths_are_not_taken_the_whole_clip_is_augmented():
    shift = PLUGINS.augmentations.get("time-shift")
    batch = torch.arange(400.0).repeat(2, 1)
    alone = shift.apply(batch, 0.5, torch.Generator().manual_seed(1))
    found, _ = augment(batch, "waveform", [(shift, 0.5)], torch.Generator().manual_seed(1))
    assert torch.equal(found, alone)


def test_zeros_that_an_augmentation_appends_are_padding():
    widths = [(PLUGINS.augmentations.get("time-window"), 0.5)]
    lengths = torch.tensor([300, 400])
    batch = torch.rand(2, 400, 3, generator=torch.Generator().manual_seed(0)) + 1
    batch[0, 300:] = 0
    found, kept = augment(batch, "frames", widths, torch.Generator().manual_seed(1), lengths)
    assert lengths.tolist() == [300, 400]
    for clip, old, length, before in zip(
        found, batch, kept.tolist(), lengths.tolist(), strict=True
    ):
        assert before / 2 - 1 <= length < before
        starts = [start for start in range(before) if torch.equal(clip[0], old[start])]
        assert torch.equal(clip[:length], old[starts[0] : starts[0] + length])
        assert not clip[length:].any()
