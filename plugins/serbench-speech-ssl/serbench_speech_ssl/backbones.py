"""What all backbones have in common, and the two published systems."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from torch import Tensor, nn

from serbench.data.licence import NOTHING, UNKNOWN_LICENCE, Licence
from serbench.model.backbone import (
    DEFAULT_WEIGHTS,
    NO_WEIGHTS,
    POOLED,
    Built,
    Features,
    loaded,
)
from serbench.model.frontend import InputSpec
from serbench.model.weights import BACKBONE, file_identity, load_exactly, read_weights
from serbench_speech_ssl.encoders import EncoderSize, encoder_stages
from serbench_speech_ssl.networks import Liu2023Network, Lu2020Network
from serbench_speech_ssl.recogniser import RecogniserSize, recogniser_stages
from serbench_speech_ssl.waveform import INPUT
from serbench_speech_ssl.weights import (
    encoder_names,
    fetch,
    fetch_encoder,
    fetch_recogniser,
    read_statistics,
    recogniser_names,
)

SHORTEST = 480
"""Samples that every encoder makes one frame of: 30 ms."""

ENCODER, HEAD = "speech_encoder.", "head."

FAIRSEQS_LICENCE = Licence("MIT", "yes")
"""The licence of the encoders, as torchaudio documents."""


@dataclass(frozen=True, eq=False)
class Published:
    """The weights of an encoder, as published.

    Attributes:
        tensors: the encoder's, under torchaudio's names.
        identity: source and name.
        statistics: mean and inverse deviation of its features, where it has them.
    """

    tensors: Mapping[str, Tensor]
    identity: str
    statistics: Mapping[str, Tensor] = field(default_factory=dict)


class SpeechBackbone(ABC):
    """Base class of all backbones: an encoder of waveforms with three sources of weights.

    Attributes:
        name: name on the command line.
        takes_lengths: True: padding is left out.
        published_under: the licence of the ``default`` weights.
    """

    name: str
    takes_lengths: bool = True
    published_under: ClassVar[Licence] = FAIRSEQS_LICENCE

    def training_corpora(self, weights: str) -> tuple[str, ...] | None:
        """LibriSpeech, on which all published weights used here were trained."""
        if weights == NO_WEIGHTS:
            return ()
        return ("librispeech",) if weights == DEFAULT_WEIGHTS else None

    def licence(self, weights: str) -> Licence:
        """That of the published weights; random ones need none."""
        if weights == NO_WEIGHTS:
            return NOTHING
        return self.published_under if weights == DEFAULT_WEIGHTS else UNKNOWN_LICENCE

    def input_spec(self) -> InputSpec:
        """A waveform at 16 kHz as an image of one row."""
        return INPUT

    def build(self, weights: str, n_classes: int | None = None) -> Built:
        """The network without its last layer.

        Args:
            weights: ``default`` (the published ones), ``none``, or a file: a published encoder, or
                a network trained by serbench.
            n_classes: number of emotions; the last layer of a file trained by serbench is returned
                if it fits them.

        Raises:
            WeightsError: the weights cannot be fetched or read, or do not fit.
        """
        if weights == NO_WEIGHTS:
            module = self.network()
            return Built(module, NO_WEIGHTS, self.widths(module))
        if weights == DEFAULT_WEIGHTS:
            published = self.fetch()  # first, because it may fail before a network is built
            source = published.identity
        else:
            state, identity = read_weights(weights), file_identity(weights)
            if any(name.startswith((ENCODER, BACKBONE)) for name in state):
                return self.trained(state, identity, n_classes, weights)
            published, source = self.read(state, weights), weights
        module = self.network()
        load_exactly(module.speech_encoder, published.tensors, source)
        if published.statistics:
            own = {**module.features.state_dict(), **published.statistics}
            load_exactly(module.features, own, f"the statistics of {source}")
        return Built(module, published.identity, self.widths(module))

    def stages(self, module: nn.Module) -> Sequence[Sequence[str]]:
        """The encoder's stages, then those of the layers after it."""
        encoder = [
            tuple(ENCODER + prefix for prefix in stage) for stage in self.encoder_stages(module)
        ]
        names = [name for name, _ in module.named_parameters()]
        return [
            [name for name in names if name.startswith(prefixes)]
            for prefixes in [*encoder, *self.later_stages()]
        ]

    def initial_freeze_depth(self, module: nn.Module) -> int:
        """The whole encoder is frozen."""
        return len(self.encoder_stages(module))

    def later_stages(self) -> list[tuple[str, ...]]:
        """Prefixes of the parameters of layers after or beside the encoder."""
        return []

    @abstractmethod
    def network(self) -> Any:
        """A network with random weights."""

    @abstractmethod
    def widths(self, module: Any) -> dict[str, int]:
        """The size of each tap of a network."""

    @abstractmethod
    def fetch(self) -> Published:
        """The published weights.

        Raises:
            WeightsError: they cannot be fetched.
        """

    @abstractmethod
    def read(self, state: dict[str, Tensor], weights: str) -> Published:
        """The same from the file ``weights``, which contains ``state``."""

    @abstractmethod
    def trained(
        self, state: Mapping[str, Tensor], identity: str, n_classes: int | None, weights: str
    ) -> Built:
        """A network from the file ``weights`` with the ``state`` of one trained by serbench."""

    @abstractmethod
    def encoder_stages(self, module: Any) -> list[tuple[str, ...]]:
        """Prefixes of the encoder's parameters, stage by stage."""


