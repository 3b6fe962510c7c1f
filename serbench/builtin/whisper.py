"""Whisper's encoders, pretrained for speech recognition."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from serbench import hookimpl
from serbench.builtin.whisper_mel import WHISPER_INPUT
from serbench.builtin.whisper_network import WhisperEncoder
from serbench.data.licence import NOTHING, UNKNOWN_LICENCE, Licence, named_licence
from serbench.data.regular import is_file
from serbench.errors import WeightsError
from serbench.model.backbone import (
    DEFAULT_WEIGHTS,
    NO_WEIGHTS,
    Backbone,
    Built,
    Features,
    stages_of,
)
from serbench.model.frontend import InputSpec
from serbench.model.hub import fetch_weights
from serbench.model.ranges import Range
from serbench.model.readout import ReadOut
from serbench.model.weights import file_identity, load_exactly, read_weights, split_state

WEIGHTS_FILE = "model.safetensors"
DIGITS = 12
"""So many digits of a revision's hash are part of the identity of weights."""

DECODER = ("model.decoder.", "decoder.", "proj_out.")
"""Prefixes of the names of tensors that are not read."""

ENCODER = ("model.encoder.", "encoder.")
"""Prefixes of the encoder's names in published files."""

OPENAIS_LICENCE = Licence("MIT", "yes")
"""OpenAI published code and weights under it."""


