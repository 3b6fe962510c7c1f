"""Backbones: feature image → features, in stages that can be frozen from the input on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from serbench.data.licence import NOTHING, UNKNOWN_LICENCE, Licence
from serbench.model.weights import file_identity, load_exactly, read_weights, split_state

if TYPE_CHECKING:
    from torch import Tensor, nn

    from serbench.model.frontend import InputSpec

DEFAULT_WEIGHTS = "default"
"""What asks for a backbone's own pretrained weights."""

NO_WEIGHTS = "none"
"""What asks for random weights, and the identity of a network that started from them."""

POOLED = "pooled"
"""The tap of a backbone that is read out in one place: the vector before its last layer."""


@dataclass(frozen=True, eq=False)
class Features:
    """What a backbone gives out at its taps.

    Attributes:
        taps: name of the tap → pooled vectors ``[B, D]`` or frames ``[B, T, D]``.
        lengths: frames of each clip that are not padding ``[B]``, or None where all are real.
    """

    taps: Mapping[str, Tensor]
    lengths: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Built:
    """A network without its last layer, ready to learn.

    Attributes:
        module: feature image ``[B, C, F, T]`` → pooled vector ``[B, width]``.
        weights: identity of what it starts from: ``none`` or source and name.
        width: size of the pooled vector.
        head: ``weight`` ``[n_classes, width]`` and ``bias`` ``[n_classes]`` of the last layer that
            belongs to the network, drawn or loaded together with it; None where there is none for
            so many classes. A linear head starts from it.
    """

    module: nn.Module
    weights: str
    width: int
    head: Mapping[str, Tensor] | None = None


class Backbone(Protocol):
    """What a backbone plugin registers."""

    @property
    def name(self) -> str:
        """As typed on the command line."""

    @property
    def front_end(self) -> str:
        """The front end it is used with unless the user names another."""

    @property
    def taps(self) -> Sequence[str]:
        """Names of the places where it can be read out, from the input on."""

    def input_spec(self) -> InputSpec:
        """What the front end has to deliver."""

    def build(self, weights: str, n_classes: int | None = None) -> Built:
        """The network without its last layer.

        Args:
            weights: ``default`` (the backbone's own pretrained weights, where it has any),
                ``none``, or the path of a file.
            n_classes: number of emotions, where a last layer for them shall be handed on: some
                networks draw it together with the rest, and files hold one.

        Raises:
            WeightsError: the weights cannot be had or do not fit; never a silent random start.
        """

    def training_corpora(self, weights: str) -> tuple[str, ...] | None:
        """Names of the corpora that some weights were trained on, as far as they are published.

        A protocol that tests on one of them is refused, since its speakers would not be new.

        Args:
            weights: as ``build`` takes them.

        Returns:
            in lower case, a corpus of speech by the name under which serbench recognises it; none
            for random weights; None where nobody knows.
        """

    def licence(self, weights: str) -> Licence:
        """The licence of some weights.

        Args:
            weights: as ``build`` takes them.

        Returns:
            ``NOTHING`` of random weights; ``UNKNOWN_LICENCE`` where nobody knows.
        """

    def features(
        self, module: nn.Module, inputs: Tensor, lengths: Tensor | None, taps: Sequence[str]
    ) -> Features:
        """What ``module``, which ``build`` made, gives out at some taps.

        Args:
            module: the network.
            inputs: feature images ``[B, C, F, T]``.
            lengths: columns of each image that are not padding ``[B]``, or None for all.
            taps: of ``taps``, at least one.
        """

    def stages(self, module: nn.Module) -> Sequence[Sequence[str]]:
        """Names of the parameters of each stage, from the input on."""

    def initial_freeze_depth(self, module: nn.Module) -> int:
        """How many stages are frozen where a search starts."""


