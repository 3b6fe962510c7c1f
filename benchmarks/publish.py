"""`serbench publish` with 200 and 500 entries: time, size, and seconds until a reader can work.

    python benchmarks/publish.py
    python benchmarks/publish.py --quick

The entries are invented by the tests' own means: each has a study of five trials whose predictions
of 720 clips are stored, and latencies in two runtimes. The commands run as whole processes. Where
Playwright and Chromium are installed, the first page is opened from the disk: it is usable when a
search has changed the rows that are shown. One JSON object is printed.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from timing import Finding, at_most, print_findings

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from making import records
from making.entries import add_entry

from serbench.data.emotions import SHARED_EMOTIONS
from serbench.data.manifest import make_manifest
from serbench.plugins import Plugins
from serbench.store.database import Database
from serbench.store.systems import Systems

SIZES, QUICK = (200, 500), (2, 4)
"""Entries: of the site whose size counts, and of the one whose time counts."""

MEGABYTES, SECONDS, USABLE = 5.0, 30.0, 2.0
"""Targets of the size, of the time of the command, and of the time in the browser."""

SPEAKERS, TAKES, TRIALS = 24, 5, 5


def add_entries(database: Database, first: int, last: int, artifacts: Path) -> None:
    """Add entries of increasing skill, with these numbers."""
    made = SimpleNamespace(
        manifest=records.manifest,
        scanned=records.scanned,
        plan=records.plan,
        outcome=records.outcome,
        metrics=list(Plugins().metrics),
    )
    manifest = make_manifest(
        "made",
        [
            records.utterance(speaker, emotion, "/made", take)
            for speaker in range(1, SPEAKERS + 1)
            for emotion in SHARED_EMOTIONS
            for take in range(TAKES)
        ],
    )
    for number in range(first, last + 1):
        entry = add_entry(
            database,
            made,
            manifest,
            skill=0.3 + 1.7 * number / SIZES[-1],
            seed=number,
            protocol="speaker-2",
            trials=TRIALS,
            artifacts=artifacts,
        )
        shift = 0.1 * (number % 97)
        for runtime, faster in (("eager", 1.0), ("onnx", 3.0)):
            p50, p90, p99 = ((each + shift) / faster for each in (1.0, 1.2, 2.0))
            latency = records.latency(runtime=runtime, p50=p50, p90=p90, p99=p99)
            Systems(database).save_latency(entry, records.MACHINE, latency)


def publish(database: Database, folder: Path) -> dict[str, float]:
    """Seconds and processor seconds of the command, and megabytes of the site."""
    command = [sys.executable, "-m", "serbench.cli.main", "publish", str(folder)]
    started = time.perf_counter()
    process = subprocess.Popen(
        [*command, "--quiet", "--db", database.url], stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    size = sum(each.stat().st_size for each in folder.rglob("*") if each.is_file())
    return {
        "seconds": time.perf_counter() - started,
        "processor_seconds": usage.ru_utime + usage.ru_stime,
        "megabytes": size / 1e6,
    }


def by_kind(folder: Path) -> dict[str, float]:
    """Megabytes of the parts of a site."""
    found: dict[str, float] = {}
    for each in folder.rglob("*"):
        if each.is_file():
            part = each.relative_to(folder).parts
            name = part[0] if len(part) > 1 else each.name
            found[name] = found.get(name, 0.0) + each.stat().st_size / 1e6
    return {name: round(size, 2) for name, size in sorted(found.items())}


def until_usable(page: Path, repetitions: int) -> list[float]:
    """Seconds from the address to the answer of a search, each in a new context."""
    from playwright.sync_api import sync_playwright

    taken = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        for _ in range(repetitions):
            tab = browser.new_context().new_page()
            started = time.perf_counter()
            tab.goto(page.as_uri(), wait_until="commit")
            before = tab.locator("#shown:not(:empty)").inner_text()
            tab.get_by_label("Search").fill("no such entry")
            tab.wait_for_function("text => document.getElementById('shown').textContent != text",
                                  arg=before)  # fmt: skip
            taken.append(time.perf_counter() - started)
            tab.context.close()
        browser.close()
    return taken


def usable(page: Path, repetitions: int, notes: list[str]) -> list[Finding]:
    """The line of the browser, if there is one."""
    try:
        taken = until_usable(page, repetitions)
    except ImportError:
        notes.append("Playwright is not installed, so that no page was opened.")
        return []
    return [at_most("first page opened, search answered", taken, USABLE, "s")]


def main() -> None:
    """Fill the database in two steps, publish after each, and print."""
    parser = argparse.ArgumentParser(description="serbench publish with many entries")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="a few entries, to see that it works")
    parser.add_argument("--folder", type=Path, help="use this folder, and keep what it has")
    given = parser.parse_args()
    sizes = QUICK if given.quick else SIZES
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        measured: dict[int, dict[str, Any]] = {}
        taken: dict[int, list[dict[str, float]]] = {}
        for size in sizes:
            file = folder / f"{size}.db"
            _filled(folder, file, size, sizes)
            database = Database(f"sqlite:///{file}")
            database.engine.dispose()
            site = folder / f"site-{size}"
            taken[size] = []
            for _ in range(1 if given.quick else given.repetitions):
                shutil.rmtree(site, ignore_errors=True)
                taken[size].append(publish(database, site))
            measured[size] = {"runs": taken[size], "megabytes_of_parts": by_kind(site)}
        fewer, more = sizes
        notes: list[str] = []
        findings = [
            at_most(f"size with {fewer} entries", [taken[fewer][0]["megabytes"]], MEGABYTES, "MB"),
            at_most(
                f"publish {more} entries", [each["seconds"] for each in taken[more]], SECONDS, "s"
            ),
            *usable(folder / f"site-{more}" / "index.html", 1 if given.quick else 5, notes),
        ]
        print_findings(
            "publish",
            f"{SPEAKERS * TAKES * len(SHARED_EMOTIONS)} clips of {SPEAKERS} speakers, entries of "
            f"{TRIALS} trials, SQLite",
            findings,
            sites=measured,
            notes=notes,
        )


def _filled(folder: Path, file: Path, size: int, sizes: tuple[int, ...]) -> None:
    """A database with so many entries: that of the size before, and more."""
    if file.exists():
        return
    before = max((each for each in sizes if each < size), default=0)
    growing = folder / "growing.db"
    if before:
        shutil.copy(folder / f"{before}.db", growing)
    database = Database(f"sqlite:///{growing}")
    add_entries(database, before + 1, size, folder / "artifacts")
    database.engine.dispose()
    growing.rename(file)


if __name__ == "__main__":
    main()
