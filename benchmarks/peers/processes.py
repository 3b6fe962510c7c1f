"""Virtual environments, and commands whose lines are stamped with the time they came."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

VERSIONS = """
import importlib.metadata, json, sys
found = {each.name.lower(): each.version for each in importlib.metadata.distributions()}
print(json.dumps({name: found.get(name) for name in sys.argv[1:]}))
"""


@dataclass
class Shell:
    """Where a tool's commands run, and which did.

    Attributes:
        programs: the folder that its programs lie in.
        folder: to run in; nothing is kept anywhere else.
        environment: variables beside those of this process.
        commands: what was run, without the folders of this machine.
    """

    programs: Path
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    commands: list[str] = field(default_factory=list)

    def run(self, *command: str, until: str | None = None) -> list[tuple[float, str]]:
        """Run a command; give each of its lines and when it came, by ``time.perf_counter``.

        Args:
            command: a program of ``programs``, and its arguments.
            until: a pattern; with the first line that has it all is known, and the command and
                whatever it started is stopped.

        Raises:
            RuntimeError: the command fails.
        """
        self.commands.append(" ".join(command))
        lines = []
        with subprocess.Popen(
            [self.programs / command[0], *command[1:]],
            cwd=self.folder,
            env={**os.environ, "PYTHONUNBUFFERED": "1", "COLUMNS": "200", **self.environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,
        ) as process:
            assert process.stdout is not None
            try:
                for line in process.stdout:
                    lines.append((time.perf_counter(), line.rstrip()))
                    if until is not None and re.search(until, line):
                        return lines
                process.wait()
            finally:
                # In a session of its own, it and what it started would outlive an interrupt.
                if process.returncode is None:
                    os.killpg(process.pid, signal.SIGKILL)
        if process.returncode != 0:
            said = "\n".join(line for _, line in lines[-30:])
            raise RuntimeError(f"{' '.join(command)}: exit code {process.returncode}\n{said}")
        return lines


def first(lines: Sequence[tuple[float, str]], pattern: str) -> float:
    """When the first line with a pattern came.

    Raises:
        RuntimeError: no line has it.
    """
    for when, line in lines:
        if re.search(pattern, line):
            return when
    said = "\n".join(line for _, line in lines[-30:])
    raise RuntimeError(f"no line has {pattern!r}:\n{said}")


def build_environment(folder: Path, packages: Sequence[str], then: Sequence[str] = ()) -> Path:
    """A virtual environment with these packages, made unless it is there; its programs' folder.

    Args:
        folder: to make it in.
        packages: to install from PyPI.
        then: a program of it to run once, and its arguments.
    """
    programs, mark = folder / "bin", folder / "installed.json"
    wanted = json.dumps([*packages, *then])
    if not mark.exists() or mark.read_text() != wanted:
        print(f"installing {' '.join(packages)}", file=sys.stderr)
        for command in (
            [sys.executable, "-m", "venv", "--clear", folder],
            [programs / "pip", "install", "--quiet", *packages],
            *([[programs / then[0], *then[1:]]] if then else []),
        ):
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        mark.write_text(wanted)
    return programs


def versions(programs: Path, *packages: str) -> dict[str, Any]:
    """The versions installed beside a Python."""
    command = [programs / "python", "-c", VERSIONS, *packages]
    said = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(said.stdout))


def busy_cores(seconds: float = 2.0) -> float | None:
    """How many cores are at work, looked at for some seconds; None where the system does not tell.

    Asked before a tool starts, it is what others take. Threads of one training wait for each
    other, so that a single core taken away slows a tool of two threads down to far below half.
    """
    counters = Path("/proc/stat")
    if not counters.exists():
        return None
    idle = []
    for pause in (seconds, 0.0):
        idle.append(sum(map(int, counters.read_text().split("\n", 1)[0].split()[4:6])))
        time.sleep(pause)
    cores = os.cpu_count() or 1
    return round(max(cores - (idle[1] - idle[0]) / os.sysconf("SC_CLK_TCK") / seconds, 0.0), 2)
