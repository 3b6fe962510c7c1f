"""The networks, which take ``[B, 1, 1, samples]`` and have the encoder as ``speech_encoder``.

Every ``forward`` also takes ``lengths``, the number of samples of each clip without padding
``[B]``; the padding after them does not change the output.
"""

from __future__ import annotations

import torch
import torchaudio
from torch import Tensor, nn

from serbench_speech_ssl.encoders import EncoderSize, encode, layers_of
from serbench_speech_ssl.masking import (
    maximum_over_time,
    mean_over_time,
    padding_of,
    run_lstm,
)
from serbench_speech_ssl.recogniser import (
    RecogniserFeatures,
    RecogniserSize,
    SpecAugment,
    transcribe,
)
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


class AttentionPooling(nn.Module):
    """Several weighted means over time, concatenated (Lin and others, ICLR 2017)."""

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(width, hidden)
        self.scores = nn.Linear(hidden, heads, bias=False)

    def weights(self, frames: Tensor, padding: Tensor | None) -> Tensor:
        """Weight of each frame in each head ``[B, heads, T]``; the weights of a head sum to 1."""
        scores: Tensor = self.scores(torch.tanh(self.hidden(frames)))  # [B, T, heads]
        if padding is not None:
            scores = scores.masked_fill(padding.unsqueeze(2), -torch.inf)
        return scores.softmax(dim=1).transpose(1, 2)

    def forward(self, frames: Tensor, padding: Tensor | None) -> Tensor:
        """``[B, T, D]`` → ``[B, heads · D]``."""
        return torch.bmm(self.weights(frames, padding), frames).flatten(1)


class Lu2020Network(nn.Module):
    """A recogniser's encoder, a bidirectional LSTM, and attention pooling."""

    def __init__(self, size: RecogniserSize, hidden: int, attention_heads: int) -> None:
        super().__init__()
        self.features = RecogniserFeatures()
        # It is not a part of the encoder, so that freezing the encoder does not disable it.
        self.spec_augment = SpecAugment()
        self.speech_encoder = size.build()
        self.lstm = nn.LSTM(size.output_dim, hidden, batch_first=True, bidirectional=True)
        self.pooling = AttentionPooling(2 * hidden, attention_heads, hidden)
        self.width = attention_heads * 2 * hidden

    def forward(self, image: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Pooled vectors ``[B, width]``."""
        features, lengths = self.features(image[:, 0, 0], lengths)
        frames, lengths = transcribe(self.speech_encoder, self.spec_augment(features), lengths)
        padding = padding_of(lengths, frames.shape[1])
        sequence = run_lstm(self.lstm, frames, lengths)  # [B, T, 2 · hidden]
        pooled: Tensor = self.pooling(sequence, padding)
        return pooled


class CepstralFrames(nn.Module):
    """40 MFCCs for each frame of wav2vec 2.0: 25 ms every 20 ms, without padded edges.

    Each coefficient is standardised over its clip.
    """

    N_MFCC = 40
    WINDOW, HOP = 400, 320

    def __init__(self) -> None:
        super().__init__()
        self.mfcc = torchaudio.transforms.MFCC(
            SAMPLE_RATE,
            n_mfcc=self.N_MFCC,
            log_mels=True,
            melkwargs={
                "n_fft": self.WINDOW,
                "hop_length": self.HOP,
                "n_mels": self.N_MFCC,
                "center": False,
            },
        )
        self.mfcc.dct_mat = self.mfcc.dct_mat.contiguous()  # safetensors requires it

    def forward(self, waveform: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """``[B, samples]`` → ``[B, T, 40]``, and each clip's number of frames."""
        if lengths is not None:
            lengths = (lengths - self.WINDOW).div(self.HOP, rounding_mode="floor") + 1
        cepstrum = self.mfcc(waveform).transpose(1, 2)
        padding = padding_of(lengths, cepstrum.shape[1])
        centred = cepstrum - mean_over_time(cepstrum, padding).unsqueeze(1)
        variance = mean_over_time(centred.square(), padding).unsqueeze(1)
        return centred / (variance.sqrt() + 1e-5), lengths


class ChannelWeighting(nn.Module):
    """Weights of channels, computed from their means and maxima over time.

    Both streams have the same bottleneck; the weights are the sigmoid of their sum.
    """

    def __init__(self, channels: int, reduction: int) -> None:
        super().__init__()
        self.bottleneck = nn.Sequential(
            nn.Linear(channels, channels // reduction),
            nn.ReLU(),
            nn.Linear(channels // reduction, channels),
        )

    def forward(self, frames: Tensor, padding: Tensor | None) -> Tensor:
        """Weighted frames ``[B, T, channels]``."""
        streams = self.bottleneck(mean_over_time(frames, padding)) + self.bottleneck(
            maximum_over_time(frames, padding)
        )
        return frames * torch.sigmoid(streams).unsqueeze(1)


class Liu2023Network(nn.Module):
    """Pooled wav2vec 2.0 features, concatenated with pooled MFCCs with weighted channels."""

    def __init__(self, size: EncoderSize, hidden: int, reduction: int) -> None:
        super().__init__()
        self.cepstrum = CepstralFrames()
        self.speech_encoder = size.build()
        self.lstm = nn.LSTM(CepstralFrames.N_MFCC, hidden, batch_first=True, bidirectional=True)
        self.weighting = ChannelWeighting(2 * hidden, reduction)
        self.width = size.embed_dim + 4 * hidden

    def forward(self, image: Tensor, lengths: Tensor | None = None) -> Tensor:
        """Pooled vectors ``[B, width]``."""
        waveform = image[:, 0, 0]
        layers, speech_lengths = encode(self.speech_encoder, waveform, lengths)
        speech = layers[-1]
        cepstrum, lengths = self.cepstrum(waveform, lengths)
        padding = padding_of(lengths, cepstrum.shape[1])
        weighted = self.weighting(run_lstm(self.lstm, cepstrum, lengths), padding)
        pooled = [
            mean_over_time(speech, padding_of(speech_lengths, speech.shape[1])),
            mean_over_time(weighted, padding),
            maximum_over_time(weighted, padding),
        ]
        return torch.cat(pooled, dim=1)
