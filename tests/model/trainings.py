"""A toy problem, a small network, and the training of the one on the other."""

from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn

from serbench.data.clips import ClipFormat, Clips
from serbench.data.protocols import Fold
from serbench.model.batches import Regime, select_augmentations
from serbench.model.frontend import InputSpec
from serbench.model.network import EmotionNetwork, Freezing
from serbench.model.training import Watch, train
from serbench.plugins import Plugins

PLUGINS = Plugins()
RATE, N_CLASSES = 8000, 3
FORMAT = ClipFormat(RATE, 0.25)
ALL_ROWS = Fold(train=np.arange(0, 36), test=np.arange(36, 48))


@dataclass(frozen=True)
class ReadClips(Clips):
    """Clips that record the requested rows in their order."""

    read: set[int] = field(default_factory=set)
    asked: list[list[int]] = field(default_factory=list)

    def batch(self, rows):
        self.asked.append(rows.tolist())
        self.read.update(rows.tolist())
        return super().batch(rows)


def toy_problem(n_clips=60):
    """Noisy tones whose pitch depends on the class: clips and targets ``[n_clips]``."""
    random = np.random.default_rng(0)
    targets = np.arange(n_clips) % N_CLASSES
    pitch = np.array([300, 900, 2400])[targets] * random.uniform(0.93, 1.07, n_clips)
    seconds = np.arange(FORMAT.samples) / RATE
    phase = random.uniform(0, 2 * np.pi, (n_clips, 1))
    waveforms = np.sin(2 * np.pi * pitch[:, None] * seconds + phase)
    waveforms += 0.3 * random.standard_normal(waveforms.shape)
    peaks = np.abs(waveforms).max(axis=1)
    stored = np.rint(waveforms / peaks[:, None] * 32767).astype(np.int16)
    lengths = np.full(n_clips, FORMAT.samples)
    return ReadClips(FORMAT, stored, peaks.astype(np.float32), lengths, "toy"), targets


class SmallNet(nn.Module):
    """One convolution, one batch norm, dropout; 8 × 14 features."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 8, 5, stride=2), nn.ReLU(), nn.BatchNorm2d(8), nn.Dropout(0.1)
        )

    def forward(self, image):
        return self.body(image).mean(dim=3).flatten(1)


STAGES = [["body.0.weight", "body.0.bias", "body.2.weight", "body.2.bias"]]


def fresh_network(seed=0):
    torch.manual_seed(seed)
    spec = InputSpec(1, 32, 32, (0.5,), (0.25,))
    return EmotionNetwork(
        PLUGINS.front_ends.get("mel").build(FORMAT, spec), SmallNet(), nn.Linear(8 * 14, N_CLASSES)
    )


def regime(seed=0, epochs=8, learning_rate=1e-2, batch_size=8, widths=None):
    return Regime(
        scheduler=PLUGINS.schedulers.get("half-cycle"),
        objective=(PLUGINS.objectives.get("cross-entropy"), {}),
        learning_rate=learning_rate,
        weight_decay=0.0,
        augmentations=select_augmentations(list(PLUGINS.augmentations), widths or {}),
        epochs=epochs,
        batch_size=batch_size,
        seed=seed,
    )


PAPERS_WIDTHS = {"time-shift": 0.3, "frequency-mask": 0.1, "time-mask": 0.1}


class Reports(Watch):
    """Keeps the reports of all epochs."""

    def __init__(self):
        self.epochs = []

    def epoch(self, report):
        self.epochs.append(report)


def trained(part=ALL_ROWS, depth=0, watch=None, compute=None, exactly=None, **how):
    """A network trained on the toy problem, and the account of its training."""
    clips, targets = toy_problem()
    network = fresh_network()
    account = train(
        network,
        Freezing(network.backbone, STAGES, depth),
        clips,
        targets,
        part.train,
        part.test,
        regime(**how),
        watch,
        compute,
        exactly,
    )
    return network, account, clips, targets


def equal(first, second):
    return all(torch.equal(first[name], second[name]) for name in first)
