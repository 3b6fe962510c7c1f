"""The backbone ``yamnet`` and the front end ``yamnet``."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from serbench import hookimpl
from serbench.errors import WeightsError
from serbench.model.backbone import DEFAULT_WEIGHTS, NO_WEIGHTS, Backbone, BuiltBackbone
from serbench.model.frontend import FrontEnd, InputSpec
from serbench.model.weights import file_identity, load_matching, read_weights
from serbench_yamnet.front_end import YAMNET_INPUT, YamnetFrontEnd
from serbench_yamnet.network import HEAD, Yamnet
from serbench_yamnet.tflite_weights import yamnet_state

WEIGHTS_VARIABLE = "SERBENCH_YAMNET_WEIGHTS"
"""The environment variable that names the file ``--weights default`` reads."""


@dataclass(frozen=True)
class YamnetBackbone:
    """YAMNet: MobileNet v1 on log mel patches of 0.96 s, trained on AudioSet."""

    name: str = "yamnet"
    front_end: str = "yamnet"

    def input_spec(self) -> InputSpec:
        """One channel of 64 bands, and the frames of a clip of 2.618 s; it takes any number."""
        return YAMNET_INPUT

    def build(self, n_classes: int, weights: str) -> BuiltBackbone:
        """The network with a last layer of ``n_classes`` outputs.

        With 521 classes it keeps AudioSet's own last layer; class 0 is speech.
        """
        module = Yamnet(n_classes)
        if weights == NO_WEIGHTS:
            return BuiltBackbone(module, NO_WEIGHTS)
        path = default_file() if weights == DEFAULT_WEIGHTS else Path(weights)
        state = yamnet_state(path, module) if path.suffix == ".tflite" else read_weights(path)
        load_matching(module, state, (HEAD,), path)
        return BuiltBackbone(module, file_identity(path))

    def stages(self, module: nn.Module) -> Sequence[Sequence[str]]:
        """The stem and each of the 13 depthwise-separable blocks."""
        names = [name for name, _ in module.named_parameters() if not name.startswith(HEAD)]
        stages: dict[str, list[str]] = {}
        for name in names:
            parts = name.split(".")  # network.blocks.STAGE.BLOCK.… or network.conv_stem.…
            place = ".".join(parts[:4]) if parts[1] == "blocks" else "stem"
            stages.setdefault(place, []).append(name)
        return list(stages.values())

    def initial_freeze_depth(self, module: nn.Module) -> int:
        """Everything learns."""
        return 0


def default_file() -> Path:
    """The file that ``SERBENCH_YAMNET_WEIGHTS`` names.

    Raises:
        WeightsError: it names none.
    """
    named = os.environ.get(WEIGHTS_VARIABLE)
    if not named:
        raise WeightsError(
            "yamnet does not know where its weights are: give --weights yamnet.tflite, or name "
            f"that file in {WEIGHTS_VARIABLE} (--weights none starts at random)"
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
