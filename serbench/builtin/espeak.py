"""Speech synthesis with espeak-ng for synthetic corpora: text and prosody in, wav files out.

The library and its data come with the package ``espeakng-loader``, so that no other installation is
necessary; its C interface is ``speak_lib.h`` of https://github.com/espeak-ng/espeak-ng.

It runs in a separate process (``python -m serbench.builtin.espeak FOLDER``, with the lines as JSON
on standard input). The output of espeak-ng depends on everything it synthesised before, because its
glottal phase, flutter and noise are never reset; only a new process always gives the same samples.
"""

from __future__ import annotations

import ctypes
import json
import subprocess
import sys
import tempfile
import wave
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from serbench.errors import DatasetError

SYNCHRONOUS = 2  # AUDIO_OUTPUT_SYNCHRONOUS: pass samples to the callback, open no audio device
DONT_EXIT = 0x8000  # espeakINITIALIZE_DONT_EXIT: report missing data, do not end the process
CHARACTERS = 1  # POS_CHARACTER, and also espeakCHARS_UTF8
PARAMETERS = {"rate": 1, "volume": 2, "pitch": 3, "pitch_range": 4, "word_gap": 7}
SEED = 1  # of the noise in breathy voices
LONGEST_PATH = 140  # bytes: espeak-ng cuts its data path at 160, file names included
ADVICE = "reinstall it with `pip install --force-reinstall espeakng-loader`"

CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)


@dataclass(frozen=True, slots=True)
class Line:
    """A sentence to synthesise, with its prosody in espeak-ng's units.

    Attributes:
        file: name of the wav file.
        text: text of the sentence; its punctuation influences the intonation.
        voice: language and variant, such as ``en-us+f2``.
        rate: words per minute, 80 to 450.
        volume: 0 to 200, where 100 is normal.
        pitch: 0 to 99, where 50 is the default of the voice.
        pitch_range: 0 (monotone) to 99.
        word_gap: pause between words, in units of 10 ms at the normal rate.
    """

    file: str
    text: str
    voice: str
    rate: int
    volume: int
    pitch: int
    pitch_range: int
    word_gap: int


def record(lines: Sequence[Line], folder: Path) -> None:
    """Synthesise every line to its wav file in ``folder``, with the same bytes in every run.

    Raises:
        DatasetError: espeak-ng cannot be loaded, does not start, or rejects a line.
    """
    command = [sys.executable, "-P", "-m", __name__, str(folder)]
    text = json.dumps([asdict(line) for line in lines])
    try:
        done = subprocess.run(  # noqa: S603
            command, input=text, capture_output=True, text=True, encoding="utf-8", check=False
        )
    except OSError as error:
        raise DatasetError(f"espeak-ng cannot be run by {sys.executable}: {error}") from error
    if done.returncode != 0:
        reason = done.stderr.strip().splitlines()[-1:] or [f"it ended with {done.returncode}"]
        raise DatasetError(f"espeak-ng failed: {reason[0]}")


class Espeak:
    """espeak-ng as a context manager; only one at a time, because the library has global state.

    Attributes:
        sample_rate: sample rate of its output in Hz.
    """

    def __init__(self) -> None:
        try:
            import espeakng_loader

            self._library = ctypes.CDLL(espeakng_loader.get_library_path())
            self._data = str(espeakng_loader.get_data_path())
        except (ImportError, OSError, RuntimeError) as error:
            raise DatasetError(f"the library cannot be loaded ({error}); {ADVICE}") from error
        self._samples = bytearray()
        self._callback = CALLBACK(self._receive)  # a reference, which the library does not hold
        self._closing = ExitStack()
        self.sample_rate = 0

    def __enter__(self) -> Self:
        data = self._short_path(self._data)
        self.sample_rate = self._library.espeak_Initialize(SYNCHRONOUS, 0, data.encode(), DONT_EXIT)
        self._closing.callback(self._library.espeak_Terminate)
        if self.sample_rate <= 0:
            self._closing.close()
            raise DatasetError(f"it does not start with its data in {self._data}; {ADVICE}")
        self._library.espeak_SetSynthCallback(self._callback)
        self._library.espeak_ng_SetRandSeed(ctypes.c_long(SEED))
        return self

    def __exit__(self, *_: object) -> None:
        self._closing.close()

    def say(self, line: Line) -> bytes:
        """Synthesise a line; returns 16-bit mono samples in this machine's byte order."""
        self._samples.clear()
        self._check(self._library.espeak_SetVoiceByName(line.voice.encode()), line.voice)
        for name, number in PARAMETERS.items():
            value = getattr(line, name)
            self._check(self._library.espeak_SetParameter(number, value, 0), f"{name} {value}")
        text = line.text.encode()
        status = self._library.espeak_Synth(
            text, ctypes.c_size_t(len(text) + 1), 0, CHARACTERS, 0, CHARACTERS, None, None
        )
        self._check(status, repr(line.text))
        if not self._samples:
            raise DatasetError(f"it gives no sound for {line.text!r}")
        return bytes(self._samples)

    def _receive(self, samples: int | None, count: int, _events: int | None) -> int:
        if samples is not None and count > 0:
            self._samples += ctypes.string_at(samples, 2 * count)
        return 0  # continue

    def _short_path(self, data: str) -> str:
        """A path to ``data`` that fits into espeak-ng's buffer: the path itself, or a link."""
        if len(data.encode()) <= LONGEST_PATH:
            return data
        folder = self._closing.enter_context(tempfile.TemporaryDirectory(prefix="espeak-"))
        link = Path(folder) / "espeak-ng-data"
        link.symlink_to(data, target_is_directory=True)
        return str(link)

    def _check(self, status: int, what: str) -> None:
        if status != 0:
            raise DatasetError(f"it rejects {what} (status {status})")


def main() -> None:
    """Read lines as JSON from standard input; write wav files to the folder in the argument."""
    folder = Path(sys.argv[1])
    lines = [Line(**line) for line in json.load(sys.stdin)]
    try:
        with Espeak() as espeak:
            for line in lines:
                samples = espeak.say(line)
                with wave.open(str(folder / line.file), "wb") as file:
                    file.setnchannels(1)
                    file.setsampwidth(2)
                    file.setframerate(espeak.sample_rate)
                    file.writeframes(samples)
    except (DatasetError, OSError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
