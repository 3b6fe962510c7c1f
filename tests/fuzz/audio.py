"""A fuzzer of audio files, which are read singly, and scanned and predicted in folders.

    python tests/fuzz/audio.py --files 1500 --seed 0

It checks that there is no exception other than AudioError; that no file takes more than five
seconds; that no process needs more than a gigabyte; that in every folder found = kept + skipped;
that predict gives a prediction or an error for every file; and that its JSON is valid. A child
process does the work, so that a crash or a hang is one finding.
"""

from __future__ import annotations

import argparse
import json
import select
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from audio_mutations import mutated_files, originals
from memory import limit_memory, peak_megabytes

SECONDS = 5.0
STARTING = 120.0
"""Time limit in seconds for importing torch in a process on a busy machine."""

MEGABYTES = 1000
FOLDER = 20
"""Number of files in a folder."""

NO_RECORDINGS = ("htk", "mat4", "mat5", "mpc2k", "sds", "xi", "xyz")
"""File name extensions that a scan ignores."""


def child() -> None:
    """Print a line of JSON for each line of standard input, which has a task and a path."""
    import serbench.builtin.ravdess  # before the time is measured
    import serbench.data.scan
    import serbench.deploy.answering
    import serbench.deploy.predict
    import serbench.model.network  # noqa: F401
    from serbench.deploy.speech import speech_detector

    speech_detector().speech(np.zeros(16_000, np.float32), 16_000)
    answer_lines({"read": _read, "scan": _scan, "predict": _predict})


def answer_lines(answers: Mapping[str, Callable[[Path], dict[str, Any]]]) -> None:
    """Answer each line of standard input, which has a task and a path, with a line of JSON."""
    limit_memory(2 * MEGABYTES)
    print("{}", flush=True)
    for line in sys.stdin:
        task, _, path = line.rstrip("\n").partition(" ")
        began = time.monotonic()
        found = answers[task](Path(path))
        found["seconds"] = time.monotonic() - began
        found["megabytes"] = peak_megabytes()
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
        return {"wrong": "kept without a finite sample that is not zero"}
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
    from serbench.deploy.answering import EagerAnswerer
    from serbench.deploy.predict import FilePrediction, predict_files
    from serbench.model.network import EmotionNetwork

    class Loudness(torch.nn.Module):
        def forward(self, waveform: torch.Tensor) -> torch.Tensor:
            energy = waveform.square().mean(dim=1, keepdim=True)
            return torch.cat([-energy, energy], dim=1)

    paths = sorted(folder.iterdir())
    network = EmotionNetwork(torch.nn.Identity(), Loudness(), torch.nn.Identity())
    answerer = EagerAnswerer(network, ClipFormat(16_000, 3.0), ("sadness", "anger"))
    answers = list(predict_files(answerer, paths))
    good = [answer for answer in answers if isinstance(answer, FilePrediction)]
    json.dumps([answer.overall.probabilities for answer in good], allow_nan=False)
    if len(answers) != len(paths):
        return {"wrong": f"{len(answers)} answers for {len(paths)} files"}
    return {"outcome": "answered", "good": len(good)}


@dataclass
class Worker:
    """A child process that is started again after a crash or a hang.

    Attributes:
        errors: file of its standard error.
        seconds: time limit of a task.
        program: the program, which answers each line with a line after ``--child``.
        process: the running child.
    """

    errors: Path
    seconds: float = SECONDS
    program: str = __file__
    process: subprocess.Popen[str] | None = None

    def ask(self, task: str, path: Path) -> dict[str, Any]:
        """The child's result, or its failure as ``wrong``."""
        if self.process is None:
            with self.errors.open("a") as errors:
                self.process = subprocess.Popen(
                    [sys.executable, self.program, "--child"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    text=True,
                )
            self._line(STARTING)
        process = self.process
        assert process.stdin is not None
        process.stdin.write(f"{task} {path}\n")
        process.stdin.flush()
        line = self._line(2 * self.seconds)
        if line is not None and line.startswith("{"):
            answer: dict[str, Any] = json.loads(line)
            return answer
        problem = f"printed {line!r}" if line else f"no answer in {2 * self.seconds:.0f} s"
        if line == "":
            problem = f"ended with {process.wait()}"
        self.stop()
        return {"wrong": problem}

    def _line(self, seconds: float) -> str | None:
        """The child's next line; empty where it has ended, None after the time limit."""
        assert self.process is not None
        assert self.process.stdout is not None
        ready, _, _ = select.select([self.process.stdout], [], [], seconds)
        return self.process.stdout.readline() if ready else None

    def stop(self) -> None:
        """End the child."""
        if self.process is not None:
            self.process.kill()
            self.process.communicate()
            self.process = None


@dataclass
class Account:
    """The results of all files, with a time limit for each in seconds."""

    seconds: float = SECONDS
    outcomes: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    longest: dict[str, float] = field(default_factory=dict)
    megabytes: float = 0

    def add(self, task: str, what: str, answer: dict[str, Any]) -> None:
        """Add a result of the child."""
        seconds, megabytes = answer.get("seconds", 0.0), answer.get("megabytes", 0.0)
        self.longest[task] = max(self.longest.get(task, 0.0), seconds)
        self.megabytes = max(self.megabytes, megabytes)
        self.outcomes[f"{task}: {answer.get('outcome', 'wrong')}"] += 1
        for wrong in (
            answer.get("wrong"),
            f"{seconds:.1f} s" if seconds > self.seconds else None,
            f"{megabytes:.0f} MB" if megabytes > MEGABYTES else None,
        ):
            if wrong:
                self.wrong.append(f"{task} {what}: {wrong}")

    def print(self, run: str) -> None:
        """Print the results of a run, which is described in a few words."""
        for outcome, count in self.outcomes.most_common():
            print(f"{count:6,}  {outcome}")
        for task, seconds in self.longest.items():
            print(f"longest {task}: {seconds:.2f} s")
        print(f"peak memory of the child: {self.megabytes:.0f} MB")
        for wrong in self.wrong:
            print(f"wrong: {wrong}")
        print(f"{run}: {len(self.wrong)} wrong")


def run(number: int, seed: int, place: Path, seconds: float = SECONDS) -> Account:
    """Write ``number`` files under ``place`` and process each, for at most ``seconds``."""
    account = Account(seconds)
    worker = Worker(place / "errors.txt", seconds)
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
    """Run and print the results; exit with 1 where something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--files", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="An empty folder in which the files are kept.")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child()
        return
    with tempfile.TemporaryDirectory() as name:
        place = given.keep or Path(name)
        account = run(given.files, given.seed, place)
    account.print(f"{given.files:,} files, seed {given.seed}")
    sys.exit(1 if account.wrong else 0)


if __name__ == "__main__":
    main()
