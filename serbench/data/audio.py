"""Decode one recording, or explain in a few words why it cannot be used."""

from __future__ import annotations

import hashlib
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from serbench.data.decoding import COPY_AGAIN, LIMIT, NO_AUDIO, RESAVE, Decoded, decode
from serbench.data.decoding_more import decode_with_pyav
from serbench.data.formats import UNREAD_EXTENSIONS, pyav_installed, unread_format
from serbench.data.regular import special_kind
from serbench.errors import AudioError, UsageError

MEAN = "mean"
"""The default for recordings with several channels: the mean of all channels."""

MOST_CHANNELS = 1024

LFS_POINTER = b"version https://git-lfs"

RATES = range(1000, 1_000_001)
"""Sample rates of recordings, in Hz."""

LOUDEST = 16.0
"""Peak, full scale 1, above which samples have another scale: 24 dB cannot be clipping."""

INTEGER_SCALE = 32768.0
"""Full scale of 16-bit integers, which some programs convert to floats without a division."""

SCALED = f"float samples on the scale of 16-bit integers, divided by {INTEGER_SCALE:,.0f}"

FAINT = 1e-3
"""Range of a channel's samples, as part of that of the widest, below which it is silent."""


@dataclass(frozen=True, slots=True)
class Remark:
    """An unusual property of a recording that can be used.

    Attributes:
        kind: ``header`` for a wrong number of samples, ``dead-channel``, or ``scale``.
        text: the property in one clause.
    """

    kind: Literal["header", "dead-channel", "scale"]
    text: str


@dataclass(frozen=True)
class Audio:
    """A decoded recording.

    Attributes:
        waveform: float32 ``[frames, channels]``, full scale ±1.
        sample_rate: in Hz.
        container: libsndfile's name of the file's format, such as ``WAV``; empty without a file.
        remarks: its unusual properties.
        channel: the channel used of several: ``mean``, ``left``, ``right``, or a number.
    """

    waveform: npt.NDArray[np.float32]
    sample_rate: int
    container: str = ""
    remarks: tuple[Remark, ...] = ()
    channel: str = MEAN

    @property
    def mono(self) -> npt.NDArray[np.float32]:
        """The mean of the channels, or the chosen channel, ``[frames]``."""
        if self.waveform.shape[1] == 1:
            return self.waveform[:, 0]
        if (place := channel_index(self.channel)) is not None:
            return np.ascontiguousarray(self.waveform[:, place])
        mean: npt.NDArray[np.float32] = self.waveform.mean(axis=1, dtype=np.float32)
        return mean

    @property
    def scaled(self) -> bool:
        """Whether its samples were floats on the scale of integers."""
        return any(remark.kind == "scale" for remark in self.remarks)

    @property
    def content_hash(self) -> str:
        """SHA-256 of the decoded samples: the same for a WAV and its lossless FLAC copy."""
        digest = hashlib.sha256(f"{self.sample_rate} {self.waveform.shape}".encode())
        digest.update(np.ascontiguousarray(self.waveform).data)
        return digest.hexdigest()


def channel_index(channel: str) -> int | None:
    """The index of the channel of ``--channel``, from 0; None for the mean of all.

    Raises:
        UsageError: it is not ``mean``, ``left``, ``right`` or a number from 1.
    """
    if channel == MEAN:
        return None
    number = {"left": "1", "right": "2"}.get(channel, channel)
    if not (number.isascii() and number.isdecimal() and 1 <= int(number[:9]) <= MOST_CHANNELS):
        raise UsageError(
            f"--channel {channel} is not a channel: write mean, left, right or a number from 1",
            channel=channel,
        )
    return int(number) - 1


def read_audio(path: Path | str, channel: str = MEAN, limit: int = LIMIT) -> Audio:
    """Decode the whole file ``path``.

    Float samples on the scale of 16-bit integers are divided by 32,768.

    Args:
        path: the file.
        channel: the channel used of several: ``mean``, ``left``, ``right``, or a number from 1. It
            has no effect on a recording with one channel.
        limit: most samples of all channels together.

    Raises:
        AudioError: the file is missing, empty, not a regular file, a Git-LFS pointer, not audio,
            truncated, damaged, too long, or silent in the used channels; it has samples that are
            not numbers or far beyond full scale; or its name is not UTF-8. Errors of the decoder,
            the memory and the system are also raised as this error.
    """
    path = Path(path)
    _check_name(path)
    try:
        _check_file(path)
        return _judged(path, _decoded(path, limit), channel)
    except OSError as error:
        reported = str(error.strerror or error)
        raise AudioError(path, "not readable", "check its permissions", reported) from error
    except MemoryError as error:
        raise AudioError(path, "too large for the memory", "leave it out") from error


