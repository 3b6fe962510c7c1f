"""A trained network as a device executes it: recording in, probabilities out."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from serbench.data.clips import ClipFormat
from serbench.data.level import RMS
from serbench.model.frontend import FrontEndModule
from serbench.model.network import EmotionNetwork
from serbench.model.resample import Resampler


class Recording(NamedTuple):
    """A recording as a deployed network takes it.

    Attributes:
        waveform: ``[1, samples]``, mono, at the rate and of the length of the network's clips; what
            a shorter recording leaves is of no effect.
        valid_samples: how many samples of it come from the recording, int64 ``[1]``.
    """

    waveform: Tensor
    valid_samples: Tensor


class Answer(NamedTuple):
    """What a deployed network gives for one recording.

    Attributes:
        logits: ``[1, n_classes]``.
        probabilities: calibrated ones, ``[1, n_classes]``.
        features: what its head receives ``[1, D]``; None where these are frames.
    """

    logits: Tensor
    probabilities: Tensor
    features: Tensor | None


class Deployable(nn.Module):
    """Level, padding, front end, network, temperature and softmax, for one recording at a time.

    Args:
        network: a trained one.
        clip_format: the format of its training clips.
        temperature: divides the logits, so that the probabilities are calibrated.
        input_rate: rate of its recordings in Hz; by default that of the clips. For another one the
            network resamples them itself.

    Raises:
        ExportError: it cannot resample from this rate.
    """

    def __init__(
        self,
        network: EmotionNetwork,
        clip_format: ClipFormat,
        temperature: float = 1.0,
        input_rate: int | None = None,
    ) -> None:
        super().__init__()
        self.input_rate = input_rate or clip_format.sample_rate
        self.input_samples = round(self.input_rate * clip_format.seconds)
        self.resampler: Resampler | None = None
        if self.input_rate != clip_format.sample_rate:
            self.resampler = Resampler(
                self.input_rate, clip_format.sample_rate, clip_format.samples
            )
        self.network = network
        self.clip_format = clip_format
        self.temperature = temperature
        self.eval()

    @property
    def outside(self) -> tuple[str, ...]:
        """What a caller of an exported file has to compute, a sentence each; usually nothing."""
        front_end = self.network.front_end
        features = front_end.outside if isinstance(front_end, FrontEndModule) else ""
        if features:
            return (features,)
        if self.clip_format.level == "ebu":
            return ("The loudness of the waveform has to be -23 LUFS (EBU R 128).",)
        return ()

    @property
    def begins_with_waveform(self) -> bool:
        """Whether its first part can be exported; otherwise an exported file takes the image."""
        front_end = self.network.front_end
        return not (isinstance(front_end, FrontEndModule) and front_end.outside)

    def recording(self, waveform: Tensor | None = None) -> Recording:
        """A recording of the right length, given a whole clip ``[samples]``; by default noise."""
        if waveform is None:
            generator = torch.Generator().manual_seed(0)
            waveform = 0.1 * torch.randn(self.input_samples, generator=generator)
        return Recording(waveform.unsqueeze(0), torch.tensor([len(waveform)]))

    def clip(self, waveform: Tensor, valid_samples: Tensor) -> Tensor:
        """A recording at its rate and level and padded, as `serbench.data.clips` makes clips."""
        return self._clip(*self._resampled(waveform, valid_samples))

    def _clip(self, waveform: Tensor, valid: Tensor) -> Tensor:
        places = torch.arange(waveform.shape[1], device=waveform.device).unsqueeze(0)
        sound = waveform * (places < valid)
        if self.clip_format.level == "rms":
            sound = _at_rms(sound, valid)
        if self.clip_format.padding == "zeros":
            return sound
        period = (2 * (valid - 1)).clamp(min=1)
        forwards = places.remainder(period)
        return sound.gather(1, torch.minimum(forwards, period - forwards))

    def _resampled(self, waveform: Tensor, valid_samples: Tensor) -> tuple[Tensor, Tensor]:
        """The waveform at the rate of the clips, and how many of its samples are valid."""
        valid = valid_samples.clamp(1, waveform.shape[1])
        if self.resampler is None:
            return waveform, valid
        # Samples behind the end would reach into the end of the filtered recording.
        places = torch.arange(waveform.shape[1], device=waveform.device).unsqueeze(0)
        resampled = self.resampler(waveform * (places < valid))
        rate = self.clip_format.sample_rate
        count = (valid * rate + self.input_rate // 2) // self.input_rate
        return resampled, count.clamp(1, self.clip_format.samples)

    def images(self, waveform: Tensor, valid_samples: Tensor) -> tuple[Tensor, Tensor | None]:
        """The image of a recording, and its columns that are not padding where these matter."""
        resampled, valid = self._resampled(waveform, valid_samples)
        clip, lengths = self._clip(resampled, valid), valid if self.network.takes_lengths else None
        return self.network.images(clip, lengths)

    def answer(self, image: Tensor, columns: Tensor | None = None) -> Answer:
        """Logits, probabilities and features of an image."""
        features, lengths = self.network.features(image, columns)
        logits = self.network.decide(features, lengths)
        probabilities = torch.softmax(logits / self.temperature, dim=1)
        return Answer(logits, probabilities, features if features.dim() == 2 else None)

    def forward(self, waveform: Tensor, valid_samples: Tensor) -> Answer:
        """The answer for a recording."""
        return self.answer(*self.images(waveform, valid_samples))


def _at_rms(sound: Tensor, valid: Tensor) -> Tensor:
    """A recording with zeros behind its end ``[1, samples]`` at the level ``rms``."""
    peak = sound.abs().amax(dim=1, keepdim=True)
    shape = sound / torch.where(peak == 0, 1.0, peak)
    rms = (shape.square().sum(dim=1, keepdim=True) / valid).sqrt()
    return shape * (10 ** (RMS / 20) / torch.where(rms == 0, 1.0, rms))
