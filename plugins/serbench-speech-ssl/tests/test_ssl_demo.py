"""Each network learns the demo corpus: two emotions, in sentences it was not taught too."""

import numpy as np
import pytest
import torch
from serbench_speech_ssl import Waveform
from tiny_backbones import NAMES, TINY

from serbench.data.clips import ClipFormat
from serbench.data.preparation import prepare_clips
from serbench.data.protocols import Fold
from serbench.data.scan import scan
from serbench.model.batches import Regime
from serbench.model.network import EmotionNetwork, Freezing
from serbench.model.training import predict, train
from serbench.plugins import Plugins

EMOTIONS = ("sadness", "anger")
FORMAT = ClipFormat(16000, 1.5)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """Clips of both emotions by all eight voices, targets, three sentences to teach and two not."""
    folder = tmp_path_factory.mktemp("demo")
    corpus = Plugins().corpora.get("demo")
    corpus.fetch(folder / "corpus")
    manifest = scan([folder / "corpus"], "demo", [corpus], EMOTIONS).manifest
    clips = prepare_clips(manifest, folder / "clips", FORMAT)
    *_, fourth, fifth = sorted({each.sentence for each in manifest.utterances})
    unheard = np.array([each.sentence in (fourth, fifth) for each in manifest.utterances])
    return clips, manifest.targets, np.flatnonzero(~unheard), np.flatnonzero(unheard)


@pytest.mark.parametrize("name", NAMES)
def test_it_learns_the_demo_corpus(name, demo):
    clips, targets, heard, unheard = demo
    assert (len(heard), len(unheard)) == (48, 32)
    torch.manual_seed(0)
    backbone = TINY[name]
    module = backbone.build(len(EMOTIONS), "none").module
    network = EmotionNetwork(Waveform().build(FORMAT, backbone.input_spec()), module)
    regime = Regime(
        scheduler=Plugins().schedulers.get("constant"),
        learning_rate=0.002,
        augmentations=[],
        epochs=25,
        batch_size=16,
        seed=0,
    )
    freezing = Freezing(module, backbone.stages(module), 0)
    # It stops by what it was taught: the sentences kept back decide nothing.
    train(network, freezing, clips, targets, Fold(heard, heard), regime)
    for rows, least in ((heard, 0.9), (unheard, 0.7)):
        right = predict(network, clips, rows, 16).argmax(1) == targets[rows]
        assert right.mean() >= least