@dataclass(frozen=True)
class Whisper:
    """The encoder of one published model.

    Attributes:
        name: name on the command line.
        repository: of its weights on the Hugging Face Hub.
        n_layers: number of its layers, each of which is a tap.
        width: size of its frames.
        n_heads: number of its attention heads.
        head: logistic regression on frozen features.
        augmentations: none, so that features are computed once.
    """

    name: str
    repository: str
    n_layers: int
    width: int
    n_heads: int
    front_end: str = "whisper-mel"
    head: str = "logistic"
    augmentations: tuple[str, ...] = ()
    takes_lengths: bool = True

    @property
    def taps(self) -> tuple[str, ...]:
        """The layers, numbered from 1."""
        return tuple(str(number) for number in range(1, self.n_layers + 1))

    @property
    def readouts(self) -> tuple[str, ...]:
        """The first three quarters of the layers, single layers, and all layers."""
        quarter, half, most = (share * self.n_layers // 4 for share in (1, 2, 3))
        layers = (f"1-{most}", half, most, quarter, self.n_layers, "all")
        return tuple(f"{each}/mean+std" for each in layers)

    def input_spec(self) -> InputSpec:
        """One channel of 80 bands, and the columns of 3 s; any number up to 30 s is accepted."""
        return WHISPER_INPUT

    def training_corpora(self, weights: str) -> tuple[str, ...] | None:
        """None for published weights, since OpenAI does not name the recordings."""
        return () if weights == NO_WEIGHTS else None

    def licence(self, weights: str) -> Licence:
        """That of OpenAI's weights, or the one that the metadata of a file state."""
        if weights in (NO_WEIGHTS, DEFAULT_WEIGHTS):
            return NOTHING if weights == NO_WEIGHTS else OPENAIS_LICENCE
        return stated_licence(Path(weights))

    def build(self, weights: str, n_classes: int | None = None) -> Built:
        """The encoder.

        A file of a network that serbench trained may contain only its first layers; the encoder
        and ``widths`` then end with them.

        Args:
            weights: ``default`` (OpenAI's, from the Hugging Face Hub), ``none``, or a file: of
                Hugging Face's whole model, its encoder, or a network trained by serbench.
            n_classes: number of emotions; the last layer of a file trained by serbench is returned
                if it fits them and the initial read-out.

        Raises:
            WeightsError: the weights cannot be fetched or read, or do not fit.
        """
        if weights == NO_WEIGHTS:
            return Built(self._module(), NO_WEIGHTS, self._widths(self.n_layers))
        if weights == DEFAULT_WEIGHTS:
            path = self._fetched()  # first, because it may fail before a network is built
            # The hub's client stores each revision in a folder with the name of its hash.
            identity = f"hf:{self.repository}@{path.parent.name[:DIGITS]}"
        else:
            path, identity = Path(weights), file_identity(weights)
        state = encoder_state(path)
        module = self._module()
        body, last = split_state(state, module.state_dict().keys(), ("head.",))
        n_layers = layers_in(body)
        if "layer_norm.weight" not in body and 0 < n_layers < self.n_layers:
            module.shorten(n_layers)
        load_exactly(module, body, path)
        widths = self._widths(len(module.layers))
        return Built(module, identity, widths, self._fitting(last, n_classes, widths))

    def _module(self) -> WhisperEncoder:
        return WhisperEncoder(self.n_layers, self.width, self.n_heads)

    def _widths(self, n_layers: int) -> dict[str, int]:
        return dict.fromkeys(self.taps[:n_layers], self.width)

    def _fetched(self) -> Path:
        from huggingface_hub import hf_hub_download

        def download() -> str:
            return hf_hub_download(self.repository, WEIGHTS_FILE)

        return Path(fetch_weights(self.name, download, may_be_random=False))

    def _fitting(
        self, last: Mapping[str, Tensor], n_classes: int | None, widths: Mapping[str, int]
    ) -> Mapping[str, Tensor] | None:
        """A file's last layer if it is linear and fits these emotions and the initial read-out."""
        readout = ReadOut.parse(self.readouts[0], self.taps)
        if not widths.keys() >= set(readout.taps):
            return None
        shapes = {name: tuple(tensor.shape) for name, tensor in last.items()}
        wanted = {"weight": (n_classes, readout.width(widths)), "bias": (n_classes,)}
        return last if shapes == wanted else None

    def cut(self, module: Any, taps: Sequence[str]) -> nn.Module:
        """The encoder without the layers after the last tap.

        Raises:
            WeightsError: its weights have fewer layers.
        """
        n_layers = self._last(module, taps)
        module.shorten(n_layers)
        encoder: nn.Module = module
        return encoder

    def features(
        self, module: nn.Module, inputs: Tensor, lengths: Tensor | None, taps: Sequence[str]
    ) -> Features:
        """Frames ``[B, T, D]`` of the layers, 20 ms apart, with their numbers in each clip.

        Raises:
            WeightsError: its weights have fewer layers.
        """
        self._last(module, taps)
        outputs, frames = module(inputs, lengths)
        return Features({tap: outputs[int(tap) - 1] for tap in taps}, frames)

    def _last(self, module: Any, taps: Sequence[str]) -> int:
        """The number of the last layer of some taps, which is among those of the module."""
        last, n_layers = max(map(int, taps)), len(module.layers)
        if last > n_layers:
            raise WeightsError(
                f"these weights of {self.name} end after layer {n_layers}, and the read-out uses "
                f"layer {last}: give a --readout up to layer {n_layers}, or other --weights",
                backbone=self.name,
                layers=n_layers,
            )
        return last

    def stages(self, module: Any) -> Sequence[Sequence[str]]:
        """The convolutions, then each layer; the last layer norm belongs to the last layer."""
        layers = [[f"layers.{number}"] for number in range(len(module.layers))]
        layers[-1].append("layer_norm")
        return stages_of(module, [["conv1", "conv2"], *layers])

    def freeze_depths(self, module: nn.Module) -> Range:
        """The whole encoder is frozen in every trial."""
        stages = len(self.stages(module))
        return Range(stages, stages, stages)


def encoder_state(path: Path) -> dict[str, Tensor]:
    """A file's tensors in float32, those of the encoder without their prefix.

    Raises:
        WeightsError: the file is missing, cannot be read, or has NaN or infinite values.
    """
    state = {
        name: tensor.float() if tensor.is_floating_point() else tensor
        for name, tensor in read_weights(path, omitted=DECODER).items()
    }
    for prefix in ENCODER:
        if any(name.startswith(prefix) for name in state):
            return {name.removeprefix(prefix): tensor for name, tensor in state.items()}
    return state


def layers_in(state: Mapping[str, Tensor]) -> int:
    """The number of layers with tensors in an encoder's state."""
    return len({name.split(".")[1] for name in state if name.startswith("layers.")})


def stated_licence(path: Path) -> Licence:
    """The licence that the metadata of a ``.safetensors`` file state; unknown without them."""
    from safetensors import SafetensorError, safe_open

    if path.suffix != ".safetensors" or not is_file(path):
        return UNKNOWN_LICENCE
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
    except (OSError, SafetensorError):
        return UNKNOWN_LICENCE
    for key in ("licence", "license"):
        if key in metadata:
            return named_licence(metadata[key])
    stated = any(re.search(r"\bMIT licen[cs]e\b", value) for value in metadata.values())
    return OPENAIS_LICENCE if stated else UNKNOWN_LICENCE


@hookimpl
def register_backbones(register: Callable[[Backbone], None]) -> None:
    """Register the encoders of at most 88 million parameters."""
    for size, n_layers, width, n_heads in (
        ("tiny", 4, 384, 6),
        ("tiny.en", 4, 384, 6),
        ("base", 6, 512, 8),
        ("base.en", 6, 512, 8),
        ("small", 12, 768, 12),
    ):
        register(Whisper(f"whisper_{size}", f"openai/whisper-{size}", n_layers, width, n_heads))
