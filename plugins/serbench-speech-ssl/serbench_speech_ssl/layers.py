"""Backbones of which every layer can be read: wav2vec 2.0, HuBERT, WavLM and DistilHuBERT."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from torch import Tensor, nn

from serbench.data.licence import Licence
from serbench.errors import WeightsError
from serbench_speech_ssl.backbones import ENCODER, Published, SpeechBackbone
from serbench_speech_ssl.encoders import EncoderSize
from serbench_speech_ssl.networks import EncoderNetwork
from serbench_speech_ssl.weights import TRANSFORMER, encoder_names, fetch_from_hub


@dataclass(frozen=True)
class LayerBackbone(SpeechBackbone):
    """The layers of an encoder of waveforms.

    Attributes:
        name: name on the command line.
        source: torchaudio's bundle, or the repository on the Hugging Face Hub.
        size: its size.
        head: logistic regression on frozen features.
    """

    name: str
    source: str
    size: EncoderSize
    head: str = "logistic"
    may_be_random: ClassVar[bool] = False

    @property
    def taps(self) -> tuple[str, ...]:
        """The layers, numbered from 1."""
        return tuple(str(number) for number in range(1, self.size.n_layers + 1))

    @property
    def readouts(self) -> tuple[str, ...]:
        """The layers of the third quarter, single layers, and all layers.

        Of fewer than four layers, all of them come first.
        """
        n_layers = self.size.n_layers
        if n_layers < 4:
            layers: tuple[object, ...] = ("all", *reversed(self.taps))
        else:
            quarter, half, most = (share * n_layers // 4 for share in (1, 2, 3))
            layers = (f"{half}-{most}", half, most, quarter, n_layers, "all")
        return tuple(f"{each}/mean+std" for each in layers)

    def frames(
        self, module: Any, inputs: Tensor, lengths: Tensor | None, taps: Sequence[str]
    ) -> tuple[Mapping[str, Tensor], Tensor | None]:
        """Frames of the layers up to the last one needed, 20 ms apart."""
        outputs, counts = module(inputs, lengths, self._last(module, taps))
        return dict(zip(self.taps, outputs, strict=False)), counts

    def cut(self, module: Any, taps: Sequence[str]) -> nn.Module:
        """The encoder without the layers after the last tap.

        Raises:
            WeightsError: the network has fewer layers.
        """
        module.shorten(self._last(module, taps))
        encoder: nn.Module = module
        return encoder

    def _last(self, module: Any, taps: Sequence[str]) -> int:
        """The number of the last layer of some taps, which is among those of the network."""
        last = max(map(int, taps))
        if last > module.n_layers:
            raise WeightsError(
                f"these weights of {self.name} end after layer {module.n_layers}, and the read-out "
                f"uses layer {last}: give a --readout up to layer {module.n_layers}, or other "
                "--weights",
                backbone=self.name,
                layers=module.n_layers,
            )
        return last

    def network(self) -> EncoderNetwork:
        """An encoder with random weights."""
        return EncoderNetwork(self.size)

    def widths(self, module: Any) -> dict[str, int]:
        """The size of the frames of each layer that the network has."""
        return dict.fromkeys(self.taps[: module.n_layers], self.size.embed_dim)

    def shortened(self, module: Any, state: Mapping[str, Tensor]) -> Any:
        """The first layers, where a state contains no others."""
        layers = f"{ENCODER}{TRANSFORMER}layers."
        found = {
            name.removeprefix(layers).partition(".")[0] for name in state if name.startswith(layers)
        }
        if 0 < len(found) < module.n_layers:
            module.shorten(len(found))
        return module


@dataclass(frozen=True)
class DistilHubert(LayerBackbone):
    """Two layers, trained to predict three layers of HuBERT (Chang, Yang and Lee, ICASSP 2022)."""

    name: str = "distilhubert"
    source: str = "ntu-spml/distilhubert"
    size: EncoderSize = field(
        default_factory=lambda: EncoderSize(n_layers=2, projection_norm=False)
    )
    published_under: ClassVar[Licence] = Licence("Apache-2.0", "yes")

    def fetch(self) -> Published:
        """The weights of the Hugging Face Hub, without the layers that predict HuBERT's."""
        state, identity = fetch_from_hub(self.name, self.source)
        return Published(encoder_names(state), identity)
