"""Each network learns a made-up task, scored on clips that neither taught nor stopped it."""

import numpy as np
import pytest
import torch
from serbench_speech_ssl import Waveform
from tiny_backbones import NAMES, REGISTERED, TINY

from serbench.builtin.schedules import register_schedulers
from serbench.data.clips import ClipFormat, Clips
from serbench.data.protocols import Fold
from serbench.model.backbone import EmotionNetwork, Freezing
from serbench.model.training import Regime, predict, train
from serbench.plugins import Plugins

N_CLASSES = 3
FORMAT = ClipFormat(16000, 0.5)
PART = Fold(train=np.arange(0, 72), test=np.arange(72, 90))
TESTED = np.arange(90, 120)
SCHEDULERS = {}
register_schedulers(lambda scheduler: SCHEDULERS.update({scheduler.name: scheduler}))


def noisy_chords(n_clips=120):
    """Clips whose pitch, never twice the same, tells the class; targets ``[n_clips]``.

    Partials all over the spectrum: a frequency mask may hide one of them, never the class.
    """
    random = np.random.default_rng(0)
    targets = np.arange(n_clips) % N_CLASSES
    pitch = np.array([200, 270, 365])[targets] * random.uniform(0.95, 1.05, n_clips)
    seconds = np.arange(FORMAT.samples) / FORMAT.sample_rate
    waveforms = np.zeros((n_clips, FORMAT.samples))
    for partial in (1, 2.5, 6, 15):
        phase = random.uniform(0, 2 * np.pi, (n_clips, 1))
        waveforms += np.sin(2 * np.pi * partial * pitch[:, None] * seconds + phase)
    waveforms += 0.3 * random.standard_normal(waveforms.shape)
    peaks = np.abs(waveforms).max(axis=1)
    stored = np.rint(waveforms / peaks[:, None] * 32767).astype(np.int16)
    return Clips(FORMAT, stored, peaks.astype(np.float32)), targets


@pytest.mark.parametrize("name", NAMES)
def test_it_learns_to_tell_chords_it_has_not_heard(name):
    clips, targets = noisy_chords()
    torch.manual_seed(0)
    backbone = TINY[name]
    module = backbone.build(N_CLASSES, "none").module
    front_end = Waveform().build(FORMAT, backbone.input_spec())
    network = EmotionNetwork(front_end, module)
    regime = Regime(
        scheduler=SCHEDULERS["constant"],
        learning_rate=0.001,
        augmentations=[],
        epochs=16,
        batch_size=12,
        seed=0,
    )
    train(network, Freezing(module, backbone.stages(module), 0), clips, targets, PART, regime)
    right = predict(network, clips, TESTED, 12).argmax(1) == targets[TESTED]
    assert right.mean() >= 0.8  # of 30, where chance finds a third


def test_all_five_and_their_front_end_are_registered():
    plugins = Plugins()
    assert set(NAMES) <= {backbone.name for backbone in plugins.backbones}
    assert {backbone.front_end for backbone in REGISTERED.values()} == {"waveform"}
    assert "waveform" in plugins.front_ends
