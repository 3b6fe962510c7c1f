"""Every network of PyTorch Image Models (Wightman 2019), pretrained on images.

timm is imported only when a backbone is used, because its import takes two seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from serbench import hookimpl
from serbench.data.licence import Licence, named_licence
from serbench.errors import UsageError
from serbench.model.backbone import (
    DEFAULT_WEIGHTS,
    POOLED,
    Backbone,
    Built,
    PooledBackbone,
    continued,
)
from serbench.model.frontend import InputSpec
from serbench.model.hub import fetch_weights
from serbench.model.ranges import Range
from serbench.model.weights import layer_of

FIRST_LEARNING_LAYER = {"inception_v3": "Mixed_6a."}
"""The first layer that the paper trains: the last eight mixed layers of Inception learn."""

CORPORA = {
    "in1k": "imagenet-1k",
    "in12k": "imagenet-12k",
    "in21k": "imagenet-21k",
    "in22k": "imagenet-22k",
    "webli": "webli",
    "laion2b": "laion-2b",
    "laion400m": "laion-400m",
    "datacomp1b": "datacomp-1b",
    "lvd142m": "lvd-142m",
    "lvd1689m": "lvd-1689m",
    "jft": "jft-300m",
    "ig1b": "ig-1b",
    "yfcc15m": "yfcc-15m",
    "yfcc100m": "yfcc-100m",
}
"""Image corpora in the tags of timm's weights ("ra_in1k", "fb_in22k_ft_in1k")."""


@dataclass(frozen=True)
class TimmBackbone(PooledBackbone):
    """A network of timm, with or without a tag for its weights."""

    name: str
    front_end: str = "mel"

    def input_spec(self) -> InputSpec:
        """The image size, mean and standard deviation with which its weights were trained."""
        from timm.models import get_pretrained_cfg

        config = get_pretrained_cfg(self.name)
        channels, height, width = config.input_size
        return InputSpec(channels, height, width, tuple(config.mean), tuple(config.std))

    def training_corpora(self, weights: str) -> tuple[str, ...] | None:
        """The corpora in the tag of the published weights."""
        if weights != DEFAULT_WEIGHTS:
            return super().training_corpora(weights)
        from timm.models import get_pretrained_cfg

        parts = str(get_pretrained_cfg(self.name).tag).split("_")
        return tuple(CORPORA[part] for part in parts if part in CORPORA) or None

    def licence(self, weights: str) -> Licence:
        """That of the published weights, as timm states it."""
        if weights != DEFAULT_WEIGHTS:
            return super().licence(weights)
        from timm.models import get_pretrained_cfg

        return named_licence(getattr(get_pretrained_cfg(self.name), "license", None))

    def build(self, weights: str, n_classes: int | None = None) -> Built:
        """The network without its last layer, which is initialised with it for ``n_classes``.

        Networks whose last layer is not a single linear layer return none: their whole classifier
        is removed, and the head starts with random weights.
        """
        pretrained = weights == DEFAULT_WEIGHTS
        make = self._pretrained if pretrained else self._fresh
        module = make(n_classes or 1)
        heads = _heads(module)
        if not any(name.startswith(heads) for name, _ in module.named_parameters()):
            raise UsageError(
                f"{self.name} has no last layer for classes: choose another backbone",
                backbone=self.name,
            )
        last = module.get_classifier()
        drawn = layer_of(last) if len(heads) == 1 else None
        if drawn is None:
            whole = module.state_dict().keys()
            module.reset_classifier(0)
            # A published file may contain other parts of the classifier, too.
            heads = (*heads, *(whole - module.state_dict().keys()))
            width = self._width(module)
        else:
            # The method of some networks for this also removes a batch norm before the layer.
            _take_out(module, last)
            width = last.in_features
        head = drawn if n_classes is not None else None
        if pretrained:
            config = module.pretrained_cfg
            identity = f"timm:{config['architecture']}.{config['tag']}"
            return Built(module, identity, {POOLED: width}, head)
        return continued(module, weights, width, heads, head, n_classes)

    def _width(self, module: Any) -> int:
        """Size of the output vector of a network without its last layer."""
        spec = self.input_spec()
        module.eval()
        try:
            with torch.inference_mode():
                vector = module(torch.zeros(1, spec.channels, spec.height, spec.width))
        # The class of the error depends on the network.
        except Exception as error:
            raise UsageError(
                f"{self.name} has no output before its last layer: choose another backbone",
                backbone=self.name,
            ) from error
        if vector.dim() != 2:
            raise UsageError(
                f"{self.name} has an output with {vector.dim()} axes before its last layer, not a "
                "vector: choose another backbone",
                backbone=self.name,
            )
        return int(vector.shape[1])

    def _fresh(self, n_classes: int) -> Any:
        import timm

        return timm.create_model(self.name, pretrained=False, num_classes=n_classes)

    def _pretrained(self, n_classes: int) -> Any:
        import timm

        return fetch_weights(
            self.name,
            lambda: timm.create_model(self.name, pretrained=True, num_classes=n_classes),
        )

    def stages(self, module: nn.Module) -> Sequence[Sequence[str]]:
        """Timm's layer groups (coarse, where timm has two levels), else the direct children."""
        heads = _heads(module)
        names = [name for name, _ in module.named_parameters() if not name.startswith(heads)]
        places = _places(module)
        stages: dict[int, list[str]] = {}
        for name in sorted(names, key=places.__getitem__):
            stages.setdefault(places[name], []).append(name)
        return list(stages.values())

    def freeze_depths(self, module: nn.Module) -> Range:
        """All depths; at first the stages before those that the paper trains, else none."""
        stages = self.stages(module)
        first = FIRST_LEARNING_LAYER.get(self.name.partition(".")[0], "")
        learning = [any(name.startswith(first) for name in stage) for stage in stages]
        return Range(0, len(stages), learning.index(True))


def _take_out(module: nn.Module, layer: nn.Module) -> None:
    """Replace a layer with the identity."""
    (path,) = (name for name, part in module.named_modules() if part is layer)
    parent, _, name = path.rpartition(".")
    setattr(module.get_submodule(parent), name, nn.Identity())


def _places(module: Any) -> dict[str, int]:
    """Parameter name → number of its layer group or child module, from the input on."""
    from timm.models import group_parameters

    if hasattr(module, "group_matcher"):
        with suppress(AssertionError):  # raised by networks without coarse groups
            groups: dict[str, int] = group_parameters(
                module, module.group_matcher(coarse=True), reverse=True
            )
            return groups
    children = {child: place for place, (child, _) in enumerate(module.named_children())}
    # Parameters of no child (class tokens, position embeddings) are used at the input.
    return {name: children.get(name.partition(".")[0], 0) for name, _ in module.named_parameters()}


def _heads(module: Any) -> tuple[str, ...]:
    """Prefixes of the last layer's parameters; a distilled network has two last layers."""
    named = module.pretrained_cfg["classifier"]
    heads = named if isinstance(named, (tuple, list)) else (named,)
    return tuple(f"{head}." for head in heads)


@hookimpl
def register_backbones(register: Callable[[Backbone], None]) -> None:
    """Register every architecture without a tag, and with each tag of its weights."""
    import timm

    for name in (*timm.list_models(), *timm.list_pretrained()):
        register(TimmBackbone(name))
