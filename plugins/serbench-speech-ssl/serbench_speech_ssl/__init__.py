"""Backbones that start from speech encoders pretrained on waveforms or for recognition."""

from __future__ import annotations

from collections.abc import Callable

from serbench import hookimpl
from serbench.model.backbone import Backbone
from serbench.model.frontend import FrontEnd
from serbench_speech_ssl.backbones import Liu2023, Lu2020, MeanPooled
from serbench_speech_ssl.waveform import Waveform


@hookimpl
def register_front_ends(register: Callable[[FrontEnd], None]) -> None:
    """Register ``waveform``."""
    register(Waveform())


@hookimpl
def register_backbones(register: Callable[[Backbone], None]) -> None:
    """Register three encoders with mean pooling, and two published systems."""
    register(MeanPooled("wav2vec2_base", bundle="WAV2VEC2_BASE"))
    register(MeanPooled("hubert_base", bundle="HUBERT_BASE"))
    register(MeanPooled("wavlm_base", bundle="WAVLM_BASE"))
    register(Lu2020())
    register(Liu2023())
