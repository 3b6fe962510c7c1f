"""The networks, which take ``[B, 1, 1, samples]`` and have the encoder as ``speech_encoder``.

Every ``forward`` also takes ``lengths``, the number of samples of each clip without padding
``[B]``; the padding after them does not change the output.
"""

from __future__ import annotations

import torch
import torchaudio
from torch import Tensor, nn

from serbench.model.spectrum import PowerSpectrum
from serbench_speech_ssl.encoders import EncoderSize, encode, layers_of
from serbench_speech_ssl.masking import mean_over_time, padding_of
from serbench_speech_ssl.recogniser import RecogniserFeatures, RecogniserSize, transcribe
from serbench_speech_ssl.waveform import SAMPLE_RATE


class EncoderNetwork(nn.Module):
    """An encoder of waveforms, of which every layer can be read."""

    def __init__(self, size: EncoderSize) -> None:
        super().__init__()
        self.speech_encoder = size.build()

    @property
    def n_layers(self) -> int:
        """The number of its layers."""
        return len(layers_of(self.speech_encoder))

    def shorten(self, n_layers: int) -> None:
        """Remove the layers after the first ``n_layers``."""
        del layers_of(self.speech_encoder)[n_layers:]

    def forward(
        self, image: Tensor, lengths: Tensor | None = None, n_layers: int | None = None
    ) -> tuple[list[Tensor], Tensor | None]:
        """Frames ``[B, T, D]`` of each layer, and their number in each clip ``[B]`` or None.

        Args:
            image: the waveforms.
            lengths: as above.
            n_layers: number of layers that are computed; all by default.
        """
        return encode(self.speech_encoder, image[:, 0, 0], lengths, n_layers)


class RecogniserNetwork(nn.Module):
    """The log-mel features and the encoder of a recogniser."""

    def __init__(self, size: RecogniserSize) -> None:
        super().__init__()
        self.features = RecogniserFeatures()
        self.speech_encoder = size.build()

    def forward(self, image: Tensor, lengths: Tensor | None = None) -> tuple[Tensor, Tensor | None]:
        """Frames ``[B, T, D]``, and their number in each clip ``[B]`` or None."""
        features, lengths = self.features(image[:, 0, 0], lengths)
        return transcribe(self.speech_encoder, features, lengths)


class CepstralFrames(nn.Module):
    """40 MFCCs for each frame of wav2vec 2.0: 25 ms every 20 ms, without padded edges.

    Each coefficient is standardised over its clip.
    """

    N_MFCC = 40
    WINDOW, HOP = 400, 320
    filters: Tensor
    cosines: Tensor

    def __init__(self) -> None:
        super().__init__()
        window = torch.hann_window(self.WINDOW)
        self.spectrum = PowerSpectrum(window, self.WINDOW, self.HOP, centred=False)
        filters = torchaudio.functional.melscale_fbanks(
            self.WINDOW // 2 + 1, 0.0, SAMPLE_RATE / 2, self.N_MFCC, SAMPLE_RATE
        )
        cosines = torchaudio.functional.create_dct(self.N_MFCC, self.N_MFCC, norm="ortho")
        self.register_buffer("filters", filters, persistent=False)
        self.register_buffer("cosines", cosines, persistent=False)

    def forward(self, waveform: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """``[B, samples]`` → ``[B, T, 40]`` with zeros as padding, and the frames of each clip."""
        if lengths is not None:
            lengths = (lengths - self.WINDOW) // self.HOP + 1
        power = self.spectrum(waveform).transpose(1, 2) @ self.filters  # [B, T, 40]
        cepstrum = torch.log1p(1e6 * power) @ self.cosines  # the logarithm is 0 in silence
        padding = padding_of(lengths, cepstrum.shape[1])
        centred = cepstrum - mean_over_time(cepstrum, padding).unsqueeze(1)
        variance = mean_over_time(centred.square(), padding).unsqueeze(1)
        standardised = centred / (variance.sqrt() + 1e-5)
        if padding is not None:
            standardised = standardised.masked_fill(padding.unsqueeze(2), 0.0)
        return standardised, lengths


class CepstrumNetwork(nn.Module):
    """An encoder of waveforms and MFCCs, with as many frames."""

    def __init__(self, size: EncoderSize) -> None:
        super().__init__()
        self.cepstrum = CepstralFrames()
        self.speech_encoder = size.build()

    def forward(
        self, image: Tensor, lengths: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Frames of the encoder's last layer, MFCCs, and the number of both in each clip."""
        waveform = image[:, 0, 0]
        layers, _ = encode(self.speech_encoder, waveform, lengths)
        cepstrum, lengths = self.cepstrum(waveform, lengths)
        return layers[-1], cepstrum, lengths
