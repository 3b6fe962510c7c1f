"""How much memory training on the paper's 11,318 clips takes beside the map that holds them.

    python benchmarks/memory.py

Two worker processes train mobilenetv3_large_100 on clips of all rows, in shuffled batches of 32.
``beside the map`` is what is resident in a worker without the pages of the clips; a page that both
map counts once for the machine, which the proportional size of both together shows.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from material import bench_for, speech
from timing import at_most, print_findings
from training import whole_epoch

from serbench.data.clips import Clips
from serbench.model.numerics import Numerics
from serbench.plugins import Plugins
from serbench.search.crossval import Bench
from serbench.search.executors import SILENT, Line
from serbench.search.workers import WorkerProcesses

PAPERS_CLIPS = 11_318
MEGABYTE = 1 << 20


def resident(bench: Bench, steps: int, line: Line = SILENT) -> dict[str, float]:
    """Megabytes that are resident once some steps were trained.

    Returns:
        ``all``, ``beside`` the clips, and of the clips the pages here (``clips``) and this
        process's share of pages that others map too (``share``).
    """
    whole_epoch(bench, 0, steps)
    for start in range(0, len(bench.clips), 256):  # every page is looked at
        bench.clips.batch(np.arange(start, min(start + 256, len(bench.clips))))
    line.tell("trained")
    return _sizes("waveforms.i16")


def _sizes(name: str) -> dict[str, float]:
    everything = clips = share = 0.0
    of_clips = False
    for text in Path("/proc/self/smaps").read_text().splitlines():
        if re.match(r"[0-9a-f]+-[0-9a-f]+ ", text):
            of_clips = text.endswith(name)
        elif text.startswith(("Rss:", "Pss:")):
            megabytes = int(text.split()[1]) * 1024 / MEGABYTE
            if text.startswith("Rss:"):
                everything += megabytes
                clips += megabytes if of_clips else 0
            elif of_clips:
                share += megabytes
    return {"all": everything, "beside": everything - clips, "clips": clips, "share": share}


def main(arguments: Sequence[str] | None = None) -> None:
    """Train twice at once and print what is resident."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=PAPERS_CLIPS)
    parser.add_argument("--backbone", default="mobilenetv3_large_100")
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--quick", action="store_true", help="only to see that it runs")
    options = parser.parse_args(arguments)
    if options.quick:
        options.clips, options.backbone, options.steps = 300, "homebrew", 1
    plugins = Plugins()
    data, manifest = speech(plugins, 120)
    with tempfile.TemporaryDirectory() as folder, WorkerProcesses() as executor:
        bench = bench_for(plugins, manifest, Path(folder), backbone=options.backbone)
        bench = replace(_repeated(bench, options.clips, Path(folder)), numerics=Numerics(1))
        tasks = [executor.submit(resident, (bench, options.steps)) for _ in range(2)]
        while waiting := [task for task in tasks if not task.done]:
            executor.wait(waiting)
        sizes: list[dict[str, Any]] = [task.result() for task in tasks]
    print(sizes, file=sys.stderr)
    print_findings(
        "memory",
        f"{options.clips} clips, copies of {data}",
        [
            at_most(
                f"resident beside the map, training {options.backbone}",
                [size["beside"] for size in sizes],
                2000.0,
                "MB",
            ),
            at_most(
                "pages of the clips that two trainings hold together, by the size of the map",
                [sum(size["share"] for size in sizes) / _megabytes(bench)],
                1.1,
                "maps",
            ),
        ],
        megabytes=sizes,
        map_megabytes=_megabytes(bench),
    )


def _megabytes(bench: Bench) -> float:
    return bench.clips.waveforms.nbytes / MEGABYTE


def _repeated(bench: Bench, clips: int, folder: Path) -> Bench:
    """The same bench, its clips copied until there are so many, and trained on all of them."""
    rows = np.resize(np.arange(len(bench.clips)), clips)
    path = folder / "waveforms.i16"
    shape = (clips, bench.clips.format.samples)
    waveforms = np.memmap(path, dtype=np.int16, mode="w+", shape=shape)
    for start in range(0, clips, 256):
        waveforms[start : start + 256] = bench.clips.waveforms[rows[start : start + 256]]
    waveforms.flush()
    mapped = np.memmap(path, dtype=np.int16, mode="r", shape=shape)
    utterances = tuple(bench.manifest.utterances[row] for row in rows)
    manifest = replace(bench.manifest, utterances=utterances)
    everything = np.random.default_rng(0).permutation(clips)
    exam = replace(bench.split.exam, train=everything)
    split = replace(bench.split, exam=exam)
    repeated = Clips(bench.clips.format, mapped, bench.clips.peaks[rows])
    return replace(bench, clips=repeated, manifest=manifest, split=split)


if __name__ == "__main__":
    main()
