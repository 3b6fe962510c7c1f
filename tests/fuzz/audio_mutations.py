"""Recordings in every format that libsndfile writes, and their mutations."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Iterator

import numpy as np
import soundfile

LENGTHS = (0, 1, 2, 7, 8, 100, 0x7FFF, 0xFFFF, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
NAMES = (b"data", b"fmt ", b"fact", b"RIFF", b"FORM", b"SSND", b"COMM", b"ds64", b"desc", b"pakt")
ENDINGS = {"AIFF": "aiff", "NIST": "sph", "OGG": "ogg", "WAVEX": "wav", "MP3": "mp3"}


def originals() -> dict[str, bytes]:
    """Name → a recording in every container and subtype that libsndfile writes.

    RAW, which has no header, and SD2, whose header is a second file, are left out.
    """
    noise = np.random.default_rng(0)
    times = np.arange(3000) / 8000
    voice = 0.3 * np.sin(2 * np.pi * 200 * times) + 0.01 * noise.standard_normal(len(times))
    found = {}
    for container in sorted(soundfile.available_formats().keys() - {"RAW", "SD2"}):
        for subtype in sorted(soundfile.available_subtypes(container)):
            for channels in (1, 2):
                file = io.BytesIO()
                file.name = f"original.{ENDINGS.get(container, container.lower())}"
                samples = np.stack([voice] * channels, axis=1)
                try:
                    soundfile.write(file, samples, 8000, subtype, format=container)
                except (RuntimeError, ValueError):
                    continue  # not every combination exists
                found[f"{container}-{subtype}-{channels}"] = file.getvalue()
    for name, changed in _without_length(found).items():
        found |= {f"{name} {number}": changed for number in range(5)}
    return found


def _without_length(files: dict[str, bytes]) -> dict[str, bytes]:
    """Recordings without a length, as written by streaming programs."""
    wav, flac, mp3 = (
        files[f"{name}-1"] for name in ("WAV-PCM_16", "FLAC-PCM_16", "MP3-MPEG_LAYER_III")
    )
    place = wav.index(b"data") + 4
    second = mp3.index(mp3[:2], 100)  # the first frame contains the number of frames
    return {
        "WAV-streamed": wav[:place] + b"\xff" * 4 + wav[place + 4 :],
        "FLAC-streamed": flac[:21] + bytes((flac[21] & 0xF0, 0, 0, 0, 0)) + flac[26:],
        "MP3-uncounted": mp3[second:],
    }


Mutation = Callable[[random.Random, bytes, list[bytes]], bytes]


def _flip_bits(chance: random.Random, content: bytes, _: list[bytes]) -> bytes:
    changed = bytearray(content)
    until = chance.choice((64, len(changed)))
    for _ in range(chance.choice((1, 2, 8, 64))):
        changed[chance.randrange(min(until, len(changed)))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _truncate(chance: random.Random, content: bytes, _: list[bytes]) -> bytes:
    return content[: chance.choice((chance.randrange(len(content)), chance.randrange(100)))]


def _overwrite_length(chance: random.Random, content: bytes, _: list[bytes]) -> bytes:
    places = [content.find(name) + 4 for name in NAMES if name in content]
    place = chance.choice([*places, 4, 8, 16, 18, 22, 40, chance.randrange(64)])
    order = chance.choice(("little", "big"))
    value = chance.choice((*LENGTHS, len(content), len(content) // 2, chance.randrange(1 << 32)))
    width = chance.choice((4, 4, 4, 8))
    return content[:place] + value.to_bytes(width, order) + content[place + width :]


def _insert_chunk(chance: random.Random, content: bytes, _: list[bytes]) -> bytes:
    place = chance.choice((12, 36, len(content), chance.randrange(len(content))))
    length = chance.choice((0, 3, 64, 5000))
    chunk = chance.choice((*NAMES, b"LIST")) + length.to_bytes(4, "little")
    return content[:place] + chunk + chance.randbytes(length) + content[place:]


def _duplicate(chance: random.Random, content: bytes, _: list[bytes]) -> bytes:
    begin = chance.randrange(len(content))
    end = begin + chance.randrange(1, 2000)
    return content[:end] + content[begin:end] * chance.choice((1, 2, 20)) + content[end:]


def _delete(chance: random.Random, content: bytes, _: list[bytes]) -> bytes:
    begin = chance.randrange(len(content))
    return content[:begin] + content[begin + chance.choice((1, 4, 24, 1000)) :]


def _exchange_header(chance: random.Random, content: bytes, others: list[bytes]) -> bytes:
    length = chance.choice((4, 12, 44, 100))
    return chance.choice(others)[:length] + content[length:]


def _append(chance: random.Random, content: bytes, _: list[bytes]) -> bytes:
    return content + chance.choice((chance.randbytes(chance.randrange(1, 9000)), bytes(5000)))


def _zero(chance: random.Random, content: bytes, _: list[bytes]) -> bytes:
    begin = chance.randrange(len(content))
    length = min(chance.choice((1, 16, 500, 5000)), len(content) - begin)
    return content[:begin] + bytes(length) + content[begin + length :]


MUTATIONS: dict[str, Mutation] = {
    "bits flipped": _flip_bits,
    "truncated": _truncate,
    "length overwritten": _overwrite_length,
    "chunk inserted": _insert_chunk,
    "part duplicated": _duplicate,
    "part deleted": _delete,
    "header exchanged": _exchange_header,
    "random appended": _append,
    "region zeroed": _zero,
}


def mutated_files(number: int, seed: int) -> Iterator[tuple[str, str, bytes]]:
    """Extension, mutation and content of each file.

    Originals and mutations are used in turn; one file in four is mutated twice, one in eight has
    the extension of another format.
    """
    chance = random.Random(seed)
    files = originals()
    everything = list(files.values())
    names = list(files)
    chance.shuffle(names)
    kinds = list(MUTATIONS)
    for place in range(number):
        name = names[place % len(names)]
        content, done = files[name], []
        for turn in range(2 if chance.random() < 0.25 else 1):
            kind = chance.choice(kinds) if turn else kinds[place % len(kinds)]
            content = MUTATIONS[kind](chance, content, everything) or b"\0"
            done.append(kind)
        container = name.partition("-")[0]
        if chance.random() < 0.125:
            container = chance.choice(names).partition("-")[0]
        ending = ENDINGS.get(container, container.lower())
        yield ending, f"{name}: {', '.join(done)}", content
