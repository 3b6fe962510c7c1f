"""A fuzzer of the text files of users, which must be accepted or refused in one line.

    python tests/fuzz/texts.py --cases 200 --seed 0

Study files, corpus tables in every format, lists of folds, exclusion lists and tables of
predictions, ``--cases`` of each: valid files with random changes; and the texts of ``--pattern``,
``--map`` and ``--columns``. The command line runs in this process. A case fails if its
exit code is not 0, 1 or 2, if it prints a traceback or more than one line of errors, or if it takes
longer than 5 s. Each kind has a process of its own, which fails if it needs more than 1 GB. The
last line of each kind has its figures. The exit code is 1 if anything failed; failed cases are
written to ``--keep``.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn
from unittest.mock import patch

import numpy as np
import pandas as pd
import soundfile
from memory import peak_megabytes

from serbench.cli.main import main as serbench

SECONDS = 5.0
MEGABYTES = 1000
RATE = 16000
EMOTIONS = {"neutral": "01", "happiness": "03", "sadness": "04", "anger": "05"}
SPEAKERS = 5

STUDY = """\
backbone = ["homebrew"]
dataset = "fuzz"
protocol = ["speaker-2", "loso"]
schedule = "one-cycle"
trials = 3
epochs = 4
batch_size = 8
minutes = 0.5
seed = 7
weights = "none"
augmentations = ["time-shift", "gain"]
exhaustive = false

[search]
learning_rate = [1e-4, 1e-2]
freeze_depth = 0
widths = { gain = [0.1, 0.5] }
"""

TOKENS = [
    *(
        b"\x00",
        b"\xff",
        b"\xed\xa0\x80",
        b"\xef\xbb\xbf",
        b"\r",
        b"\n\n",
        b"\t",
        b'"',
        b'"""',
        b"'",
    ),
    *(b",", b";", b"=", b"[", b"]", b"{", b"}", b"#", b"\\", b"\\u0000", b"\\ud800", b"$(id)"),
    *(b"nan", b"inf", b"-inf", b"1e999", b"-1", b"0", b"9" * 30, b"9" * 5000, b"0x" + b"f" * 5000),
    *(b"true", b"null", b"1979-05-27T07:32:00Z", b"..", b"../" * 400, b"/dev/null", b"/", b"~"),
    *(b"[" * 5000, b"{" * 5000, b"a." * 5000, b"x" * 300, b"x" * 200_000, b"\x1b[31m", b"=1+1"),
    *("\u2028".encode(), "\u202e".encode(), "日本".encode(), "é".encode("latin-1")),
    *(b"entry:" + b"9" * 50, b"speaker-" + b"9" * 5000, b"folds:", b"speaker-1:nested-0"),
]
"""Texts that are inserted into a file, in addition to single bytes."""


class Hang(BaseException):
    """A case that takes too long; it is not caught by handlers of errors."""


@dataclass(frozen=True)
class Kind:
    """One kind of file.

    Attributes:
        name: name of the kind.
        file: name of the file, with its extension.
        content: content of a valid file.
        command: command line that reads it.
    """

    name: str
    file: str
    content: bytes
    command: Callable[[Path], Sequence[str]]


@dataclass
class Found:
    """The results of a run."""

    codes: Counter[tuple[str, int]] = field(default_factory=Counter)
    failures: list[tuple[str, bytes, str]] = field(default_factory=list)
    slowest: float = 0.0


def mutated(content: bytes, chance: random.Random) -> bytes:
    """A file with one to four changes."""
    for _ in range(chance.randint(1, 4)):
        content = chance.choice(CHANGES)(content, chance)
    return content


def _span(content: bytes, chance: random.Random) -> tuple[int, int]:
    start = chance.randint(0, len(content))
    return start, min(len(content), start + chance.randint(0, 40))


def _insert(content: bytes, chance: random.Random) -> bytes:
    place = chance.randint(0, len(content))
    return content[:place] + chance.choice(TOKENS) + content[place:]


def _replace(content: bytes, chance: random.Random) -> bytes:
    start, end = _span(content, chance)
    return content[:start] + chance.choice(TOKENS) + content[end:]


def _delete(content: bytes, chance: random.Random) -> bytes:
    start, end = _span(content, chance)
    return content[:start] + content[end:]


