"""The front ends give openSMILE's own values, without the padding of a clip."""

import copy
import pickle
import sys

import numpy as np
import opensmile
import pytest
import serbench_opensmile
import torch
from serbench_opensmile import COMPARE, EGEMAPS, LOUDEST, OpenSmileBackbone, OpenSmileFrontEnd

from serbench.data.clips import ClipFormat
from serbench.errors import PluginError, UsageError, WeightsError
from serbench.model.frontend import InputSpec
from serbench.plugins import Plugins

CLIP = ClipFormat(16000, 2.0, padding="zeros")
SETS = [EGEMAPS, COMPARE]
EACH = pytest.mark.parametrize("features", SETS, ids=["egemaps", "compare"])


def front_end(features):
    return OpenSmileFrontEnd(features).build(CLIP, features.spec)


def voice(samples, seed=0):
    """A harmonic sound with noise, ``[samples]``."""
    random = np.random.default_rng(seed)
    seconds = np.arange(samples) / 16000
    phase = 2 * np.pi * (140 + 20 * seed) * (seconds + 0.1 * seconds**2)
    sound = sum(np.sin(k * phase) / k for k in range(1, 8)) * (0.6 + 0.4 * np.sin(9 * seconds))
    return (0.1 * sound + 0.005 * random.standard_normal(samples)).astype(np.float32)


def expected(features, waveform):
    """The functionals as openSMILE's documented function for signals gives them."""
    smile = opensmile.Smile(
        feature_set=getattr(opensmile.FeatureSet, features.opensmile),
        feature_level=opensmile.FeatureLevel.Functionals,
    )
    return torch.tensor(smile.process_signal(waveform, 16000).to_numpy()[0])


@EACH
def test_the_values_are_those_of_opensmile(features):
    clips = np.stack([voice(CLIP.samples), voice(CLIP.samples, seed=2)])
    images = front_end(features)(torch.from_numpy(clips))
    assert images.shape == (2, 1, features.width, 1)
    for image, clip in zip(images, clips, strict=True):
        assert torch.equal(image.flatten() * features.scale, expected(features, clip))


@EACH
@pytest.mark.parametrize("real", [1700, 12_345])
def test_padding_is_left_out(features, real):
    clip = voice(real)
    padded = torch.from_numpy(np.pad(clip, (0, CLIP.samples - real)))
    image = front_end(features)(padded[None])
    assert torch.equal(image.flatten() * features.scale, expected(features, clip))


@EACH
@pytest.mark.parametrize("real", [0, 1, 100, 900, 1599])
def test_clips_that_are_too_short_for_opensmile_give_finite_values(features, real):
    padded = torch.from_numpy(np.pad(voice(CLIP.samples)[:real], (0, CLIP.samples - real)))
    assert front_end(features)(padded[None]).isfinite().all()


def test_samples_beyond_full_scale_are_limited():
    loud = torch.from_numpy(8 * voice(CLIP.samples))[None]
    assert loud.abs().max() > 1
    limited = loud.clamp(-LOUDEST, LOUDEST)
    module = front_end(EGEMAPS)
    assert torch.equal(module(loud), module(limited))
    one = torch.ones(1, CLIP.samples)
    assert torch.equal(module(one), module(LOUDEST * one))


@EACH
def test_modules_can_be_copied_and_sent_to_processes(features):
    module, clips = front_end(features), torch.from_numpy(voice(CLIP.samples))[None]
    image = module(clips)
    for again in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert torch.equal(again(clips), image)


@EACH
def test_the_vector_of_the_backbone_is_the_image(features):
    backbone = OpenSmileBackbone(features)
    built = backbone.build("none", 6)
    assert built.weights == backbone.build("default", 6).weights == "none"
    assert built.widths == {"pooled": features.width}
    images = torch.randn(3, 1, features.width, 1)
    found = backbone.features(built.module, images, torch.tensor([1, 1, 1]), ["pooled"])
    assert torch.equal(found.taps["pooled"], images.flatten(1))
    assert backbone.stages(built.module) == []
    assert backbone.head == "svm"


def test_other_backbones_are_refused():
    with pytest.raises(UsageError) as refused:
        OpenSmileFrontEnd(EGEMAPS).build(CLIP, InputSpec(3, 64, 64, (0.5,) * 3, (0.5,) * 3))
    assert refused.value.facts == {"front_end": "egemaps"}


def test_a_missing_weights_file_is_refused(tmp_path):
    with pytest.raises(WeightsError):
        OpenSmileBackbone(EGEMAPS).build(str(tmp_path / "none.safetensors"), 6)


def test_the_package_is_named_where_it_is_missing(monkeypatch):
    serbench_opensmile._extractor.cache_clear()
    monkeypatch.setitem(sys.modules, "opensmile", None)
    with pytest.raises(PluginError) as missing:
        front_end(EGEMAPS)
    assert missing.value.facts == {"package": "opensmile"}


@pytest.mark.parametrize("weights", ["none", "default"])
def test_the_licence_allows_no_commercial_use(weights):
    assert OpenSmileBackbone(EGEMAPS).licence(weights).commercial == "no"


def test_both_sets_are_registered():
    plugins = Plugins()
    for features in SETS:
        assert plugins.backbones.get(features.name).front_end == features.name
        assert features.name in plugins.front_ends