def fetched_from_torchaudio(name: str, bundle: str) -> Published:
    """The weights of wav2vec 2.0, HuBERT or WavLM that torchaudio publishes.

    Raises:
        WeightsError: they cannot be fetched.
    """
    return Published(fetch(name, lambda: fetch_encoder(bundle)), f"torchaudio:{bundle}")


class System(SpeechBackbone):
    """Base class of published systems: layers of their own after an encoder, one vector per clip.

    Attributes:
        head: ``linear``, trained together with the layers after the encoder.
        taps: only the pooled vector.
        readouts: only the pooled vector.
        front_end: the waveform.
    """

    head: str = "linear"
    taps: tuple[str, ...] = (POOLED,)
    readouts: tuple[str, ...] = (POOLED,)
    front_end: str = "waveform"

    def widths(self, module: Any) -> dict[str, int]:
        """The size of the pooled vector."""
        return {POOLED: module.width}

    def features(
        self, module: nn.Module, inputs: Tensor, lengths: Tensor | None, taps: Sequence[str]
    ) -> Features:
        """The pooled vector ``[B, D]``; ``lengths`` are samples without padding.

        A clip that is too short for one frame is filled up with the silence after it.
        """
        return Features({POOLED: module(inputs, at_least_one_frame(lengths, inputs))})

    def cut(self, module: nn.Module, taps: Sequence[str]) -> nn.Module:
        """The whole network: its only tap is its end."""
        return module

    def trained(
        self, state: Mapping[str, Tensor], identity: str, n_classes: int | None, weights: str
    ) -> Built:
        """A whole network, with its last layer where that fits the emotions."""
        module = self.network()
        return loaded(module, state, identity, module.width, (HEAD,), None, n_classes, weights)


def at_least_one_frame(lengths: Tensor | None, inputs: Tensor) -> Tensor | None:
    """Lengths in samples, increased where they are too short for one frame."""
    return None if lengths is None else lengths.clamp(min=min(SHORTEST, inputs.shape[-1]))


@dataclass(frozen=True)
class Lu2020(System):
    """Lu, Cao, Zhang, Chiu and Fan, ICASSP 2020: emotion from a recogniser's features."""

    name: str = "lu2020"
    bundle: str = "EMFORMER_RNNT_BASE_LIBRISPEECH"
    size: RecogniserSize = field(default_factory=RecogniserSize)
    hidden: int = 128
    attention_heads: int = 8
    published_under: ClassVar[Licence] = UNKNOWN_LICENCE

    def network(self) -> Any:
        """A network with random weights; its features are scaled by rounded statistics."""
        return Lu2020Network(self.size, self.hidden, self.attention_heads)

    def fetch(self) -> Published:
        """The weights and statistics that torchaudio publishes."""
        tensors, statistics = fetch(self.name, lambda: fetch_recogniser(self.bundle))
        return Published(tensors, f"torchaudio:{self.bundle}", statistics)

    def read(self, state: dict[str, Tensor], weights: str) -> Published:
        """A ``.pt`` file of torchaudio with its statistics file in the same folder."""
        statistics = read_statistics(weights)
        return Published(recogniser_names(state), file_identity(weights), statistics)

    def encoder_stages(self, module: Any) -> list[tuple[str, ...]]:
        """Input layers, each layer, output layers."""
        return recogniser_stages(module.speech_encoder)

    def later_stages(self) -> list[tuple[str, ...]]:
        """The LSTM and the attention pooling."""
        return [("lstm.",), ("pooling.",)]


@dataclass(frozen=True)
class Liu2023(System):
    """Liu and others, 2023, as far as known: wav2vec 2.0, and MFCCs with weighted channels."""

    name: str = "liu2023"
    bundle: str = "WAV2VEC2_BASE"
    size: EncoderSize = field(default_factory=EncoderSize)
    hidden: int = 128
    reduction: int = 8

    def network(self) -> Any:
        """A network with random weights."""
        return Liu2023Network(self.size, self.hidden, self.reduction)

    def fetch(self) -> Published:
        """The weights that torchaudio publishes."""
        return fetched_from_torchaudio(self.name, self.bundle)

    def read(self, state: dict[str, Tensor], weights: str) -> Published:
        """A file of torchaudio or of Hugging Face."""
        return Published(encoder_names(state), file_identity(weights))

    def encoder_stages(self, module: Any) -> list[tuple[str, ...]]:
        """Feature extractor, projection and positions, each layer."""
        return encoder_stages(module.speech_encoder)

    def later_stages(self) -> list[tuple[str, ...]]:
        """The LSTM over MFCCs and the weighting of its channels."""
        return [("lstm.",), ("weighting.",)]
