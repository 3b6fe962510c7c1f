"""Backbones and front end meet the contract of all plugins."""

import pytest
from serbench_speech_ssl import Waveform
from tiny_backbones import HEADS, NAMES, REGISTERED, SYSTEMS, TINY

from serbench.data.clips import ClipFormat
from serbench.errors import UsageError
from serbench.model.frontend import InputSpec
from serbench.plugins import Plugins
from serbench.testing import contract


@pytest.mark.parametrize("check", contract("backbone"))
@pytest.mark.parametrize("name", ["wavlm_base", "distilhubert", *SYSTEMS])
def test_the_backbones_meet_their_contract(name, check):
    """wav2vec 2.0 and HuBERT are DistilHuBERT with more layers and one more norm."""
    check(TINY[name])


@pytest.mark.parametrize("check", contract("head"))
@pytest.mark.parametrize("name", SYSTEMS)
def test_the_heads_meet_their_contract(name, check):
    check(HEADS[name])


def test_a_backbone_that_requires_images_is_refused():
    with pytest.raises(UsageError) as refused:
        Waveform().build(ClipFormat(16000, 3.0), InputSpec(3, 128, 128, (0.5,) * 3, (0.5,) * 3))
    assert refused.value.facts == {"front_end": "waveform"}


@pytest.mark.parametrize("check", contract("front end"))
def test_the_front_end_meets_its_contract(check):
    check(Waveform())


def test_all_of_them_and_their_front_end_are_registered():
    plugins = Plugins()
    assert set(NAMES) <= {backbone.name for backbone in plugins.backbones}
    assert {backbone.front_end for backbone in REGISTERED.values()} == {"waveform"}
    assert "waveform" in plugins.front_ends
    assert {REGISTERED[name].head for name in SYSTEMS} == set(SYSTEMS)
    assert all(plugins.heads.get(name).takes_frames for name in SYSTEMS)


def test_hubert_has_the_network_of_wav2vec():
    assert REGISTERED["hubert_base"].size == REGISTERED["wav2vec2_base"].size
    shapes = [
        {path: each.shape for path, each in TINY[name].build("none").module.named_parameters()}
        for name in ("hubert_base", "wav2vec2_base")
    ]
    assert shapes[0] == shapes[1]