def _check_name(path: Path) -> None:
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        shown = str(path).encode(errors="backslashreplace").decode()
        raise AudioError(shown, "file name that is not UTF-8", "rename the file") from error
    if "\0" in str(path):
        raise AudioError(str(path).replace("\0", "\\0"), "missing", "check the path")


def _check_file(path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError) as error:
        raise AudioError(path, "missing", "check the path") from error
    if stat.S_ISDIR(mode):
        raise AudioError(path, "a folder, not a file", "give the files in it")
    if (kind := special_kind(mode)) is not None:
        raise AudioError(path, f"{kind}, not a regular file", "leave it out")
    with path.open("rb") as file:
        head = file.read(len(LFS_POINTER))
    if not head:
        raise AudioError(path, "empty file", COPY_AGAIN)
    if head == LFS_POINTER:
        advice = "run `git lfs pull` in the repository"
        raise AudioError(path, "Git-LFS pointer, not audio", advice, kind="lfs-pointer")


def _decoded(path: Path, limit: int) -> Decoded:
    try:
        return decode(path, limit)
    except (RuntimeError, TypeError, ValueError, OverflowError) as error:
        known = unread_format(path)
        if known is None and path.suffix.lower() not in UNREAD_EXTENSIONS:
            raise AudioError(path, NO_AUDIO, RESAVE) from error
        if not pyav_installed():
            raise AudioError(path, str(known), kind="format") from error
    return decode_with_pyav(path, limit)


def _judged(path: Path, decoded: Decoded, channel: str) -> Audio:
    """The checked recording, with its unusual properties."""
    waveform, rate = decoded.waveform, decoded.sample_rate
    if rate not in RATES:
        raise AudioError(path, "impossible sample rate", COPY_AGAIN, f"{rate:,} Hz")
    lowest, highest = waveform.min(axis=0), waveform.max(axis=0)  # NaN if a sample is NaN
    if not (np.isfinite(lowest).all() and np.isfinite(highest).all()):
        raise AudioError(path, "samples that are not numbers (NaN or infinite)", RESAVE)
    peak = float(max(highest.max(), -lowest.min()))
    if peak == 0:
        advice = "leave it out or record it again"
        raise AudioError(path, "silent (every sample is zero)", advice, kind="silence")
    if peak > 2 * INTEGER_SCALE:
        raise AudioError(
            path, "samples far beyond full scale", RESAVE, f"peak of {peak:.3g}", "scale"
        )
    remarks = []
    if decoded.difference:
        remarks.append(Remark("header", decoded.difference))
    if peak > LOUDEST:
        waveform /= np.float32(INTEGER_SCALE)
        text = f"float samples with a peak of {peak:,.0f}, divided by {INTEGER_SCALE:,.0f}"
        remarks.append(Remark("scale", text))
    swings = highest - lowest
    dead = np.flatnonzero(swings < FAINT * swings.max()) + 1
    if len(dead):
        which, are = ("channel", "is") if len(dead) == 1 else ("channels", "are")
        numbers = " and ".join(map(str, dead.tolist()))
        text = f"{which} {numbers} of {len(swings)} {are} silent"
        remarks.append(Remark("dead-channel", text))
    audio = Audio(waveform, rate, decoded.container, tuple(remarks), channel)
    if len(swings) > 1:
        _check_mono(path, audio)
    return audio


def _check_mono(path: Path, audio: Audio) -> None:
    """Refuse a recording with several channels if the used channel or the mean is silent.

    Raises:
        AudioError: it is silent, or there is no such channel.
    """
    waveform, channels = audio.waveform, audio.waveform.shape[1]
    place = channel_index(audio.channel)
    if place is not None and place >= channels:
        reason = f"no channel {place + 1}"
        detail = f"it has {channels} channels"
        raise AudioError(path, reason, "choose another --channel", detail, "channel")
    mono = audio.mono
    widest = (waveform.max(axis=0) - waveform.min(axis=0)).max()
    parts = channels if place is None else 1
    if widest > 0 and mono.max() - mono.min() < FAINT * widest / parts:
        if place is None:
            reason = "silent mean of the channels, which cancel each other"
            advice = "choose one of them with --channel left or --channel right"
            raise AudioError(path, reason, advice, kind="channels-cancel")
        advice = "choose another --channel"
        raise AudioError(path, f"channel {place + 1} is silent", advice, kind="channel")
