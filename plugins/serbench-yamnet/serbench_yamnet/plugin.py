"""The backbone ``yamnet`` and the front end ``yamnet``."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from torch import Tensor, nn

from serbench import hookimpl
from serbench.data.licence import Licence
from serbench.errors import WeightsError
from serbench.model.backbone import (
    DEFAULT_WEIGHTS,
    NO_WEIGHTS,
    POOLED,
    Backbone,
    Built,
    Features,
    PooledBackbone,
    loaded,
)
from serbench.model.frontend import FrontEnd, InputSpec
from serbench.model.weights import file_identity, layer_of, read_weights
from serbench_yamnet.front_end import YAMNET_INPUT, YamnetFrontEnd
from serbench_yamnet.network import HEAD, Yamnet
from serbench_yamnet.tflite_weights import yamnet_state

WIDTH = 1024
"""Size of an embedding."""

WEIGHTS_VARIABLE = "SERBENCH_YAMNET_WEIGHTS"
"""Environment variable with the path of the file for ``--weights default``."""


@dataclass(frozen=True)
class YamnetBackbone(PooledBackbone):
    """YAMNet: MobileNet v1 on log mel patches of 0.96 s, trained on AudioSet."""

    name: str = "yamnet"
    front_end: str = "yamnet"
    takes_lengths: bool = True
    published_on: ClassVar[tuple[str, ...]] = ("audioset",)
    published_under: ClassVar[Licence] = Licence("Apache-2.0", "yes")

    def training_corpora(self, weights: str) -> tuple[str, ...] | None:
        """AudioSet for the published network, which is a ``.tflite`` file."""
        published = weights.endswith(".tflite")
        return self.published_on if published else super().training_corpora(weights)

    def licence(self, weights: str) -> Licence:
        """Google's, for the published network."""
        return self.published_under if weights.endswith(".tflite") else super().licence(weights)

    def input_spec(self) -> InputSpec:
        """One channel of 64 bands, and the frames of a clip of 3 s; any number is accepted."""
        return YAMNET_INPUT

    def build(self, weights: str, n_classes: int | None = None) -> Built:
        """The network without its last layer.

        For 521 classes it returns AudioSet's last layer, whose class 0 is speech.
        """
        module = Yamnet(n_classes or 1)
        drawn = layer_of(module.network.get_classifier()) if n_classes is not None else None
        module.network.reset_classifier(0)
        if weights == NO_WEIGHTS:
            return Built(module, NO_WEIGHTS, {POOLED: WIDTH}, drawn)
        path = default_file() if weights == DEFAULT_WEIGHTS else Path(weights)
        state = yamnet_state(path, module) if path.suffix == ".tflite" else read_weights(path)
        identity = file_identity(path)
        return loaded(module, state, identity, WIDTH, (HEAD,), drawn, n_classes, path)

    def features(
        self, module: nn.Module, inputs: Tensor, lengths: Tensor | None, taps: Sequence[str]
    ) -> Features:
        """The embedding ``[B, 1024]``; ``lengths`` are frames of each clip that are not padding."""
        return Features({POOLED: module(inputs, lengths)})

    def stages(self, module: nn.Module) -> Sequence[Sequence[str]]:
        """The stem and each of the 13 depthwise-separable blocks."""
        names = [name for name, _ in module.named_parameters()]
        stages: dict[str, list[str]] = {}
        for name in names:
            parts = name.split(".")  # network.blocks.STAGE.BLOCK.… or network.conv_stem.…
            place = ".".join(parts[:4]) if parts[1] == "blocks" else "stem"
            stages.setdefault(place, []).append(name)
        return list(stages.values())


def default_file() -> Path:
    """The file that ``SERBENCH_YAMNET_WEIGHTS`` names.

    Raises:
        WeightsError: the variable is not set.
    """
    named = os.environ.get(WEIGHTS_VARIABLE)
    if not named:
        raise WeightsError(
            "there is no file of yamnet's weights: give --weights yamnet.tflite, or set "
            f"{WEIGHTS_VARIABLE} to its path (--weights none starts with random weights)",
            variable=WEIGHTS_VARIABLE,
        )
    return Path(named)


@hookimpl
def register_backbones(register: Callable[[Backbone], None]) -> None:
    """Register ``yamnet``."""
    register(YamnetBackbone())


@hookimpl
def register_front_ends(register: Callable[[FrontEnd], None]) -> None:
    """Register ``yamnet``."""
    register(YamnetFrontEnd())
