"""What all backbones have in common, and those of the two published systems."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from torch import Tensor, nn

from serbench.data.licence import NOTHING, UNKNOWN_LICENCE, Licence
from serbench.model.backbone import DEFAULT_WEIGHTS, NO_WEIGHTS, Built, Features
from serbench.model.frontend import InputSpec
from serbench.model.hub import fetch_weights
from serbench.model.ranges import Range
from serbench.model.readout import ReadOut
from serbench.model.weights import (
    BACKBONE,
    HEAD,
    file_identity,
    load_exactly,
    read_weights,
    split_state,
)
from serbench_speech_ssl.encoders import EncoderSize, encoder_stages
from serbench_speech_ssl.networks import CepstralFrames, CepstrumNetwork, RecogniserNetwork
from serbench_speech_ssl.recogniser import RecogniserSize, recogniser_stages
from serbench_speech_ssl.waveform import INPUT
from serbench_speech_ssl.weights import (
    TORCHS_CACHE,
    encoder_names,
    fetch_encoder,
    fetch_recogniser,
    read_statistics,
    recogniser_names,
)

SHORTEST = 480
"""Samples that every encoder makes one frame of: 30 ms."""

ENCODER = "speech_encoder."
"""Prefix of the encoder's names in a network."""

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
        source: torchaudio's bundle, or the repository on the Hugging Face Hub.
        front_end: the waveform.
        takes_lengths: True: padding is left out.
        augmentations: none, so that features are computed once.
        may_be_random: whether the default head accepts random weights.
        published_under: the licence of the ``default`` weights.
    """

    name: str
    source: str
    front_end: str = "waveform"
    takes_lengths: bool = True
    augmentations: tuple[str, ...] = ()
    published_under: ClassVar[Licence] = FAIRSEQS_LICENCE
    may_be_random: ClassVar[bool] = True

    @property
    @abstractmethod
    def taps(self) -> tuple[str, ...]:
        """Names of the outputs that can be used, all of which are frames."""

    @property
    @abstractmethod
    def readouts(self) -> tuple[str, ...]:
        """The read-outs that a study searches."""

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

    def features(
        self, module: nn.Module, inputs: Tensor, lengths: Tensor | None, taps: Sequence[str]
    ) -> Features:
        """Frames ``[B, T, D]`` of the taps, with their numbers in each clip.

        ``lengths`` are samples without padding. A clip that is too short for one frame is filled up
        with the silence after it.

        Raises:
            WeightsError: the network has no such tap.
        """
        known = None if lengths is None else lengths.clamp(min=min(SHORTEST, inputs.shape[-1]))
        frames, counts = self.frames(module, inputs, known, taps)
        return Features({tap: frames[tap] for tap in taps}, counts)

    def cut(self, module: nn.Module, taps: Sequence[str]) -> nn.Module:
        """The whole network."""
        return module

    def build(self, weights: str, n_classes: int | None = None) -> Built:
        """The encoder.

        Args:
            weights: ``default`` (the published ones), ``none``, or a file: a published encoder, or
                a network trained by serbench.
            n_classes: number of emotions; the last layer of a file trained by serbench is returned
                if it is linear and fits them and the initial read-out.

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
                return self._trained(state, identity, n_classes, weights)
            published, source = self.read(state, weights), weights
        module = self.network()
        load_exactly(module.speech_encoder, published.tensors, source)
        if published.statistics:
            own = {**module.features.state_dict(), **published.statistics}
            load_exactly(module.features, own, f"the statistics of {source}")
        return Built(module, published.identity, self.widths(module))

    def _trained(
        self, state: Mapping[str, Tensor], identity: str, n_classes: int | None, source: str
    ) -> Built:
        """The network of a file that serbench has written, with its last layer if it fits."""
        whole = self.network()
        body, last = split_state(state, whole.state_dict().keys(), (HEAD,))
        module = self.shortened(whole, body)
        load_exactly(module, body, source)
        widths = self.widths(module)
        readout = ReadOut.parse(self.readouts[0], self.taps)
        shapes = {name: tuple(tensor.shape) for name, tensor in last.items()}
        fits = widths.keys() >= set(readout.taps) and shapes == {
            "weight": (n_classes, readout.width(widths)),
            "bias": (n_classes,),
        }
        return Built(module, identity, widths, last if fits else None)

    def shortened(self, module: Any, state: Mapping[str, Tensor]) -> Any:
        """The network without last layers that a state need not contain."""
        return module

    def stages(self, module: Any) -> Sequence[Sequence[str]]:
        """The encoder's stages, from the input on."""
        names = [name for name, _ in module.named_parameters()]
        return [
            [name for name in names if name.startswith(tuple(ENCODER + each for each in prefixes))]
            for prefixes in self.encoder_stages(module.speech_encoder)
        ]

    def freeze_depths(self, module: nn.Module) -> Range:
        """The whole encoder is frozen in every trial."""
        stages = len(self.stages(module))
        return Range(stages, stages, stages)

    def encoder_stages(self, encoder: Any) -> list[tuple[str, ...]]:
        """Prefixes of the encoder's parameters: feature extractor, projection, each layer."""
        return encoder_stages(encoder)

    def fetch(self) -> Published:
        """The published weights.

        Raises:
            WeightsError: they cannot be fetched.
        """
        bundle = self.source
        tensors = fetch_weights(
            self.name, lambda: fetch_encoder(bundle), TORCHS_CACHE, self.may_be_random
        )
        return Published(tensors, f"torchaudio:{bundle}")

    def read(self, state: dict[str, Tensor], weights: str) -> Published:
        """The same from the file ``weights``, which contains ``state``."""
        return Published(encoder_names(state), file_identity(weights))

    @abstractmethod
    def network(self) -> Any:
        """A network with random weights, which has the encoder as ``speech_encoder``."""

    @abstractmethod
    def widths(self, module: Any) -> dict[str, int]:
        """The size of each tap of a network."""

    @abstractmethod
    def frames(
        self, module: Any, inputs: Tensor, lengths: Tensor | None, taps: Sequence[str]
    ) -> tuple[Mapping[str, Tensor], Tensor | None]:
        """Frames of these taps, and perhaps of others, and their number in each clip or None."""


