"""Sound as it arrives: from a microphone, from a file, or from standard input."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
import numpy.typing as npt
import soundfile

from serbench.data.audio import RATES, Audio, channel_index, read_audio
from serbench.data.clips import Waveform
from serbench.deploy.predict import LONGEST
from serbench.errors import AudioError, SerbenchError, UsageError

Result = TypeVar("Result")

STANDARD_INPUT = "standard input"

FILE_INSTEAD = "or give a recording with --input FILE"

LOST_SECONDS = 5.0
"""A microphone from which no sound arrives for so long is lost."""


class Source(Protocol):
    """Sound that arrives in blocks."""

    @property
    def name(self) -> str:
        """The name of the source for messages."""

    @property
    def sample_rate(self) -> int:
        """In Hz."""

    def blocks(self, seconds: float) -> Iterator[Waveform]:
        """Mono blocks ``[frames]`` until the sound ends, each with the sound since the last one.

        Args:
            seconds: least length of a block; only the last one may be shorter.

        Raises:
            SerbenchError: the sound cannot be used, or the source is lost.
        """


def _mono(block: npt.NDArray[np.float32], rate: int, channel: str, name: str) -> Waveform:
    """The mean of the channels ``[frames, channels]``, or the chosen one, ``[frames]``."""
    place, channels = channel_index(channel), block.shape[1]
    if channels > 1 and place is not None and place >= channels:
        detail = f"it has {channels} channels"
        advice = "choose another --channel"
        raise AudioError(name, f"no channel {place + 1}", advice, detail, "channel")
    if not np.isfinite(block).all():
        advice = "send 16-bit samples"
        raise AudioError(name, "samples that are not numbers (NaN or infinite)", advice)
    return Audio(block, rate, channel=channel).mono


def _in_background(call: Callable[[], Result]) -> Result:
    """The result of a call that waits for data inside of a library.

    Such a call does not return at Ctrl-C, so that a pipe without data could not be interrupted. The
    thread does not keep the process from ending.
    """
    done: Future[Result] = Future()

    def complete() -> None:
        try:
            done.set_result(call())
        except BaseException as error:  # noqa: BLE001 (it is raised by `result`)
            done.set_exception(error)

    threading.Thread(target=complete, daemon=True).start()
    return done.result()


@dataclass(frozen=True)
class FileSource:
    """A recording, which arrives as fast as it is used.

    Attributes:
        name: path of the file.
        sample_rate: in Hz.
        waveform: mono, ``[frames]``.
    """

    name: str
    sample_rate: int
    waveform: Waveform

    @classmethod
    def open(cls, path: Path, channel: str) -> FileSource:
        """Read a file; errors are those of ``read_audio``."""
        audio = read_audio(path, channel, LONGEST)
        return cls(str(path), audio.sample_rate, audio.mono)

    def blocks(self, seconds: float) -> Iterator[Waveform]:
        """Blocks of the recording; see `Source`."""
        frames = max(round(seconds * self.sample_rate), 1)
        for start in range(0, len(self.waveform), frames):
            yield self.waveform[start : start + frames]


class _Piped(soundfile.SoundFile):  # type: ignore[misc]
    """A file that is read without seeking."""

    def seekable(self) -> bool:
        """Always False."""
        return False


@dataclass(frozen=True)
class StreamSource:
    """An open file such as a pipe: WAV or AU, or 16-bit samples without a header.

    Attributes:
        file: what libsndfile has opened.
        channel: the channel used of several.
        name: of the source.
    """

    file: soundfile.SoundFile
    channel: str
    name: str = STANDARD_INPUT

    @classmethod
    def open(cls, descriptor: int, rate: int | None, channel: str) -> StreamSource:
        """Begin to read.

        Args:
            descriptor: of the open file.
            rate: sample rate of mono 16-bit little-endian samples without a header; None for a
                file with a header.
            channel: the channel used of several: ``mean``, ``left``, ``right``, or a number.

        Raises:
            UsageError: the rate is not possible.
            AudioError: it is empty, not audio that can be read from a pipe, or its header declares
                no samples.
        """
        channel_index(channel)
        raw: dict[str, Any] = {}
        if rate is not None:
            if rate not in RATES:
                raise UsageError(
                    f"--rate {rate} is not possible: give {RATES[0]:,} to {RATES[-1]:,} Hz",
                    rate=rate,
                )
            raw = {"format": "RAW", "subtype": "PCM_16", "endian": "LITTLE"}
            raw |= {"samplerate": rate, "channels": 1}
        advice = "give WAV, or 16-bit mono samples without a header and their --rate"
        try:
            file = _in_background(lambda: _Piped(descriptor, closefd=False, **raw))
        except RuntimeError as error:
            reason = "empty, or not audio that can be read from a pipe"
            raise AudioError(STANDARD_INPUT, reason, advice) from error
        if not (raw or file.frames):
            raise AudioError(STANDARD_INPUT, "a header that declares no samples", advice)
        return cls(file, channel)

    @property
    def sample_rate(self) -> int:
        """In Hz."""
        return int(self.file.samplerate)

    def blocks(self, seconds: float) -> Iterator[Waveform]:
        """Blocks as they are read; see `Source`."""
        frames = max(round(seconds * self.sample_rate), 1)
        while True:
            try:
                block = _in_background(
                    lambda: self.file.read(frames, dtype="float32", always_2d=True)
                )
            except RuntimeError as error:
                raise AudioError(self.name, "damaged", detail=str(error)) from error
            if len(block):
                yield _mono(block, self.sample_rate, self.channel, self.name)
            if len(block) < frames:
                return


@dataclass(frozen=True)
class Microphone:
    """An open input device, whose sound is collected in the background.

    Attributes:
        name: of the device.
        sample_rate: its own rate in Hz.
        channel: the channel used of several.
        parts: sound that has arrived and was not used yet, ``[frames, channels]`` each.
    """

    name: str
    sample_rate: int
    channel: str
    parts: queue.SimpleQueue[npt.NDArray[np.float32]]

    def blocks(self, seconds: float) -> Iterator[Waveform]:
        """Blocks as they are recorded; see `Source`."""
        while True:
            taken: list[npt.NDArray[np.float32]] = []
            while sum(map(len, taken)) < seconds * self.sample_rate or not self.parts.empty():
                try:
                    taken.append(self.parts.get(timeout=LOST_SECONDS))
                except queue.Empty:
                    raise SerbenchError(
                        f"no sound has arrived from {self.name} for {LOST_SECONDS:g} s: connect it "
                        f"again and start again, {FILE_INSTEAD}",
                        device=self.name,
                    ) from None
            yield _mono(np.concatenate(taken), self.sample_rate, self.channel, self.name)


@contextmanager
def microphone(device: str | None, channel: str) -> Iterator[Microphone]:
    """Open a microphone with ``sounddevice`` at its own sample rate.

    Args:
        device: number or part of the name of the device; by default that of the system.
        channel: ``mean`` opens one channel; another opens as many channels as it needs.

    Raises:
        SerbenchError: ``sounddevice`` or its library is not installed, there is no such microphone,
            it has no such channel, or it cannot be opened.
    """
    place = channel_index(channel)
    try:
        import sounddevice
    except ImportError as error:
        raise SerbenchError(
            f"a microphone needs sounddevice: type `pip install sounddevice`, {FILE_INSTEAD}",
            package="sounddevice",
        ) from error
    except OSError as error:
        raise SerbenchError(
            "sounddevice does not find the library PortAudio: install it (on Debian and Ubuntu "
            f"`apt install libportaudio2`), {FILE_INSTEAD}",
            package="portaudio",
        ) from error
    wanted = int(device) if device is not None and device.isdecimal() else device
    parts: queue.SimpleQueue[npt.NDArray[np.float32]] = queue.SimpleQueue()
    try:
        found = sounddevice.query_devices(wanted, "input")
        channels = 1 if place is None else place + 1
        if channels > found["max_input_channels"]:
            raise SerbenchError(
                f"{found['name']} has no channel {channels}: choose another --channel",
                device=found["name"],
                channel=channel,
            )
        rate = round(found["default_samplerate"])
        stream = sounddevice.InputStream(
            samplerate=rate,
            device=wanted,
            channels=channels,
            dtype="float32",
            callback=lambda block, *_: parts.put(block.copy()),
        )
    except (ValueError, sounddevice.PortAudioError) as error:
        raise SerbenchError(
            f"no microphone can be opened ({' '.join(str(error).split())}): connect one, choose "
            f"one with --device (`python -m sounddevice` lists them), {FILE_INSTEAD}",
            device=device,
        ) from error
    with stream:
        yield Microphone(str(found["name"]), rate, channel, parts)
