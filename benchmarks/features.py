"""Trainings of heads on features that are computed once, and on features computed each time.

    python benchmarks/features.py
    python benchmarks/features.py --weights FILE.safetensors
    python benchmarks/features.py --quick

The backbone is the encoder of Whisper tiny, frozen, with the weights of FILE or with random weights
from a file of their own. Heads are ``logistic``, fitted by L-BFGS, and ``linear``, trained by
AdamW. Both sides are timed in turn: one training with the cache, and one without, where the encoder
processes the clips again: once for a fitted head, in every epoch for a trained one. Then a hundred
trainings with the cache are timed, twenty configurations on five folds. Logits of both sides, and
those of two trainings with the cache, are compared. Memory is the largest resident size of a
process that computes the features and trains one head.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from material import SearchSetup, search_setup, speech
from safetensors.torch import save_file
from timing import CORPORA, Finding, at_most, in_turn, print_findings, times_faster

from serbench.data.clip_lengths import default_seconds
from serbench.data.clips import ClipFormat
from serbench.execute.executor import SILENT, JobContext
from serbench.execute.feature_cache import FeatureCache
from serbench.execute.features import FrozenParts
from serbench.execute.fold import run_fold
from serbench.execute.job import Job, Outcome
from serbench.model.compute import ComputeSettings
from serbench.model.recipe import Configuration
from serbench.plugins import Plugins
from serbench.search.events import TrialRecord
from serbench.search.propose import propose

BACKBONE = "whisper_tiny.en"
REAL = CORPORA.parent / "weights" / "whisper-tiny.en-encoder.safetensors"
HEADS = {"logistic": 0, "linear": 5}
"""Head → epochs of a training; without the cache each of them takes a pass of the encoder."""

TRAININGS, FASTER, LONGEST, CLOSE = 100, 20.0, 60.0, 1e-4
FOLDS = 5


def main(arguments: Sequence[str] | None = None) -> None:
    """Time both heads with and without the cache, compare logits, and print."""
    parser = argparse.ArgumentParser(description="features computed once")
    parser.add_argument("--weights", type=Path, default=REAL if REAL.is_file() else None)
    parser.add_argument("--clips", type=int, help="of all speakers, by default all")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--trainings", type=int, default=TRAININGS)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--memory", metavar="FOLDER", help=argparse.SUPPRESS)
    parser.add_argument("--quick", action="store_true", help="only to see that it runs")
    options = parser.parse_args(arguments)
    if options.quick:
        options.clips, options.repetitions, options.trainings = 150, 1, 5
    plugins = Plugins()
    data, manifest = speech(plugins, options.clips)
    clips = ClipFormat(16_000, default_seconds(manifest.utterances), "rms", "zeros")
    findings: list[Finding] = []
    equality: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        place = Path(options.memory or folder)
        weights = options.weights or random_weights(plugins, place / "random.safetensors")
        for head, epochs in HEADS.items():
            epochs = min(epochs, 1) if options.quick else epochs
            work = setup(plugins, manifest, place, weights, clips, head, epochs, options.threads)
            kept = context_of(work, FeatureCache(place / "features", 10**11))
            if options.memory:
                run_fold(job_of(work, 0), kept, SILENT)
                break
            compared, logits = both_sides(work, kept, options.repetitions)
            findings.append(compared)
            equality[head] = logits
            findings.append(many(work, kept, options.trainings))
        if options.memory:
            print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000)
            return
        stored = FeatureCache(place / "features").stored()
        memory = memory_of(options, place)
    largest = max(each["without the cache"] for each in equality.values())
    same = max(each["with the cache again"] for each in equality.values())
    print_findings(
        "features",
        f"{data}, {'real' if options.weights else 'random'} weights of {BACKBONE}",
        findings,
        notes=[
            f"The logits of trainings with and without the cache differ by at most {largest:.2g}, "
            f"which {'meets' if largest <= CLOSE else 'misses'} the limit of {CLOSE:g}; those of "
            f"two trainings with the cache differ by {same:g}.",
            f"The features of {len(stored)} taps take {sum(each.size for each in stored) / 1e6:.1f}"
            f" MB on the disk; computing them and training one head takes {memory:.0f} MB of"
            " memory.",
        ],
        equality=equality,
        bytes_on_disk=sum(each.size for each in stored),
        megabytes_of_memory=memory,
    )


def random_weights(plugins: Plugins, file: Path) -> Path:
    """A file with random weights, so that the encoder counts as pretrained and can be frozen."""
    torch.manual_seed(0)
    module = plugins.backbones.get(BACKBONE).build("none").module
    save_file({name: tensor.contiguous() for name, tensor in module.state_dict().items()}, file)
    return file


def setup(
    plugins: Plugins,
    manifest: Any,
    folder: Path,
    weights: Path,
    clips: ClipFormat,
    head: str,
    epochs: int,
    threads: int,
) -> SearchSetup:
    """A search of one head on the frozen encoder, without augmentation."""
    return search_setup(
        plugins,
        manifest,
        folder / "clips",
        backbone=BACKBONE,
        front_end="whisper-mel",
        weights=str(weights),
        clip_format=clips,
        head=head,
        epochs=epochs,
        augmentations=(),
    ).with_compute(ComputeSettings(threads))


def context_of(work: SearchSetup, cache: FeatureCache) -> JobContext:
    """A context with this cache; with a limit of 0 nothing is kept."""
    context = work.context()
    context.frozen = FrozenParts(work.plugins, cache)
    return context


def job_of(work: SearchSetup, number: int) -> Job:
    """The training of one of several configurations on one of five folds; whole encoder frozen."""
    search = work.search
    history = [
        TrialRecord(each, search.space.initial(), "complete", 0.5) for each in range(number // 5)
    ]
    parameters = propose(history, number // FOLDS, search.space, 0)
    if "freeze_depth" in parameters:
        parameters["freeze_depth"] = max(search.space.stages.values())
    return search.job(number // FOLDS, Configuration.from_parameters(parameters), number % FOLDS)


def both_sides(
    work: SearchSetup, kept: JobContext, repetitions: int
) -> tuple[Finding, Mapping[str, float]]:
    """Times of one training with and without the cache, and how much its logits differ."""
    job = job_of(work, 0)
    nothing_kept = context_of(work, FeatureCache(limit=0))
    # A trained head without the cache is trained as part of the whole network.
    each_time = job if work.search.plan.is_fitted else replace(job, frozen=False)
    taken = in_turn(
        {
            "each time": lambda: run_fold(each_time, nothing_kept, SILENT),
            "once": lambda: run_fold(job, kept, SILENT),
        },
        repetitions,
    )
    first, again, without = (
        run_fold(what, where, SILENT)
        for what, where in ((job, kept), (job, kept), (each_time, nothing_kept))
    )
    what = f"one training of a {work.search.plan.head} head, features computed"
    finding = times_faster(what, taken, "each time", "once", FASTER)
    return finding, {
        "without the cache": difference(first, without),
        "with the cache again": difference(first, again),
    }


def difference(one: Outcome, other: Outcome) -> float:
    """Largest difference of the logits of two outcomes."""
    return float(np.abs(one.logits - other.logits).max())


def many(work: SearchSetup, kept: JobContext, trainings: int) -> Finding:
    """Seconds of many trainings with the cache."""
    started = time.perf_counter()
    for number in range(trainings):
        run_fold(job_of(work, number), kept, SILENT)
    seconds = time.perf_counter() - started
    head = work.search.plan.head
    limit = LONGEST * trainings / TRAININGS
    return at_most(f"{trainings} trainings of a {head} head", [seconds], limit, "s")


def memory_of(options: argparse.Namespace, folder: Path) -> float:
    """Largest memory in MB of a new process that computes the features and trains one head."""
    command = [sys.executable, __file__, "--memory", str(folder / "memory")]
    (folder / "memory").mkdir()
    if options.weights:
        command += ["--weights", str(options.weights)]
    if options.clips:
        command += ["--clips", str(options.clips)]
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(json.loads(finished.stdout.splitlines()[-1]))


if __name__ == "__main__":
    main()