def _flip(content: bytes, chance: random.Random) -> bytes:
    changed = bytearray(content)
    if changed:
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _repeat(content: bytes, chance: random.Random) -> bytes:
    start, end = _span(content, chance)
    return content[:start] + content[start:end] * chance.choice([2, 3, 50]) + content[end:]


def _cut(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randint(0, len(content))]


def _shuffle(content: bytes, chance: random.Random) -> bytes:
    lines = content.splitlines(keepends=True)
    chance.shuffle(lines)
    return b"".join(lines)


def _cells(content: bytes, chance: random.Random) -> bytes:
    """Exchange the texts between separators."""
    separator = chance.choice([b",", b"\n", b"="])
    parts = content.split(separator)
    parts[chance.randrange(len(parts))] = chance.choice(TOKENS)
    return separator.join(parts)


def _recode(content: bytes, chance: random.Random) -> bytes:
    text = content.decode(errors="replace")
    return text.encode(chance.choice(["utf-16", "utf-8-sig", "latin-1", "utf-32"]), "replace")


CHANGES = [_insert, _insert, _replace, _replace, _delete, _flip, _repeat, _cut, _shuffle, _cells]
CHANGES += [_cells, _recode]


def write_recordings(folder: Path) -> list[Path]:
    """Short recordings of some speakers, with file names of RAVDESS."""
    chance = np.random.default_rng(0)
    paths = []
    for speaker in range(1, SPEAKERS + 1):
        actor = folder / f"Actor_{speaker:02}"
        actor.mkdir(parents=True)
        for label in EMOTIONS.values():
            path = actor / f"03-01-{label}-01-01-01-{speaker:02}.wav"
            soundfile.write(path, chance.uniform(-0.3, 0.3, RATE // 10), RATE)
            paths.append(path)
    return paths


def kinds_of(folder: Path, recordings: Sequence[Path], holdout: Sequence[str]) -> list[Kind]:
    """Every kind of file, with valid content."""
    labels = {label: emotion for emotion, label in EMOTIONS.items()}
    emotions = [labels[path.name.split("-")[2]] for path in recordings]
    speakers = [path.stem.split("-")[-1] for path in recordings]
    table = "path,emotion,speaker,sex,sentence\n" + "".join(
        f"{path},{emotion},{speaker},f,kids\n"
        for path, emotion, speaker in zip(recordings, emotions, speakers, strict=True)
    )
    folds = [int(speaker) % 3 for speaker in speakers]
    pairs = list(zip(recordings, folds, strict=True))
    listed = "path,fold\n" + "".join(f"{path.name},{fold}\n" for path, fold in pairs)
    lines = "".join(f'{{"path": "{path.name}", "fold": {fold}}}\n' for path, fold in pairs)
    excluded = "path,audio_hash,reason\n" + "".join(
        f"{each.name},,cough\n" for each in recordings[:6]
    )
    order = ["sadness", "anger", "happiness", "neutral"]
    predictions = f"path,fold,latency,{','.join(order)}\n" + "".join(
        f"{path},holdout,3.5,0.1,0.2,0.3,0.4\n" for path in holdout
    )
    fuzz = ("--dataset", "fuzz")
    imported = ("--name", "x", "--protocol", "speaker-2:holdout", *fuzz)
    emotions_kept = ("--emotions", ",".join(EMOTIONS))
    objects = [
        {"path": str(path), "emotion": emotion, "speaker": speaker}
        for path, emotion, speaker in zip(recordings, emotions, speakers, strict=True)
    ]
    parquet = io.BytesIO()
    pd.DataFrame(objects).to_parquet(parquet)
    short = "".join(f"{path.name}\t{path.parent.name}\n" for path in recordings)

    by_number = ("--columns", "path=1,speaker=2", "--pattern", "**/03-01-{emotion}-*")
    by_number += ("--map", ",".join(f"{label}={emotion}" for emotion, label in EMOTIONS.items()))

    def scan(path: Path, *options: str) -> Sequence[str]:
        return ("corpus", "scan", str(path), "--dataset", "table", *emotions_kept, *options)

    def text_of(path: Path) -> str:
        """As an argument, in which no zero byte can be."""
        return path.read_bytes().replace(b"\0", b"").decode(errors="surrogateescape")

    return [
        Kind("table with tabs", "table.tsv", table.replace(",", "\t").encode(), scan),
        Kind(
            "table with columns by number",
            "short.txt",
            short.encode(),
            lambda p: scan(p, *by_number),
        ),
        Kind("table in JSON", "table.json", json.dumps(objects).encode(), scan),
        Kind(
            "table in JSON lines",
            "table.jsonl",
            "\n".join(map(json.dumps, objects)).encode(),
            scan,
        ),
        Kind("table in Parquet", "table.parquet", parquet.getvalue(), scan),
        Kind("audformat", "db.yaml", AUDFORMAT.encode(), _database(table, scan)),
        Kind(
            "pattern",
            "pattern.txt",
            b"Actor_{speaker}/03-{sentence:2}-{emotion}-*",
            lambda p: scan(folder, f"--pattern={text_of(p)}", "--map=01=neutral"),
        ),
        Kind(
            "map",
            "map.txt",
            b"sadness=anger,03=happiness,Wut=anger",
            lambda p: scan(folder, f"--map={text_of(p)}"),
        ),
        Kind(
            "columns",
            "columns.txt",
            b"path=path,emotion=emotion,speaker=speaker",
            lambda p: scan(_beside(p, table), f"--columns={text_of(p)}"),
        ),
        Kind("study", "study.toml", STUDY.encode(), lambda p: ("study", "run", "--study", str(p))),
        Kind(
            "table",
            "table.csv",
            table.encode(),
            lambda p: ("corpus", "scan", str(p), "--dataset", "table", *emotions_kept),
        ),
        *(
            Kind(
                name,
                file,
                content.encode(),
                lambda p: ("protocol", "show", f"folds:{p}", *fuzz, "--no-fingerprints"),
            )
            for name, file, content in (
                ("folds", "folds.csv", listed),
                ("folds in JSON", "folds.jsonl", lines),
            )
        ),
        Kind(
            "exclusions",
            "left-out.csv",
            excluded.encode(),
            lambda p: (
                *("corpus", "scan", str(folder), "--dataset", "rest", *emotions_kept),
                *("--exclude", str(p)),
            ),
        ),
        Kind(
            "predictions",
            "predictions.csv",
            predictions.encode(),
            lambda p: ("leaderboard", "import", str(p), *imported),
        ),
    ]


AUDFORMAT = """\
name: fuzz
source: here
usage: unrestricted
languages: [eng]
schemes:
  emotion: {dtype: str, labels: [neutral, happiness, sadness, anger]}
  speaker: {dtype: str, labels: {"01": {gender: female}, "02": {gender: male}}}
tables:
  all:
    type: filewise
    columns:
      emotion: {scheme_id: emotion}
      speaker: {scheme_id: speaker}
"""


def _database(table: str, scan: Callable[[Path], Sequence[str]]) -> Callable[[Path], Sequence[str]]:
    """The command that scans a database whose header is a file."""

    def command(path: Path) -> Sequence[str]:
        (path.parent / "db.all.csv").write_text(table.replace("path", "file", 1))
        return scan(path)

    return command


def _beside(path: Path, table: str) -> Path:
    """A table beside a file."""
    written = path.with_name("table-of-columns.csv")
    written.write_text(table)
    return written


def call(command: Sequence[str]) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of one command."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            serbench(list(command))
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 1
    return code, out.getvalue(), err.getvalue()


def problem_of(command: Sequence[str], limit: float) -> tuple[int, str | None, float]:
    """Exit code, what is wrong with how a command ended, and the seconds it took."""
    start = time.perf_counter()
    signal.setitimer(signal.ITIMER_REAL, limit)
    code, problem = -1, None
    try:
        code, _, err = call(command)
    except Hang:
        problem = "it takes too long\n" + traceback.format_exc()
    except BaseException:  # noqa: BLE001 - any traceback is a finding
        problem = traceback.format_exc()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    seconds = time.perf_counter() - start
    if problem is None:
        errors = [line for line in err.splitlines() if line.startswith("error: ")]
        if code not in (0, 1, 2) or "Traceback" in err or len(errors) != (code != 0):
            problem = f"exit code {code}, and on standard error:\n{err}"
        elif seconds > limit:
            problem = f"it took {seconds:.1f} s"
    return code, problem, seconds


@contextlib.contextmanager
def place() -> Iterator[Path]:
    """A temporary folder, and an alarm that ends cases that hang."""

    def ring(number: int, frame: object) -> None:
        raise Hang

    before = signal.signal(signal.SIGALRM, ring)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        changes = {
            "SERBENCH_DB": str(folder / "serbench.db"),
            "SERBENCH_CACHE": str(folder / "cache"),
            "SERBENCH_DISABLE_PLUGINS": "timm",
            "SERBENCH_JOBS": "0",
        }
        with patch.dict(os.environ, changes):
            yield folder
    signal.signal(signal.SIGALRM, before)


def fuzz(cases: int, seed: int, kinds: Sequence[str] = (), limit: float = SECONDS) -> Found:
    """Run a number of cases of each kind of file.

    Args:
        cases: number of cases of each kind.
        seed: seed of all changes.
        kinds: names of the kinds to run; all by default.
        limit: time limit of a case in seconds.
    """
    found = Found()
    with place() as folder, patch("serbench.run.call.drive_study", lambda *_, **__: 1):
        recordings = write_recordings(folder / "recordings")
        scan = ("corpus", "scan", str(folder / "recordings"), "--dataset", "fuzz")
        assert call((*scan, "--emotions", ",".join(EMOTIONS)))[0] == 0
        _, clips, _ = call(("protocol", "clips", "speaker-2:holdout", "--dataset", "fuzz"))
        holdout = [line.split(",")[2] for line in clips.splitlines() if ",holdout," in line]
        with patch("serbench.cli.study._show_result", lambda *_: None):
            for kind in kinds_of(folder / "recordings", recordings, holdout):
                if kinds and kind.name not in kinds:
                    continue
                _run(kind, folder, random.Random(f"{seed} {kind.name}"), cases, found, limit)
    return found


def _run(
    kind: Kind, folder: Path, chance: random.Random, cases: int, found: Found, limit: float
) -> None:
    path = folder / kind.file
    path.write_bytes(kind.content)
    call(kind.command(path))  # the first call imports modules for seconds
    for number in range(cases):
        # The first case is a valid file: if it were refused, the fuzzer would find nothing.
        content = kind.content if number == 0 else mutated(kind.content, chance)
        path.write_bytes(content)
        code, problem, seconds = problem_of(kind.command(path), limit)
        if number == 0 and problem is None and code != 0:
            problem = f"a valid file is refused with {code}: {call(kind.command(path))[2]}"
        found.codes[kind.name, code] += 1
        found.slowest = max(found.slowest, seconds)
        if problem is not None:
            found.failures.append((f"{kind.name} {number}", content, problem))


def main() -> None:
    """Run the fuzzer as the docstring of the module describes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=100, help="of each kind of file")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", action="append", default=[], help="only this kind of file")
    parser.add_argument("--keep", type=Path, help="folder for the files that failed")
    asked = parser.parse_args()
    if len(asked.kind) == 1:
        _report(fuzz(asked.cases, asked.seed, asked.kind), asked.keep)
    kinds = asked.kind or dict.fromkeys(kind for kind, _ in fuzz(1, asked.seed).codes)
    command = [sys.executable, __file__, "--cases", str(asked.cases), "--seed", str(asked.seed)]
    command += [] if asked.keep is None else ["--keep", str(asked.keep)]
    codes = [subprocess.run([*command, "--kind", kind]).returncode for kind in kinds]
    sys.exit(any(codes))


def _report(found: Found, keep: Path | None) -> NoReturn:
    for name, content, problem in found.failures:
        print(f"--- {name}\n{content[:300]!r}\n{problem}")
        if keep is not None:
            keep.mkdir(parents=True, exist_ok=True)
            (keep / name.replace(" ", "-")).write_bytes(content)
    for kind in dict.fromkeys(kind for kind, _ in found.codes):
        codes = {code: count for (each, code), count in sorted(found.codes.items()) if each == kind}
        print(f"{kind}: " + ", ".join(f"exit {code} × {count}" for code, count in codes.items()))
    print(
        f"{found.codes.total()} cases, {len(found.failures)} failed; "
        f"slowest {found.slowest:.2f} s, {peak_megabytes():.0f} MB at most"
    )
    sys.exit(bool(found.failures) or peak_megabytes() > MEGABYTES)


if __name__ == "__main__":
    main()
