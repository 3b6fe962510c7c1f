"""Virtual environments, and commands whose output lines are recorded with their times."""

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
    """The folder and environment of a tool's commands, and a list of the commands.

    Attributes:
        programs: folder of its programs.
        folder: working folder; no other folder is written to.
        environment: environment variables in addition to those of this process.
        commands: commands that were run, without the folders of this machine.
    """

    programs: Path
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    commands: list[str] = field(default_factory=list)

    def run(self, *command: str, until: str | None = None) -> list[tuple[float, str]]:
        """Run a command; returns its lines with the time of each, by ``time.perf_counter``.

        Args:
            command: a program of ``programs``, and its arguments.
            until: a pattern; after the first line that matches it the command and its child
                processes are stopped.

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
                # In a new session it and its child processes are not ended by an interrupt.
                if process.returncode is None:
                    os.killpg(process.pid, signal.SIGKILL)
        if process.returncode != 0:
            output = "\n".join(line for _, line in lines[-30:])
            raise RuntimeError(f"{' '.join(command)}: exit code {process.returncode}\n{output}")
        return lines


def first(lines: Sequence[tuple[float, str]], pattern: str) -> float:
    """The time of the first line with a pattern.

    Raises:
        RuntimeError: no line has the pattern.
    """
    for when, line in lines:
        if re.search(pattern, line):
            return when
    output = "\n".join(line for _, line in lines[-30:])
    raise RuntimeError(f"no line has {pattern!r}:\n{output}")


def build_environment(folder: Path, packages: Sequence[str], then: Sequence[str] = ()) -> Path:
    """Create a virtual environment if it does not exist; returns the folder of its programs.

    Args:
        folder: folder of the environment.
        packages: packages to install from PyPI.
        then: a program of the environment that is run once, and its arguments.
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
    """The versions of packages in an environment."""
    command = [programs / "python", "-c", VERSIONS, *packages]
    output = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(output.stdout))


def busy_cores(seconds: float = 2.0) -> float | None:
    """Mean number of busy cores during some seconds; None where the system does not report it.

    Before a tool starts, it is the load by other programs. Because threads of one training wait for
    each other, a single busy core makes a tool with two threads more than twice as slow.
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