class PooledBackbone:
    """What most backbones have in common: one vector is given out, and weights are published once.

    Attributes:
        taps: the pooled vector alone.
        published_on: corpora that the ``default`` weights were trained on; None where they are
            not known, which is what is taken for weights from a file.
        published_under: the licence of the ``default`` weights.
    """

    taps: tuple[str, ...] = (POOLED,)
    published_on: ClassVar[tuple[str, ...] | None] = None
    published_under: ClassVar[Licence] = UNKNOWN_LICENCE

    def training_corpora(self, weights: str) -> tuple[str, ...] | None:
        """Those of the published weights; none for random ones."""
        if weights == NO_WEIGHTS:
            return ()
        return self.published_on if weights == DEFAULT_WEIGHTS else None

    def licence(self, weights: str) -> Licence:
        """That of the published weights; random ones need none."""
        if weights == NO_WEIGHTS:
            return NOTHING
        return self.published_under if weights == DEFAULT_WEIGHTS else UNKNOWN_LICENCE

    def features(
        self, module: nn.Module, inputs: Tensor, lengths: Tensor | None, taps: Sequence[str]
    ) -> Features:
        """The pooled vector ``[B, D]``."""
        return Features({POOLED: module(inputs)})


def continued(
    module: nn.Module,
    weights: str,
    width: int,
    heads: Sequence[str] = ("head.",),
    drawn: Mapping[str, Tensor] | None = None,
    n_classes: int | None = None,
) -> Built:
    """A network as it is, or with the weights of a file: for one without weights of its own.

    Args:
        module: a fresh network without its last layer.
        weights: ``none`` or ``default``, which is the same here, or the path of a file.
        width: size of the pooled vector.
        heads: prefixes of the last layer's parameter names in published files.
        drawn: the last layer that was drawn with the network, or None.
        n_classes: number of emotions, where a last layer for them shall be handed on.

    Raises:
        WeightsError: the file cannot be read or does not fit.
    """
    if weights in (DEFAULT_WEIGHTS, NO_WEIGHTS):
        return Built(module, NO_WEIGHTS, width, drawn)
    state = read_weights(weights)
    return loaded(module, state, file_identity(weights), width, heads, drawn, n_classes, weights)


def loaded(
    module: nn.Module,
    state: Mapping[str, Tensor],
    identity: str,
    width: int,
    heads: Sequence[str],
    drawn: Mapping[str, Tensor] | None,
    n_classes: int | None,
    source: object,
) -> Built:
    """A network with the weights of a state dict, of which the last layer is handed on if it fits.

    Args:
        module: a fresh network without its last layer.
        state: published under the network's own names, or trained here as ``backbone.*`` and
            ``head.*``.
        identity: of these weights.
        width: size of the pooled vector.
        heads: prefixes of the last layer's parameter names in published states.
        drawn: the last layer that was drawn with the network, or None.
        n_classes: number of emotions, where a last layer for them shall be handed on.
        source: for messages.

    Raises:
        WeightsError: the state does not fit.
    """
    body, head = split_state(state, module.state_dict().keys(), heads)
    load_exactly(module, body, source)
    fits = n_classes is not None and _shapes(head) == _shapes_for(n_classes, width)
    return Built(module, identity, width, head if fits else drawn)


def _shapes(head: Mapping[str, Tensor]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(tensor.shape) for name, tensor in head.items()}


def _shapes_for(n_classes: int, width: int) -> dict[str, tuple[int, ...]]:
    return {"weight": (n_classes, width), "bias": (n_classes,)}


def layer_of(module: Any) -> dict[str, Tensor] | None:
    """``weight`` and ``bias`` of a linear layer, copied; None of any other module."""
    from torch import nn

    if not isinstance(module, nn.Linear) or module.bias is None:
        return None
    return {name: tensor.detach().clone() for name, tensor in module.named_parameters()}


def stages_of(module: nn.Module, children: Sequence[Sequence[str]]) -> list[list[str]]:
    """The parameters of each stage, given the paths of the modules that it is made of.

    ``stages_of(module, [["conv1", "bn1"], ["layer1"]])`` are two stages.
    """
    names = [name for name, _ in module.named_parameters()]
    return [
        [name for name in names if name.startswith(tuple(f"{child}." for child in stage))]
        for stage in children
    ]
