"""Backbones: feature image → features, in stages that can be frozen from the input on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Protocol

from serbench.data.licence import NOTHING, UNKNOWN_LICENCE, Licence
from serbench.model.ranges import Range
from serbench.model.weights import file_identity, load_exactly, read_weights, split_state

if TYPE_CHECKING:
    from torch import Tensor, nn

    from serbench.model.frontend import InputSpec

DEFAULT_WEIGHTS = "default"
"""Value of ``weights`` for a backbone's published weights."""

NO_WEIGHTS = "none"
"""Value of ``weights`` for random weights, and their identity."""

POOLED = "pooled"
"""The only tap of most backbones: the vector before the last layer."""

USUAL_AUGMENTATIONS = ("time-shift", "frequency-mask", "time-mask", "gain", "noise")
"""The augmentations of backbones that are trained from the first trial on."""


@dataclass(frozen=True, eq=False)
class Features:
    """The output of a backbone at its taps.

    Attributes:
        taps: name of the tap → pooled vectors ``[B, D]`` or frames ``[B, T, D]``.
        lengths: frames of each clip that are not padding ``[B]``, or None where no frame is
            padding.
    """

    taps: Mapping[str, Tensor]
    lengths: Tensor | None = None


@dataclass(frozen=True, eq=False)
class Built:
    """A network without its last layer, ready for training.

    Attributes:
        module: a network that ``features`` takes.
        weights: identity of its initial weights: ``none``, or source and name.
        widths: size D of the vectors or frames of each tap.
        head: ``weight`` ``[n_classes, D]`` and ``bias`` ``[n_classes]`` of the network's last
            layer, which was initialised or loaded with it and from which a linear head starts; None
            where it has no last layer for this number of classes and the initial read-out.
    """

    module: nn.Module
    weights: str
    widths: Mapping[str, int]
    head: Mapping[str, Tensor] | None = None


class Reader(Protocol):
    """The part of a backbone that runs its network."""

    @property
    def takes_lengths(self) -> bool:
        """Whether ``features`` ignores the padding after ``lengths``.

        Clips are then padded with zeros and ``features`` receives their lengths. All other
        backbones receive clips padded by reflection, and no lengths.
        """

    def features(
        self, module: nn.Module, inputs: Tensor, lengths: Tensor | None, taps: Sequence[str]
    ) -> Features:
        """The output of ``module`` at some taps.

        Args:
            module: a network that ``build`` or ``cut`` returned.
            inputs: feature images ``[B, C, F, T]``.
            lengths: columns of each image that are not padding ``[B]``, or None for all; always
                None where ``takes_lengths`` is false.
            taps: one or more names of ``taps``.
        """


class Backbone(Reader, Protocol):
    """The interface of a backbone plugin."""

    @property
    def name(self) -> str:
        """Name on the command line."""

    @property
    def front_end(self) -> str:
        """Its front end, unless the user names another one."""

    @property
    def head(self) -> str:
        """Its head, unless the user names another one."""

    @property
    def taps(self) -> Sequence[str]:
        """Names of the layers with outputs that can be used as features, from the input on."""

    @property
    def readouts(self) -> Sequence[str]:
        """The read-outs that a study searches, as `ReadOut` describes them; the initial one first.

        All taps of one read-out give vectors, or all give frames.
        """

    @property
    def augmentations(self) -> Sequence[str]:
        """The augmentations whose widths a study searches, unless the user names others.

        None where the first trial freezes every stage: without augmentations, the features of a
        frozen backbone are computed once for all epochs and trials.
        """

    def input_spec(self) -> InputSpec:
        """Size, mean and standard deviation of its input images."""

    def build(self, weights: str, n_classes: int | None = None) -> Built:
        """The network without its last layer.

        Args:
            weights: ``default`` (the published weights of the backbone, if there are any),
                ``none``, or the path of a file.
            n_classes: number of emotions, if a last layer for them is to be returned: some networks
                initialise it together with the rest, and files may contain one.

        Raises:
            WeightsError: the weights are not available or do not fit; the network never starts at
                random instead.
        """

    def cut(self, module: nn.Module, taps: Sequence[str]) -> nn.Module:
        """The same network without the layers that no tap of ``taps`` needs.

        The names of the remaining parameters do not change. ``module`` may be changed.
        """

    def training_corpora(self, weights: str) -> tuple[str, ...] | None:
        """Names of the corpora that weights were trained on.

        A protocol that tests on one of them is refused, since its speakers are not new.

        Args:
            weights: as for ``build``.

        Returns:
            Names in lower case, with serbench's name for a corpus of speech; empty for random
            weights; None where the corpora are not known.
        """

    def licence(self, weights: str) -> Licence:
        """The licence of some weights.

        Args:
            weights: as ``build`` takes them.

        Returns:
            ``NOTHING`` of random weights; ``UNKNOWN_LICENCE`` if it is unknown. A network without
            weights may have the licence of the software that computes its features.
        """

    def stages(self, module: nn.Module) -> Sequence[Sequence[str]]:
        """Names of the parameters of each stage, from the input on."""

    def freeze_depths(self, module: nn.Module) -> Range:
        """The numbers of frozen stages that a study searches, unless the user gives bounds.

        Where all stages are always frozen, every head uses features that are computed once.
        """


