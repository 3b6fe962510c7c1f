"""Every network of PyTorch Image Models (Wightman 2019), pretrained on images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import timm
from timm.models import get_pretrained_cfg, group_parameters
from torch import nn

from serbench import hookimpl
from serbench.errors import WeightsError
from serbench.model.backbone import DEFAULT_WEIGHTS, NO_WEIGHTS, Backbone, BuiltBackbone
from serbench.model.frontend import InputSpec
from serbench.model.weights import file_identity, load_matching, read_weights

FIRST_LEARNING_LAYER = {"inception_v3": "Mixed_6a."}
"""Where the paper began to train: the final eight mixed layers of Inception."""


@dataclass(frozen=True)
class TimmBackbone:
    """One of timm's networks, with or without a tag that names its weights."""

    name: str
    front_end: str = "mel"

    def input_spec(self) -> InputSpec:
        """The size, mean and deviation its pretrained weights were trained with."""
        config = get_pretrained_cfg(self.name)
        channels, height, width = config.input_size
        return InputSpec(channels, height, width, tuple(config.mean), tuple(config.std))

    def build(self, n_classes: int, weights: str) -> BuiltBackbone:
        """The network with a last layer of ``n_classes`` outputs."""
        if weights == DEFAULT_WEIGHTS:
            module = self._pretrained(n_classes)
            config = module.pretrained_cfg
            return BuiltBackbone(module, f"timm:{config['architecture']}.{config['tag']}")
        module = timm.create_model(self.name, pretrained=False, num_classes=n_classes)
        if weights == NO_WEIGHTS:
            return BuiltBackbone(module, NO_WEIGHTS)
        load_matching(module, read_weights(weights), _heads(module), weights)
        return BuiltBackbone(module, file_identity(weights))

    def _pretrained(self, n_classes: int) -> Any:
        try:
            return timm.create_model(self.name, pretrained=True, num_classes=n_classes)
        # What a failed download raises depends on the hub's client and the network between.
        except Exception as error:
            raise WeightsError(
                f"pretrained weights of {self.name} could not be fetched "
                f"({type(error).__name__}): connect to the internet or fill the Hugging Face "
                "cache (HF_HOME), give a file with --weights FILE, or start from random "
                "weights with --weights none"
            ) from error

    def stages(self, module: nn.Module) -> Sequence[Sequence[str]]:
        """Timm's own layer groups, coarse where it offers a choice, else the direct children."""
        heads = _heads(module)
        names = [name for name, _ in module.named_parameters() if not name.startswith(heads)]
        matcher: Any = getattr(module, "group_matcher", None)
        if matcher is not None:
            groups = group_parameters(module, matcher(coarse=True), reverse=True)
        else:
            groups = {name: name.split(".")[0] for name in names}
        stages: dict[object, list[str]] = {}
        for name in sorted(names, key=groups.__getitem__) if groups else names:
            stages.setdefault(groups[name], []).append(name)
        return list(stages.values())

    def paper_freeze_depth(self, module: nn.Module) -> int:
        """The stages before the first one that the paper trained."""
        first = FIRST_LEARNING_LAYER.get(self.name.partition(".")[0])
        if first is None:
            return 0
        learning = [any(name.startswith(first) for name in stage) for stage in self.stages(module)]
        return learning.index(True)


def _heads(module: Any) -> tuple[str, ...]:
    """Prefixes of the last layer's parameters; a distilled network has two of them."""
    named = module.pretrained_cfg["classifier"]
    heads = named if isinstance(named, (tuple, list)) else (named,)
    return tuple(f"{head}." for head in heads)


@hookimpl
def register_backbones(register: Callable[[Backbone], None]) -> None:
    """Register every architecture, and every architecture with the tag of its weights."""
    for name in (*timm.list_models(), *timm.list_pretrained()):
        register(TimmBackbone(name))
