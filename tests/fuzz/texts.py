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
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn
from unittest.mock import patch

from memory import peak_megabytes
from text_kinds import EMOTIONS, Kind, kinds_of, write_recordings
from text_mutations import mutated

from serbench.cli.main import main as serbench

SECONDS = 5.0
MEGABYTES = 1000


class Hang(BaseException):
    """A case that takes too long; it is not caught by handlers of errors."""


@dataclass
class Found:
    """The results of a run."""

    codes: Counter[tuple[str, int]] = field(default_factory=Counter)
    failures: list[tuple[str, bytes, str]] = field(default_factory=list)
    slowest: float = 0.0


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
            "SERBENCH_EXECUTOR": "here",
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
        with patch("serbench.cli.study._result", lambda *_: None):
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
