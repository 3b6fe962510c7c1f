"""Mutated audio files, each read alone, and in folders scanned and given to predict.

    python tests/fuzz/audio.py --files 1500 --seed 0

Checked: no exception but AudioError; no answer takes more than five seconds; no process needs more
than a gigabyte; of every folder, found = kept + skipped; predict answers or refuses every file; its
JSON is valid. The work is done by a child process, so that a crash or a hang is one finding.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import resource
import select
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

SECONDS = 5.0
MEGABYTES = 1024
FOLDER = 20
"""Files of one folder."""

LENGTHS = (0, 1, 2, 7, 8, 100, 0x7FFF, 0xFFFF, 0x7FFFF000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
NAMES = (b"data", b"fmt ", b"fact", b"RIFF", b"FORM", b"SSND", b"COMM", b"ds64", b"desc", b"pakt")
ENDINGS = {"AIFF": "aiff", "NIST": "sph", "OGG": "ogg", "WAVEX": "wav", "MP3": "mp3"}

NO_RECORDINGS = ("htk", "mat4", "mat5", "mpc2k", "sds", "xi", "xyz")
"""Endings of names that no scan counts."""

# --- the files ----------------------------------------------------------------------------------


def originals() -> dict[str, bytes]:
    """A recording in every container and subtype that libsndfile writes, by its name.

    Without RAW, which has no header, and SD2, whose header is a second file.
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
    """Recordings as programs write them that cannot know the length."""
    wav, flac, mp3 = (
        files[f"{name}-1"] for name in ("WAV-PCM_16", "FLAC-PCM_16", "MP3-MPEG_LAYER_III")
    )
    place = wav.index(b"data") + 4
    second = mp3.index(mp3[:2], 100)  # the first frame counts the others
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
    """Ending of the name, what was done, and the content of each file.

    Every original and every mutation has its turn; one file in four is mutated twice, one in
    eight has the ending of another format.
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


# --- the child ----------------------------------------------------------------------------------


def child() -> None:
    """Answer each line of standard input, a task and a path, with a line of JSON."""
    answers = {"read": _read, "scan": _scan, "predict": _predict}
    for line in sys.stdin:
        task, _, path = line.rstrip("\n").partition(" ")
        began = time.monotonic()
        found = answers[task](Path(path))
        found["seconds"] = time.monotonic() - began
        found["megabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps(found, allow_nan=False), flush=True)


def _read(path: Path) -> dict[str, Any]:
    from serbench.data.audio import read_audio
    from serbench.errors import AudioError

    try:
        audio = read_audio(path)
    except AudioError as error:
        if "\n" in str(error):
            return {"wrong": "a message of several lines"}
        return {"outcome": error.reason}
    if not (len(audio.waveform) and np.isfinite(audio.mono).all() and audio.mono.any()):
        return {"wrong": "kept without a sample that is a number and not zero"}
    return {"outcome": "read"}


def _scan(folder: Path) -> dict[str, Any]:
    from serbench.builtin.ravdess import RAVDESS
    from serbench.data.scan import scan
    from serbench.errors import DatasetError

    files = sum(path.suffix[1:] not in NO_RECORDINGS for path in folder.iterdir())
    try:
        found = scan([folder], "fuzz", [RAVDESS])
    except DatasetError as error:
        if f"none of the {files} recordings" not in str(error):
            return {"wrong": str(error)}
        return {"outcome": "none kept"}
    kept, skipped = len(found.manifest), len(found.skipped)
    json.dumps(found.summary(), allow_nan=False)
    if not files == found.found == kept + skipped:
        return {"wrong": f"{files} files, found {found.found}, {kept} + {skipped}"}
    return {"outcome": "accounted for"}


def _predict(folder: Path) -> dict[str, Any]:
    import torch

    from serbench.data.clips import ClipFormat
    from serbench.deploy.predict import FilePrediction, predict_files
    from serbench.model.network import EmotionNetwork

    class Loudness(torch.nn.Module):
        def forward(self, waveform: torch.Tensor) -> torch.Tensor:
            energy = waveform.square().mean(dim=1, keepdim=True)
            return torch.cat([-energy, energy], dim=1)

    paths = sorted(folder.iterdir())
    network = EmotionNetwork(torch.nn.Identity(), Loudness(), torch.nn.Identity())
    answers = list(predict_files(network, ClipFormat(), ("sadness", "anger"), paths))
    good = [answer for answer in answers if isinstance(answer, FilePrediction)]
    json.dumps([answer.probabilities for answer in good], allow_nan=False)
    if len(answers) != len(paths):
        return {"wrong": f"{len(answers)} answers for {len(paths)} files"}
    return {"outcome": "answered", "good": len(good)}


# --- the parent ---------------------------------------------------------------------------------


@dataclass
class Worker:
    """A child process that is started again after a crash or a hang."""

    errors: Path
    process: subprocess.Popen[str] | None = None

    def ask(self, task: str, path: Path) -> dict[str, Any]:
        """The child's answer, or what became of it as ``wrong``."""
        if self.process is None:
            with self.errors.open("a") as errors:
                self.process = subprocess.Popen(
                    [sys.executable, __file__, "--child"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    text=True,
                )
            self.ask(task, path)  # which imports what it needs
            if self.process is None:
                return {"wrong": "crash or hang in a fresh process"}
        process = self.process
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{task} {path}\n")
        process.stdin.flush()
        ready, _, _ = select.select([process.stdout], [], [], SECONDS * 4)
        line = process.stdout.readline() if ready else ""
        if line.startswith("{"):
            answer: dict[str, Any] = json.loads(line)
            return answer
        problem = f"no answer in {SECONDS * 4:.0f} s"
        if ready:
            problem = f"printed {line!r}" if line else f"ended with {process.wait()}"
        self.stop()
        return {"wrong": problem}

    def stop(self) -> None:
        """End the child."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None


@dataclass
class Account:
    """What became of all files."""

    outcomes: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    longest: dict[str, float] = field(default_factory=dict)
    megabytes: float = 0

    def add(self, task: str, what: str, answer: dict[str, Any]) -> None:
        """One answer of the child."""
        seconds, megabytes = answer.get("seconds", 0.0), answer.get("megabytes", 0.0)
        self.longest[task] = max(self.longest.get(task, 0.0), seconds)
        self.megabytes = max(self.megabytes, megabytes)
        self.outcomes[f"{task}: {answer.get('outcome', 'wrong')}"] += 1
        for wrong in (
            answer.get("wrong"),
            f"{seconds:.1f} s" if seconds > SECONDS else None,
            f"{megabytes:.0f} MB" if megabytes > MEGABYTES else None,
        ):
            if wrong:
                self.wrong.append(f"{task} {what}: {wrong}")


def run(number: int, seed: int, place: Path) -> Account:
    """Write ``number`` files under ``place`` and try each."""
    account = Account()
    worker = Worker(place / "errors.txt")
    good = originals()["WAV-PCM_16-1"]
    folders: list[Path] = []
    try:
        for count, (ending, what, content) in enumerate(mutated_files(number, seed)):
            if count % FOLDER == 0:
                folders.append(place / f"{count:05}")
                folders[-1].mkdir()
            speaker, take = count % FOLDER + 1, count // FOLDER % 2 + 1
            path = folders[-1] / f"03-01-05-01-01-{take:02}-{speaker:02}.{ending}"
            path.write_bytes(content)
            shown = f"{path.parent.name}/{path.name} ({what})"
            account.add("read", shown, worker.ask("read", path))
        for folder in folders:
            (folder / "03-01-04-01-01-01-24.wav").write_bytes(good)
            (folder / "notes.xyz").write_text("not counted")
            account.add("scan", folder.name, worker.ask("scan", folder))
            (folder / "notes.xyz").unlink()
            account.add("predict", folder.name, worker.ask("predict", folder))
    finally:
        worker.stop()
    said = worker.errors.read_text(errors="replace")
    if "Traceback" in said or "From cffi callback" in said:
        account.wrong.append(f"a traceback on standard error: {said[-2000:]}")
    return account


def main() -> None:
    """Run and print the account; exit with 1 where something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="An empty folder in which the files stay.")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child()
        return
    with tempfile.TemporaryDirectory() as name:
        place = given.keep or Path(name)
        account = run(given.files, given.seed, place)
    for outcome, count in account.outcomes.most_common():
        print(f"{count:6,}  {outcome}")
    for task, seconds in account.longest.items():
        print(f"longest {task}: {seconds:.2f} s")
    print(f"peak memory of the child: {account.megabytes:.0f} MB")
    for wrong in account.wrong:
        print(f"wrong: {wrong}")
    print(f"{given.files:,} files, seed {given.seed}: {len(account.wrong)} wrong")
    sys.exit(1 if account.wrong else 0)


if __name__ == "__main__":
    main()
