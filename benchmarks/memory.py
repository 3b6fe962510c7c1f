"""How much memory training on the paper's 11,318 clips takes beside the map that holds them.

    python benchmarks/memory.py

For each network two worker processes train on clips of all rows, in shuffled batches of 32, one
thread each. ``beside the map`` is what is resident in a worker without the pages of the clips; a
page that both map counts once for the machine, which the proportional size of both together shows.
What a *bare loop* needs, fed with two ready batches and with no clips at all, stands beside.
"""

from __future__ import annotations

import argparse
import os
import re
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from material import Steps, Workbench, results_of, speech, workbench
from timing import Finding, at_most, print_findings
from torch import Tensor
from training import bare_loop, whole_epoch

from serbench.data.clips import Clips
from serbench.execute.executor import Bench, Function, Line
from serbench.execute.job import Material
from serbench.execute.processes import WorkerProcesses
from serbench.model.compute import ComputeSettings
from serbench.plugins import Plugins

PAPERS_CLIPS = 11_318
BATCH = 32
MEGABYTE = 1 << 20


def resident(job: Steps, bench: Bench, line: Line) -> dict[str, float]:
    """Megabytes that are resident once some steps were trained.

    Returns:
        ``all``, ``beside`` the clips, and of the clips the pages here (``clips``) and this
        process's share of pages that others map too (``share``).
    """
    whole_epoch(job, bench, line)
    clips = bench.material(job.search.material).clips
    for start in range(0, len(clips), 256):  # every page is read
        clips.batch(np.arange(start, min(start + 256, len(clips))))
    assert job.folder is not None
    folder = Path(job.folder)
    _meet(folder, "read")
    sizes = _sizes("waveforms.i16")
    _meet(folder, "measured")  # a process that ends earlier no longer shares
    return sizes


def _meet(folder: Path, where: str) -> None:
    """Wait until both processes are there."""
    (folder / f"{where}-{os.getpid()}").touch()
    while len(list(folder.glob(f"{where}-*"))) < 2:
        time.sleep(0.05)


def resident_bare(job: Steps, bench: Bench, line: Line) -> dict[str, float]:
    """The same of a loop that does nothing but learn, fed with ready images.

    ``before`` is what is resident before it begins, ``activations`` what a step keeps for its way
    back.
    """
    before = _sizes("waveforms.i16")["all"]
    bare_loop(job, bench, line)
    return _sizes("waveforms.i16") | {
        "before": before,
        "activations": _kept_for_the_way_back(job, bench),
    }


def _kept_for_the_way_back(job: Steps, bench: Bench) -> float:
    """Megabytes that autograd saves of a batch, each tensor counted once."""
    network = job.network(bench)
    clips = bench.material(job.search.material).clips
    with torch.no_grad():
        images = network.front_end(torch.from_numpy(clips.batch(np.arange(BATCH))))
    kept: dict[int, int] = {}

    def keep(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        kept[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        logits = network.train().classify(images)
    del logits
    return sum(kept.values()) / MEGABYTE


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
    """Train twice at once, with each network, and print what is resident."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=PAPERS_CLIPS)
    parser.add_argument("--backbones", nargs="+", default=["homebrew", "mobilenetv3_large_100"])
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--quick", action="store_true", help="only to see that it runs")
    options = parser.parse_args(arguments)
    if options.quick:
        options.clips, options.backbones, options.steps = 300, ["homebrew"], 1
    plugins = Plugins()
    data, manifest = speech(plugins, 120)
    findings: list[Finding] = []
    notes = []
    with tempfile.TemporaryDirectory() as folder:
        for backbone in options.backbones:
            work = workbench(plugins, manifest, Path(folder), backbone=backbone)
            work = work.with_compute(ComputeSettings(1))
            steps = Steps(work.search, options.steps, tuned=True)
            [bare] = _measured(resident_bare, steps, work.material, 1)
            large = _repeated(work, options.clips, Path(folder))
            meeting = Path(folder, backbone)
            meeting.mkdir()
            steps = Steps(large.search, options.steps, folder=str(meeting))
            sizes = _measured(resident, steps, large.material, 2)
            megabytes = large.material.clips.waveforms.nbytes / MEGABYTE
            findings += _findings(backbone, sizes, megabytes)
            notes.append(
                f"{backbone}: a map of {megabytes:.0f} MB; a bare loop without clips holds "
                f"{bare['all']:.0f} MB, of which {bare['before']:.0f} MB before it begins and "
                f"{bare['activations']:.0f} MB for what a step keeps for its way back."
            )
    data = f"{options.clips} clips, copies of {data}"
    print_findings("memory", data, findings, notes=notes)


def _measured(
    function: Function, steps: Steps, material: Material, times: int
) -> list[dict[str, float]]:
    """What it finds in fresh processes, so many at once."""
    with WorkerProcesses(times) as executor:
        executor.share(material)
        return results_of(executor, function, [steps] * times)


def _findings(backbone: str, sizes: Sequence[dict[str, float]], megabytes: float) -> list[Finding]:
    together = sum(size["share"] for size in sizes) / megabytes
    return [
        at_most(
            f"resident beside the map, training {backbone}",
            [size["beside"] for size in sizes],
            2000.0,
            "MB",
        ),
        at_most(f"maps that two trainings of {backbone} hold together", [together], 1.1, "maps"),
    ]


def _repeated(work: Workbench, clips: int, folder: Path) -> Workbench:
    """The same, its clips copied until there are so many, and trained on all of them."""
    few, search = work.material.clips, work.search
    rows = np.resize(np.arange(len(few)), clips)
    path = folder / "waveforms.i16"
    shape = (clips, few.format.samples)
    waveforms = np.memmap(path, dtype=np.int16, mode="w+", shape=shape)
    for start in range(0, clips, 256):
        waveforms[start : start + 256] = few.waveforms[rows[start : start + 256]]
    waveforms.flush()
    mapped = np.memmap(path, dtype=np.int16, mode="r", shape=shape)
    utterances = tuple(search.manifest.utterances[row] for row in rows)
    manifest = replace(search.manifest, utterances=utterances)
    everything = np.random.default_rng(0).permutation(clips)
    split = replace(search.split, holdout=replace(search.split.holdout, train=everything))
    material = Material(manifest, Clips(few.format, mapped, few.peaks[rows], few.lengths[rows]))
    search = replace(search, manifest=manifest, split=split, material=material.key)
    return Workbench(search, material, work.plugins)


if __name__ == "__main__":
    main()
