"""Run benchmarks one after another and write their results.

    python benchmarks/report.py            # all that ``make bench`` runs
    python benchmarks/report.py peers --repetitions 1    # one, with its options
    python benchmarks/report.py search --seeds 5 --keep-as search-five-seeds
    python benchmarks/report.py --only-write

Each prints one JSON object, which is stored in ``benchmarks/results``. ``benchmarks/RESULTS.md`` is
written from all of these, with the command and the time of each.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
RESULTS = HERE / "results"
USUAL: dict[str, tuple[str, ...]] = {
    "prepare": (),
    "frontend": (),
    "training": (),
    "memory": (),
    "search": ("--seeds", "1", "--epochs", "8"),
    "startup": (),
    "leaderboard": (),
    "pruning": (),
    "features": (),
}
"""Benchmark → its options in ``make bench``, which takes a quarter of an hour."""

APART = (
    *("peers", "precision", "compiling", "level", "latency", "parity", "publish", "executors"),
    "recording",
)
"""Benchmarks that take longer; the first one, which installs other tools, is ``make
bench-peers``. ``latency`` takes five minutes of an idle machine; ``parity`` measures no time;
``publish`` fills a database for several minutes; ``executors`` needs Ray."""

HEAD = """# Measurements of speed

This page is written by `make bench` and, for other tools, by `make bench-peers`. The scripts in
this folder describe each comparison. Both sides of a line are timed in turn in one run, after a
warm-up. A ratio is the median over repetitions, with the lowest and the highest in brackets; more
is better. The raw output is in `results/`.
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the requested benchmarks, then write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join((*USUAL, *APART))}")
    parser.add_argument(
        "--keep-as", metavar="NAME", help="name of the result file instead of the benchmark's name"
    )
    parser.add_argument(
        "--only-write", action="store_true", help="write the page without running a benchmark"
    )
    options, others = parser.parse_known_args(arguments)
    asked = dict.fromkeys(options.names, others) or USUAL
    for name, own in {} if options.only_write else asked.items():
        _run(name, own, options.keep_as or name)
    write_page()


def _run(name: str, options: Sequence[str], kept: str) -> None:
    print(f"benchmark {name}", file=sys.stderr)
    started = time.perf_counter()
    command = [sys.executable, str(HERE / f"{name}.py"), *options]
    finished = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found = json.loads(finished.stdout)
    found["command"] = " ".join(("python", f"benchmarks/{name}.py", *options))
    keep(kept, found, time.perf_counter() - started)


def keep(name: str, found: dict[str, Any], seconds: float) -> None:
    """Write the output of a benchmark to a file, with its date and duration."""
    found["ended"] = datetime.now(UTC).isoformat(timespec="minutes")
    found["seconds"] = round(seconds)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n")


def write_page() -> None:
    """Write ``RESULTS.md`` from all result files."""
    parts = [HEAD]
    order = (*USUAL, *APART)
    found = {path.stem: path for path in sorted(RESULTS.glob("*.json"))}
    for name in (*(each for each in order if each in found), *sorted(found.keys() - set(order))):
        parts.append(section(json.loads(found[name].read_text())))
    (HERE / "RESULTS.md").write_text("\n".join(parts))


def section(found: dict[str, Any]) -> str:
    """One benchmark's part of the page."""
    machine = found["machine"]
    lines = [
        f"## {found['benchmark']}",
        "",
        f"`{found['command']}`, {found['ended']}, {found['seconds']} s, "
        f"{machine['cpu']}, {machine['cores']} cores; {found['data']}.",
        "",
        "| what | one side | other side | unit | ratio | target | met |",
        "|---|--:|--:|---|--:|--:|---|",
    ]
    lines += [_line(finding) for finding in found["findings"]]
    lines += [f"\n{note}" for note in found.get("notes", ())]
    return "\n".join(lines) + "\n"


def _line(finding: dict[str, Any]) -> str:
    (one, first), (other, second) = finding["sides"].items()
    low, high = finding["spread"]
    target = "–" if finding["target"] is None else f"{finding['target']:g}"
    met = {None: "–", True: "yes", False: "**no**"}[finding["met"]]
    cells = [
        finding["what"],
        f"{one}: {_short(first)}",
        f"{other}: {_short(second)}",
        finding["unit"],
        f"{finding['ratio']:.2f} ({low:.2f}–{high:.2f})",
        target,
        met,
    ]
    return f"| {' | '.join(cells)} |"


def _short(figure: float) -> str:
    return f"{figure:,.0f}" if abs(figure) >= 1000 else f"{figure:.3g}"


if __name__ == "__main__":
    main()
