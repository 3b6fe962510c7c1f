"""Read-outs: from the taps of a backbone to one vector, or to frames, for each clip."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from serbench.errors import UnknownNameError, UsageError, WeightsError

if TYPE_CHECKING:
    from torch import Tensor

    from serbench.model.backbone import Features

MEAN, MEAN_AND_DEVIATION = "mean", "mean+std"
POOLINGS = (MEAN, MEAN_AND_DEVIATION)
WEIGHTED = "weighted"
ALL = "all"

EPSILON = 1e-10
"""Added to variances, so that the gradient of the standard deviation is finite for constant
features."""


@dataclass(frozen=True)
class ReadOut:
    """What a head receives of a backbone.

    As text: taps, pooling and ``weighted``, separated by ``/``, such as ``2/mean``,
    ``1-3/mean+std`` or ``all/mean+std/weighted``. Taps are one name, several joined by ``+``, a
    range from the first to the last, or ``all``. Without pooling a tap is used as it is: a vector,
    or frames for a head that takes frames.

    Attributes:
        taps: names of the taps, from the input on.
        pooling: ``mean``, ``mean+std``, or empty for taps that are used as they are.
        weighted: whether the taps are added with learnt weights, which a softmax of one parameter
            for each tap gives (Yang and others, "SUPERB", Interspeech 2021); by default they are
            concatenated.
    """

    taps: tuple[str, ...]
    pooling: str = ""
    weighted: bool = False

    @classmethod
    def parse(cls, text: str, known: Sequence[str]) -> ReadOut:
        """The read-out that ``text`` describes.

        Args:
            text: as described above.
            known: the taps of the backbone, from the input on.

        Raises:
            UnknownNameError: the backbone has no tap of this name.
            UsageError: the text has another form, or a range goes backwards.
        """
        named, *rest = text.split("/")
        weighted = bool(rest) and rest[-1] == WEIGHTED
        poolings = rest[:-1] if weighted else rest
        if len(poolings) > 1 or any(pooling not in POOLINGS for pooling in poolings):
            raise UsageError(
                f"read-out '{text}' is not possible: write TAPS/mean, TAPS/mean+std or TAPS, with "
                f"/{WEIGHTED} behind it for learnt weights, such as "
                f"{known[0]}/{MEAN_AND_DEVIATION}",
                readout=text,
            )
        taps = _taps(named, known, text)
        return cls(taps, "".join(poolings), weighted and len(taps) > 1)

    def text(self, known: Sequence[str]) -> str:
        """The shortest text that `parse` turns into this read-out."""
        places = [known.index(tap) for tap in self.taps]
        if len(places) > 1 and len(places) == len(known):
            named = ALL
        elif len(places) > 2 and places == list(range(places[0], places[-1] + 1)):
            named = f"{self.taps[0]}-{self.taps[-1]}"
        else:
            named = "+".join(self.taps)
        parts = [named, self.pooling, WEIGHTED if self.weighted else ""]
        return "/".join(part for part in parts if part)

    @property
    def unpooled(self) -> ReadOut:
        """The same taps as frames, for a head that takes frames."""
        return replace(self, pooling="")

    def width(self, widths: Mapping[str, int]) -> int:
        """Size of the vectors that a head receives, given the width of each tap.

        Raises:
            UsageError: taps of different widths are to be added.
            WeightsError: the weights have no such tap.
        """
        missing = [tap for tap in self.taps if tap not in widths]
        if missing:
            raise WeightsError(
                f"these weights end before tap {missing[0]}: give a --readout with some of "
                f"{', '.join(widths)}, or other --weights",
                taps=missing,
            )
        each = [widths[tap] for tap in self.taps]
        if self.weighted and len(set(each)) > 1:
            raise UsageError(
                f"taps {', '.join(self.taps)} have different widths and cannot be weighted: leave "
                f"out /{WEIGHTED}",
                taps=self.taps,
            )
        copies = 2 if self.pooling == MEAN_AND_DEVIATION else 1
        return copies * (each[0] if self.weighted else sum(each))

    def pooled(self, features: Features) -> tuple[Tensor, Tensor | None]:
        """The pooled taps side by side: the part of a read-out that has no parameters.

        Args:
            features: with all ``taps``.

        Returns:
            vectors ``[B, D]`` or frames ``[B, T, D]``, and the number of frames of each clip that
            are not padding ``[B]``, or None for vectors and where no frame is padding.
        """
        import torch

        each = [pool(features.taps[tap], features.lengths, self.pooling) for tap in self.taps]
        joined = each[0] if len(each) == 1 else torch.cat(each, dim=-1)
        return joined, features.lengths if joined.dim() == 3 else None


def pool(frames: Tensor, lengths: Tensor | None, pooling: str) -> Tensor:
    """Frames ``[B, T, D]`` → ``[B, D]`` for ``mean``, ``[B, 2 D]`` for ``mean+std``.

    The standard deviation is that of the frames of one clip, with divisor T.

    Args:
        frames: of each clip.
        lengths: frames that are not padding ``[B]``, or None for all.
        pooling: as in `ReadOut`; an empty one returns frames or vectors as they are.

    Raises:
        UsageError: vectors are to be pooled.
    """
    import torch

    if not pooling:
        return frames
    if frames.dim() == 2:
        raise UsageError(
            f"the backbone gives one vector for each clip, which cannot be pooled: leave out "
            f"/{pooling} in the read-out",
            pooling=pooling,
        )
    if lengths is None:
        mean = frames.mean(dim=1)
        centred = frames - mean.unsqueeze(1)
        variance = centred.square().mean(dim=1)
    else:
        places = torch.arange(frames.shape[1], device=frames.device)
        kept = (places < lengths.unsqueeze(1)).unsqueeze(2)  # [B, T, 1]
        count = lengths.unsqueeze(1).to(frames.dtype)
        mean = frames.masked_fill(~kept, 0.0).sum(dim=1) / count
        centred = (frames - mean.unsqueeze(1)).masked_fill(~kept, 0.0)
        variance = centred.square().sum(dim=1) / count
    if pooling == MEAN:
        return mean
    return torch.cat([mean, (variance + EPSILON).sqrt()], dim=1)


def readouts_text(readouts: Sequence[str]) -> str:
    """The read-outs that a study searches in a few words: their number and the first one."""
    if len(readouts) == 1:
        return readouts[0]
    return f"{len(readouts)} read-outs, the first {readouts[0]}"


def _taps(named: str, known: Sequence[str], text: str) -> tuple[str, ...]:
    if named == ALL:
        return tuple(known)
    if named in known:
        return (named,)
    for hyphen in re.finditer("-", named):  # names of taps may contain hyphens
        ends = named[: hyphen.start()], named[hyphen.end() :]
        if not set(ends) <= set(known):
            continue
        first, last = map(known.index, ends)
        if first > last:
            raise UsageError(
                f"read-out '{text}' names tap {ends[0]} before {ends[1]}, which comes first: "
                f"write {ends[1]}-{ends[0]}",
                readout=text,
            )
        return tuple(known[first : last + 1])
    taps = named.split("+")
    for tap in taps:
        if tap not in known:
            raise UnknownNameError("tap", tap, known)
    return tuple(tap for tap in known if tap in taps)
