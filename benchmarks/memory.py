"""Memory of training on the paper's 11,318 clips, without the memory map of the clips.

    python benchmarks/memory.py

For each network two worker processes train on clips of all rows, in shuffled batches of 32, with
one thread each. ``beside the map`` is the resident memory of a worker without the pages of the
clips. A page that both processes map counts once for the machine, which the proportional size of
both together shows. For comparison, the memory of a *bare loop* with two batches in memory and no
clips is given.
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
from material import SearchSetup, Steps, results_of, search_setup, speech
from timing import Finding, at_most, print_findings
from torch import Tensor
from training import bare_loop, whole_epoch

from serbench.data.clips import Clips
from serbench.execute.executor import Channel, Function, JobContext
from serbench.execute.job import Material
from serbench.execute.processes import WorkerProcesses
from serbench.model.compute import ComputeSettings
from serbench.plugins import Plugins

PAPERS_CLIPS = 11_318
BATCH = 32
MEGABYTE = 1 << 20


def resident(job: Steps, context: JobContext, channel: Channel) -> dict[str, float]:
    """Resident megabytes after some training steps.

    Returns:
        ``all``; ``beside`` the clips; the pages of the clips in this process (``clips``), and this
        process's proportional share of them (``share``).
    """
    whole_epoch(job, context, channel)
    clips = context.material(job.search.material).clips
    for start in range(0, len(clips), 256):  # read every page
        clips.batch(np.arange(start, min(start + 256, len(clips))))
    assert job.folder is not None
    folder = Path(job.folder)
    _meet(folder, "read")
    sizes = _sizes("waveforms.i16")
    _meet(folder, "measured")  # a process that has ended no longer shares pages
    return sizes


def _meet(folder: Path, where: str) -> None:
    """Wait until both processes have reached this point."""
    (folder / f"{where}-{os.getpid()}").touch()
    while len(list(folder.glob(f"{where}-*"))) < 2:
        time.sleep(0.05)


def resident_bare(job: Steps, context: JobContext, channel: Channel) -> dict[str, float]:
    """The same for a bare training loop on images in memory.

    ``before`` is the resident memory before it starts, ``activations`` the size of the tensors that
    a step saves for the backward pass.
    """
    before = _sizes("waveforms.i16")["all"]
    bare_loop(job, context, channel)
    return _sizes("waveforms.i16") | {
        "before": before,
        "activations": _saved_for_backward(job, context),
    }


def _saved_for_backward(job: Steps, context: JobContext) -> float:
    """Megabytes that autograd saves for the backward pass of a batch; each tensor counts once."""
    network = job.network(context)
    clips = context.material(job.search.material).clips
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
    """Run two trainings of each network at the same time, and print their resident memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--clips", type=int, default=PAPERS_CLIPS)
    parser.add_argument("--backbones", nargs="+", default=["homebrew", "mobilenetv3_large_100"])
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument(
        "--quick", action="store_true", help="a short run that checks that it works"
    )
    options = parser.parse_args(arguments)
    if options.quick:
        options.clips, options.backbones, options.steps = 300, ["homebrew"], 1
    plugins = Plugins()
    data, manifest = speech(plugins, 120)
    findings: list[Finding] = []
    notes = []
    with tempfile.TemporaryDirectory() as folder:
        for backbone in options.backbones:
            work = search_setup(plugins, manifest, Path(folder), backbone=backbone)
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
                f"{backbone}: a map of {megabytes:.0f} MB; a bare loop without clips has "
                f"{bare['all']:.0f} MB, of which {bare['before']:.0f} MB before it starts and "
                f"{bare['activations']:.0f} MB saved by a step for the backward pass."
            )
    data = f"{options.clips} clips, copies of {data}"
    print_findings("memory", data, findings, notes=notes)


def _measured(
    function: Function, steps: Steps, material: Material, times: int
) -> list[dict[str, float]]:
    """The results of a function in new processes that run at the same time."""
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
        at_most(f"maps in the memory of two trainings of {backbone}", [together], 1.1, "maps"),
    ]


def _repeated(work: SearchSetup, clips: int, folder: Path) -> SearchSetup:
    """The same search with copies of its clips up to a given number, all used for training."""
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
    material = Material(
        manifest, Clips(few.format, mapped, few.peaks[rows], few.lengths[rows], few.content)
    )
    search = replace(search, manifest=manifest, split=split, material=material.key)
    return SearchSetup(search, material, work.plugins)


if __name__ == "__main__":
    main()
