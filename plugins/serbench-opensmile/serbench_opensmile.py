"""The eGeMAPS and ComParE functionals of openSMILE: one vector for each clip.

Sources: Eyben and others 2016, "The Geneva minimalistic acoustic parameter set (GeMAPS) for voice
research and affective computing", IEEE Transactions on Affective Computing 7(2); Schuller and
others 2016, "The INTERSPEECH 2016 computational paralinguistics challenge", Interspeech; Eyben,
Wöllmer and Schuller 2010, "openSMILE", ACM Multimedia.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from serbench import hookimpl
from serbench.data.clips import ClipFormat
from serbench.data.licence import Licence
from serbench.errors import PluginError, UsageError
from serbench.model.backbone import (
    POOLED,
    Backbone,
    Built,
    Features,
    PooledBackbone,
    continued,
)
from serbench.model.frontend import FrontEnd, FrontEndModule, InputSpec

SAMPLE_RATE = 16000

SHORTEST = 1600
"""Samples of the shortest clip that openSMILE receives, 0.1 s; it needs a frame of 60 ms at least.
Silence is appended to shorter clips."""

LOUDEST = 32767 / 32768
"""The package ``opensmile`` converts samples to 16 bits, in which larger ones change their sign."""

LICENCE = Licence("audEERING Research License (openSMILE)", "no")
"""The licence of the software that computes the features. Commercial use, also of features or
models, needs a commercial licence from audEERING; the README has the details."""


@dataclass(frozen=True)
class FeatureSet:
    """A set of functionals.

    Attributes:
        name: on the command line.
        opensmile: name in ``opensmile.FeatureSet``.
        width: number of functionals.
        scale: all values are divided by this power of two, so that those of speech are below 100.
            Heads that standardise features give the same logits for every scale.
    """

    name: str
    opensmile: str
    width: int
    scale: float

    @property
    def spec(self) -> InputSpec:
        """One column with all functionals, and the scale as the standard deviation."""
        return InputSpec(1, self.width, 1, mean=(0.0,), std=(self.scale,))


EGEMAPS = FeatureSet("egemaps", "eGeMAPSv02", 88, 2.0**6)
COMPARE = FeatureSet("compare", "ComParE_2016", 6373, 2.0**36)


@cache
def _extractor(name: str) -> Callable[[npt.NDArray[np.float32], int], npt.NDArray[np.float32]]:
    """OpenSMILE for a feature set.

    Raises:
        PluginError: the package is not installed.
    """
    try:
        import opensmile
    except ImportError as error:
        raise PluginError(
            "the features of openSMILE need the package opensmile, whose licence allows research "
            "only: pip install opensmile",
            package="opensmile",
        ) from error
    found: Any = opensmile.Smile(
        feature_set=opensmile.FeatureSet[name],
        feature_level=opensmile.FeatureLevel.Functionals,
    )
    return found  # type: ignore[no-any-return]


class Functionals(FrontEndModule):
    """Waveforms ``[B, samples]`` at 16 kHz → functionals ``[B, 1, D, 1]``, clip by clip.

    The backbone leaves out padding, so that clips are padded with zeros. Zeros at the end of a clip
    are removed before openSMILE receives it. The functionals are therefore those of the clip
    without its padding, and also without digital silence at its end. A functional that is NaN or
    infinite becomes 0.

    Args:
        features: the set of functionals.
    """

    def __init__(self, features: FeatureSet) -> None:
        super().__init__()
        self.features = features
        self.outside = (
            f"The image is [1, 1, {features.width}, 1]: the functionals {features.opensmile} of "
            f"openSMILE of the recording at {SAMPLE_RATE} Hz, each divided by {features.scale:g}."
        )
        _extractor(features.opensmile)

    def forward(self, waveform: Tensor) -> Tensor:
        """The functionals of each clip, divided by the scale of the set."""
        clips = waveform.detach().float().clamp(-LOUDEST, LOUDEST).cpu().numpy()
        extract = _extractor(self.features.opensmile)
        rows = [extract(_without_padding(clip), SAMPLE_RATE).reshape(-1) for clip in clips]
        # A division by 0 in openSMILE, for a clip that is almost digital silence: 0 as for silence.
        values = np.nan_to_num(np.stack(rows), nan=0.0, posinf=0.0, neginf=0.0)
        images = torch.from_numpy(values).float() / self.features.scale
        return images.view(len(rows), 1, self.features.width, 1).to(waveform.device)


def _without_padding(clip: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """A clip ``[samples]`` without zeros at its end, but of at least ``SHORTEST`` samples."""
    (sound,) = np.nonzero(clip)
    kept = clip[: sound[-1] + 1] if len(sound) else clip[:0]
    return np.pad(kept, (0, max(0, SHORTEST - len(kept))))


@dataclass(frozen=True)
class OpenSmileFrontEnd:
    """Functionals of openSMILE, for the backbone of the same name."""

    features: FeatureSet
    sample_rate: int | None = SAMPLE_RATE

    @property
    def name(self) -> str:
        """That of the set."""
        return self.features.name

    def build(self, clip_format: ClipFormat, spec: InputSpec) -> FrontEndModule:
        """The module for clips at 16 kHz.

        Raises:
            UsageError: the backbone takes images.
            PluginError: openSMILE is not installed.
        """
        if spec != self.features.spec:
            raise UsageError(
                f"front end {self.name} gives {self.features.width} numbers for each clip and no "
                f"image: give --backbone {self.name}, or another front end",
                front_end=self.name,
            )
        return Functionals(self.features)


@dataclass(frozen=True)
class OpenSmileBackbone(PooledBackbone):
    """The functionals themselves as features: a network without parameters."""

    features_of: FeatureSet
    head: str = "svm"
    augmentations: tuple[str, ...] = ()  # functionals are computed once for all epochs and trials
    takes_lengths: bool = True

    @property
    def name(self) -> str:
        """That of the set."""
        return self.features_of.name

    @property
    def front_end(self) -> str:
        """The front end of the set."""
        return self.features_of.name

    def licence(self, weights: str) -> Licence:
        """That of openSMILE, which also applies to models trained on its features."""
        return LICENCE

    def input_spec(self) -> InputSpec:
        """One column of functionals."""
        return self.features_of.spec

    def build(self, weights: str, n_classes: int | None = None) -> Built:
        """A network without weights; a file can only contain a last layer."""
        return continued(nn.Flatten(), weights, self.features_of.width, n_classes=n_classes)

    def features(
        self, module: nn.Module, inputs: Tensor, lengths: Tensor | None, taps: Sequence[str]
    ) -> Features:
        """The functionals ``[B, D]``; zeros for an image without columns."""
        if lengths is not None:
            columns = torch.arange(inputs.shape[-1], device=inputs.device)
            padding = columns >= lengths.view(-1, 1, 1, 1)
            inputs = inputs.masked_fill(padding, 0.0)
        return Features({POOLED: module(inputs)})

    def stages(self, module: nn.Module) -> Sequence[Sequence[str]]:
        """None: there is no parameter."""
        return []


@hookimpl
def register_front_ends(register: Callable[[FrontEnd], None]) -> None:
    """Register ``egemaps`` and ``compare``."""
    register(OpenSmileFrontEnd(EGEMAPS))
    register(OpenSmileFrontEnd(COMPARE))


@hookimpl
def register_backbones(register: Callable[[Backbone], None]) -> None:
    """Register ``egemaps`` and ``compare``."""
    register(OpenSmileBackbone(EGEMAPS))
    register(OpenSmileBackbone(COMPARE))
