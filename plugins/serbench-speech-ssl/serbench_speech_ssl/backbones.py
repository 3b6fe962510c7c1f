"""The backbones with their networks, weights and stages."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

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
from serbench_speech_ssl.networks import Liu2023Network, Lu2020Network, MeanPooledNetwork
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


class SpeechBackbone(ABC):
    """Base class of the five backbones: an encoder of waveforms with three sources of weights."""

    name: str
    bundle: str
    taps: tuple[str, ...] = (POOLED,)
    takes_lengths: bool = True

    def training_corpora(self, weights: str) -> tuple[str, ...] | None:
        """LibriSpeech, on which all of torchaudio's weights used here were trained."""
        if weights == NO_WEIGHTS:
            return ()
        return ("librispeech",) if weights == DEFAULT_WEIGHTS else None

    def licence(self, weights: str) -> Licence:
        """MIT, as torchaudio documents for the encoders; random weights need none."""
        if weights == NO_WEIGHTS:
            return NOTHING
        encoder = self.bundle.startswith(("WAV2VEC2", "HUBERT", "WAVLM"))
        published = weights == DEFAULT_WEIGHTS and encoder
        return Licence("MIT", "yes") if published else UNKNOWN_LICENCE

    def input_spec(self) -> InputSpec:
        """A waveform at 16 kHz as an image of one row."""
        return INPUT

    def features(
        self, module: nn.Module, inputs: Tensor, lengths: Tensor | None, taps: Sequence[str]
    ) -> Features:
        """The pooled vector ``[B, D]``; ``lengths`` are samples without padding.

        A clip that is too short for one frame is filled up with the silence after it.
        """
        if lengths is not None:
            lengths = lengths.clamp(min=min(SHORTEST, inputs.shape[-1]))
        return Features({POOLED: module(inputs, lengths)})

    def build(self, weights: str, n_classes: int | None = None) -> Built:
        """The network without its last layer.

        Args:
            weights: ``default`` (torchaudio's), ``none``, or a file: an encoder published by
                torchaudio, or a whole network trained by serbench.
            n_classes: number of emotions; the last layer of a file trained by serbench is returned
                if it has this number of emotions.

        Raises:
            WeightsError: the weights cannot be fetched or read, or do not fit.
        """
        if weights == DEFAULT_WEIGHTS:
            fetched = fetch(
                self.name, self.fetch
            )  # first, because it may fail before a network is built
            module = self.network()
            self.load_encoder(module, *fetched, source=self.bundle)
            return Built(module, f"torchaudio:{self.bundle}", {POOLED: module.width})
        module = self.network()
        if weights == NO_WEIGHTS:
            return Built(module, NO_WEIGHTS, {POOLED: module.width})
        state, identity = read_weights(weights), file_identity(weights)
        if any(name.startswith((ENCODER, BACKBONE)) for name in state):
            return loaded(module, state, identity, module.width, (HEAD,), None, n_classes, weights)
        self.load_encoder(module, *self.published(state, weights), source=weights)
        return Built(module, identity, {POOLED: module.width})

    def load_encoder(
        self, module: Any, state: dict[str, Tensor], statistics: dict[str, Tensor], source: str
    ) -> None:
        """Load an encoder's tensors, and the statistics of its features if it has any."""
        load_exactly(module.speech_encoder, state, source)
        if statistics:
            own = {**module.features.state_dict(), **statistics}
            load_exactly(module.features, own, f"the statistics of {source}")

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

    def later_stages(self) -> list[tuple[str, ...]]:
        """Prefixes of the parameters of layers after or beside the encoder."""
        return []

    @abstractmethod
    def network(self) -> Any:
        """A network with random weights."""

    @abstractmethod
    def fetch(self) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """The encoder's tensors and the statistics of its features, from torchaudio."""

    @abstractmethod
    def published(
        self, state: dict[str, Tensor], weights: str
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """The same from the file ``weights``, which contains ``state``."""

    @abstractmethod
    def encoder_stages(self, module: Any) -> list[tuple[str, ...]]:
        """Prefixes of the encoder's parameters, stage by stage."""


class WaveformBackbone(SpeechBackbone):
    """A backbone whose encoder takes waveforms: wav2vec 2.0, HuBERT or WavLM."""

    def fetch(self) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """The weights that torchaudio publishes."""
        return fetch_encoder(self.bundle), {}

    def published(
        self, state: dict[str, Tensor], weights: str
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """A ``.pth`` file of torchaudio, with either naming of weight norm."""
        return encoder_names(state), {}

    def encoder_stages(self, module: Any) -> list[tuple[str, ...]]:
        """Feature extractor, projection and positions, each layer."""
        return encoder_stages(module.speech_encoder)


@dataclass(frozen=True)
class MeanPooled(WaveformBackbone):
    """A fine-tuned encoder with mean pooling and a linear layer."""

    name: str
    bundle: str
    size: EncoderSize = field(default_factory=EncoderSize)
    front_end: str = "waveform"

    def network(self) -> Any:
        """A network with random weights."""
        return MeanPooledNetwork(self.size, self.bundle.startswith("WAVLM"))

    def initial_freeze_depth(self, module: nn.Module) -> int:
        """The feature extractor is frozen, as is usual."""
        return 1


@dataclass(frozen=True)
class Lu2020(SpeechBackbone):
    """Lu, Cao, Zhang, Chiu and Fan, ICASSP 2020: emotion from a recogniser's features."""

    name: str = "lu2020"
    bundle: str = "EMFORMER_RNNT_BASE_LIBRISPEECH"
    size: RecogniserSize = field(default_factory=RecogniserSize)
    hidden: int = 128
    attention_heads: int = 8
    front_end: str = "waveform"

    def network(self) -> Any:
        """A network with random weights; its features are scaled by rounded statistics."""
        return Lu2020Network(self.size, self.hidden, self.attention_heads)

    def fetch(self) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """The weights and statistics that torchaudio publishes."""
        return fetch_recogniser(self.bundle)

    def published(
        self, state: dict[str, Tensor], weights: str
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """A ``.pt`` file of torchaudio with its statistics file in the same folder."""
        return recogniser_names(state), read_statistics(weights)

    def encoder_stages(self, module: Any) -> list[tuple[str, ...]]:
        """Input layers, each layer, output layers."""
        return recogniser_stages(module.speech_encoder)

    def later_stages(self) -> list[tuple[str, ...]]:
        """The LSTM and the attention pooling."""
        return [("lstm.",), ("pooling.",)]

    def initial_freeze_depth(self, module: nn.Module) -> int:
        """The whole recogniser is frozen."""
        return len(self.encoder_stages(module))


@dataclass(frozen=True)
class Liu2023(WaveformBackbone):
    """Liu and others, 2023, as far as known: wav2vec 2.0, and MFCCs with weighted channels."""

    name: str = "liu2023"
    bundle: str = "WAV2VEC2_BASE"
    size: EncoderSize = field(default_factory=EncoderSize)
    hidden: int = 128
    reduction: int = 8
    front_end: str = "waveform"

    def network(self) -> Any:
        """A network with random weights."""
        return Liu2023Network(self.size, self.hidden, self.reduction)

    def later_stages(self) -> list[tuple[str, ...]]:
        """The LSTM over MFCCs and the weighting of its channels."""
        return [("lstm.",), ("weighting.",)]

    def initial_freeze_depth(self, module: nn.Module) -> int:
        """The whole wav2vec 2.0 encoder is frozen."""
        return len(self.encoder_stages(module))
