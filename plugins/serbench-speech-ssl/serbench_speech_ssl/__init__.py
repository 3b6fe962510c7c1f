"""Backbones that start from speech encoders pretrained on waveforms or for recognition."""

from __future__ import annotations

from collections.abc import Callable

from serbench import hookimpl
from serbench.model.backbone import Backbone
from serbench.model.frontend import FrontEnd
from serbench.model.head import Head
from serbench_speech_ssl.backbones import Liu2023, Lu2020
from serbench_speech_ssl.encoders import EncoderSize
from serbench_speech_ssl.heads import Liu2023Head, Lu2020Head
from serbench_speech_ssl.layers import DistilHubert, LayerBackbone
from serbench_speech_ssl.waveform import Waveform


@hookimpl
def register_front_ends(register: Callable[[FrontEnd], None]) -> None:
    """Register ``waveform``."""
    register(Waveform())


@hookimpl
def register_backbones(register: Callable[[Backbone], None]) -> None:
    """Register four encoders with all their layers, and those of two published systems."""
    register(LayerBackbone("wav2vec2_base", "WAV2VEC2_BASE", EncoderSize()))
    register(LayerBackbone("hubert_base", "HUBERT_BASE", EncoderSize()))
    register(LayerBackbone("wavlm_base", "WAVLM_BASE", EncoderSize(relative_positions=True)))
    register(DistilHubert())
    register(Lu2020())
    register(Liu2023())


@hookimpl
def register_heads(register: Callable[[Head], None]) -> None:
    """Register the heads of the two published systems."""
    register(Lu2020Head())
    register(Liu2023Head())