@dataclass(frozen=True)
class Lu2020(SpeechBackbone):
    """The recogniser's encoder of Lu, Cao, Zhang, Chiu and Fan, ICASSP 2020."""

    name: str = "lu2020"
    source: str = "EMFORMER_RNNT_BASE_LIBRISPEECH"
    size: RecogniserSize = field(default_factory=RecogniserSize)
    head: str = "lu2020"
    taps: tuple[str, ...] = ("encoder",)
    readouts: tuple[str, ...] = ("encoder/mean",)
    published_under: ClassVar[Licence] = UNKNOWN_LICENCE

    def network(self) -> RecogniserNetwork:
        """A network with random weights; its features are scaled by rounded statistics."""
        return RecogniserNetwork(self.size)

    def widths(self, module: Any) -> dict[str, int]:
        """The size of the encoder's frames."""
        return {"encoder": self.size.output_dim}

    def frames(
        self, module: Any, inputs: Tensor, lengths: Tensor | None, taps: Sequence[str]
    ) -> tuple[Mapping[str, Tensor], Tensor | None]:
        """The encoder's frames, 40 ms apart."""
        frames, counts = module(inputs, lengths)
        return {"encoder": frames}, counts

    def fetch(self) -> Published:
        """The weights and statistics that torchaudio publishes."""
        tensors, statistics = fetch_weights(
            self.name, lambda: fetch_recogniser(self.source), TORCHS_CACHE, self.may_be_random
        )
        return Published(tensors, f"torchaudio:{self.source}", statistics)

    def read(self, state: dict[str, Tensor], weights: str) -> Published:
        """A ``.pt`` file of torchaudio with its statistics file in the same folder."""
        statistics = read_statistics(weights)
        return Published(recogniser_names(state), file_identity(weights), statistics)

    def encoder_stages(self, encoder: Any) -> list[tuple[str, ...]]:
        """Input layers, each layer, output layers."""
        return recogniser_stages(encoder)


@dataclass(frozen=True)
class Liu2023(SpeechBackbone):
    """The features of Liu and others, 2023, as far as known: wav2vec 2.0 beside MFCCs."""

    name: str = "liu2023"
    source: str = "WAV2VEC2_BASE"
    size: EncoderSize = field(default_factory=EncoderSize)
    head: str = "liu2023"
    taps: tuple[str, ...] = ("wav2vec2", "mfcc")
    readouts: tuple[str, ...] = ("all/mean",)

    def network(self) -> CepstrumNetwork:
        """A network with random weights."""
        return CepstrumNetwork(self.size)

    def widths(self, module: Any) -> dict[str, int]:
        """The sizes of wav2vec's frames and of the MFCCs."""
        return {"wav2vec2": self.size.embed_dim, "mfcc": CepstralFrames.N_MFCC}

    def frames(
        self, module: Any, inputs: Tensor, lengths: Tensor | None, taps: Sequence[str]
    ) -> tuple[Mapping[str, Tensor], Tensor | None]:
        """The frames of wav2vec's last layer and the MFCCs, 20 ms apart."""
        speech, cepstrum, counts = module(inputs, lengths)
        return {"wav2vec2": speech, "mfcc": cepstrum}, counts
