"""Each network learns two emotions of the demo corpus, also for a sentence not in training."""

import numpy as np
import pytest
from serbench_speech_ssl import Waveform
from tiny_backbones import DIFFERENT, SYSTEMS, TINY, classifier, system

from serbench.data.clips import ClipFormat
from serbench.data.preparation import prepare_clips
from serbench.data.scan import scan
from serbench.data.scan_options import ScanOptions
from serbench.model.batches import Regime
from serbench.model.network import Freezing
from serbench.model.training import predict, train
from serbench.plugins import Plugins

EMOTIONS = ("sadness", "anger")
FORMAT = ClipFormat(16000, 1.5)


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """Clips of both emotions by all eight voices, targets, rows of four sentences and of one."""
    folder = tmp_path_factory.mktemp("demo")
    corpus = Plugins().corpora.get("demo")
    corpus.fetch(folder / "corpus")
    manifest = scan([folder / "corpus"], "demo", [corpus], ScanOptions(emotions=EMOTIONS)).manifest
    clips = prepare_clips(manifest, folder / "clips", FORMAT)
    *_, fifth = sorted({each.sentence for each in manifest.utterances})
    new = np.array([each.sentence == fifth for each in manifest.utterances])
    return clips, manifest.targets, np.flatnonzero(~new), np.flatnonzero(new)


@pytest.mark.slow
@pytest.mark.parametrize("name", DIFFERENT)
def test_it_learns_the_demo_corpus(name, demo):
    *_, taught, new = demo
    assert (len(taught), len(new)) == (64, 16)
    right = np.mean([_recognised(name, demo, seed) for seed in (0, 1)], axis=0)
    assert right[taught].mean() >= 0.9
    assert right[new].mean() >= 0.7


def _recognised(name, demo, seed):
    """Which clips a network classifies correctly that is trained on the four sentences."""
    clips, targets, taught, _ = demo
    network = (system if name in SYSTEMS else classifier)(name, len(EMOTIONS))
    network.front_end = Waveform().build(FORMAT, TINY[name].input_spec())
    regime = Regime(
        scheduler=Plugins().schedulers.get("constant"),
        objective=(Plugins().objectives.get("cross-entropy"), {}),
        learning_rate=0.002,
        weight_decay=0.0,
        augmentations=[],
        epochs=25,
        batch_size=16,
        seed=seed,
    )
    freezing = Freezing(network.backbone, TINY[name].stages(network.backbone), 0)
    # Early stopping uses the training sentences; the new one has no influence.
    train(network, freezing, clips, targets, taught, taught, regime)
    return predict(network, clips, np.arange(len(targets)), 16).argmax(1) == targets