class PooledBackbone:
    """Base class of backbones with one output vector and one set of published weights.

    Attributes:
        head: ``linear``, trained together with the backbone.
        taps: only the pooled vector.
        readouts: only the pooled vector.
        augmentations: the usual ones.
        freeze_depths: all numbers of stages, 0 at first.
        takes_lengths: False: the whole image counts, padding too.
        published_on: corpora that the ``default`` weights were trained on, or None where they are
            not known; those of weights from a file are never known.
        published_under: the licence of the ``default`` weights.
    """

    head: str = "linear"
    taps: tuple[str, ...] = (POOLED,)
    readouts: tuple[str, ...] = (POOLED,)
    augmentations: tuple[str, ...] = USUAL_AUGMENTATIONS
    takes_lengths: bool = False
    published_on: ClassVar[tuple[str, ...] | None] = None
    published_under: ClassVar[Licence] = UNKNOWN_LICENCE

    def training_corpora(self, weights: str) -> tuple[str, ...] | None:
        """The corpora of the published weights; empty for random ones."""
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

    def cut(self, module: nn.Module, taps: Sequence[str]) -> nn.Module:
        """The whole network: its only tap is its end."""
        return module

    def freeze_depths(self: Backbone, module: nn.Module) -> Range:
        """All depths; no stage is frozen in the first trial."""
        return Range(0, len(self.stages(module)), 0)


def continued(
    module: nn.Module,
    weights: str,
    width: int,
    heads: Sequence[str] = ("head.",),
    drawn: Mapping[str, Tensor] | None = None,
    n_classes: int | None = None,
) -> Built:
    """The network of a backbone without published weights, or with the weights of a file.

    Args:
        module: a network with random weights, without its last layer.
        weights: ``none`` or ``default``, which have the same meaning here, or the path of a file.
        width: size of the pooled vector.
        heads: prefixes of the last layer's parameter names in published files.
        drawn: the last layer that was initialised with the network, or None.
        n_classes: number of emotions, if a last layer for them is to be returned.

    Raises:
        WeightsError: the file cannot be read or does not fit.
    """
    if weights in (DEFAULT_WEIGHTS, NO_WEIGHTS):
        return Built(module, NO_WEIGHTS, {POOLED: width}, drawn)
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
    """A network with the weights of a state dict, whose last layer is returned if it fits.

    Args:
        module: a network with random weights, without its last layer.
        state: weights with the names of the published network, or trained by serbench with the
            names ``backbone.*`` and ``head.*``.
        identity: identity of these weights.
        width: size of the pooled vector.
        heads: prefixes of the last layer's parameter names in published states.
        drawn: the last layer that was initialised with the network, or None.
        n_classes: number of emotions, if a last layer for them is to be returned.
        source: name of the source, for messages.

    Raises:
        WeightsError: the state does not fit.
    """
    body, head = split_state(state, module.state_dict().keys(), heads)
    load_exactly(module, body, source)
    shapes = {name: tuple(tensor.shape) for name, tensor in head.items()}
    fits = shapes == {"weight": (n_classes, width), "bias": (n_classes,)}
    return Built(module, identity, {POOLED: width}, head if fits else drawn)


def stages_of(module: nn.Module, children: Sequence[Sequence[str]]) -> list[list[str]]:
    """The parameters of each stage, given the paths of its modules.

    ``stages_of(module, [["conv1", "bn1"], ["layer1"]])`` gives two stages.
    """
    names = [name for name, _ in module.named_parameters()]
    return [
        [name for name in names if name.startswith(tuple(f"{child}." for child in stage))]
        for stage in children
    ]
