"""Training data of benchmarks: real recordings where they exist, else the demo corpus."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from timing import CORPORA
from torch import channels_last

from serbench.data.clips import ClipFormat
from serbench.data.manifest import Manifest
from serbench.data.preparation import prepare_clips
from serbench.data.protocols import parse_protocol, split_dataset
from serbench.data.scan import scan
from serbench.execute.executor import Executor, Function, JobContext
from serbench.execute.job import Material
from serbench.execute.networks import build_network
from serbench.model.compute import ComputeSettings
from serbench.model.deployable import Deployable
from serbench.model.network import EmotionNetwork
from serbench.model.readout import ReadOut
from serbench.model.recipe import Configuration, Recipe
from serbench.plugins import Plugins
from serbench.search.plan import StudyPlan
from serbench.search.space import space_of
from serbench.search.study import Search
from serbench.workspace import find_workspace

PAPERS_CLIPS = ClipFormat(24_414, 2.618, level="keep", padding="reflect")
"""The clip format of Berhoff and Lu, in which everything here is measured."""

ENCODER = CORPORA.parent / "weights" / "whisper-tiny.en-encoder.safetensors"
WHISPER = "whisper_tiny.en"

AUGMENTATIONS = ("time-shift", "frequency-mask", "time-mask", "gain", "noise")


def speech(plugins: Plugins, most: int | None = None) -> tuple[str, Manifest]:
    """Recordings and their description: RAVDESS where it exists, else synthetic speech.

    Args:
        plugins: plugins with the corpora that recognise recordings.
        most: greatest number of recordings, spread over emotions and speakers; None for all.
    """
    folder = CORPORA / "ravdess"
    name, of = "part of RAVDESS (real speech)", "ravdess"
    if not folder.is_dir():
        name, of = "the demo corpus (synthetic speech)", "demo"
        folder = find_workspace().corpora / "demo"
        plugins.corpora.get("demo").fetch(folder)
    print(f"scanning {name}", file=sys.stderr)
    manifest = scan([folder], of, [plugins.corpora.get(of)]).manifest
    if most is not None and most < len(manifest):
        step = len(manifest) / most
        alike = np.lexsort((manifest.speakers, manifest.targets))
        rows = sorted(alike[int(step * place)] for place in range(most))
        kept = tuple(manifest.utterances[row] for row in rows)
        manifest = Manifest(manifest.name, kept, manifest.synthetic)
    return f"{name}, {len(manifest)} clips", manifest


@dataclass(frozen=True)
class SearchSetup:
    """A search that is not run, with its plugins and material."""

    search: Search
    material: Material
    plugins: Plugins

    def with_compute(self, compute: ComputeSettings) -> SearchSetup:
        """The same with other compute settings."""
        return replace(self, search=replace(self.search, compute=compute))

    def context(self) -> JobContext:
        """The context of a job in this process."""
        return JobContext(self.plugins, {self.material.key: self.material})


@dataclass(frozen=True)
class Steps:
    """A number of training steps of a search's network.

    Attributes:
        search: search with the network and the compute settings.
        count: number of timed steps.
        depth: number of frozen stages.
        tuned: whether a bare loop uses serbench's memory settings.
        folder: folder through which processes wait for one another, or None.
    """

    search: Search
    count: int
    depth: int = 0
    tuned: bool = False
    folder: str | None = None

    @property
    def configuration(self) -> Configuration:
        """The initial values with ``depth`` frozen stages."""
        initial = Configuration.from_parameters(self.search.space.initial())
        return replace(initial, freeze_depth=self.depth)

    def network(self, context: JobContext) -> EmotionNetwork:
        """A network with random weights."""
        n_classes = len(self.search.manifest.emotions)
        return build_network(self.search.plan.recipe, context.plugins, n_classes, seed=0)[0]


def search_setup(plugins: Plugins, manifest: Manifest, folder: Path, **changes: Any) -> SearchSetup:
    """A search on these recordings, with clips prepared in ``folder``.

    ``changes`` are changes to a plan of ``homebrew`` with random weights under
    ``speaker-5:holdout``.
    """
    settings = {
        "backbone": "homebrew",
        "dataset": manifest.name,
        "dataset_hash": manifest.hash,
        "front_end": "mel",
        "schedule": "half-cycle",
        "protocol": "speaker-5:holdout",
        "weights": "none",
        "trials": 1,
        "epochs": 1,
        "batch_size": 32,
        "seed": 0,
        "timeout": None,
        "clip_format": PAPERS_CLIPS,
        "readouts": plugins.backbones.get(changes.get("backbone", "homebrew")).readouts,
        "augmentations": AUGMENTATIONS,
        **changes,
    }
    plan = StudyPlan(**settings)
    protocol = parse_protocol(plan.protocol)
    clips = prepare_clips(manifest, folder, plan.clip_format)
    material = Material(manifest, clips, plan.weights_files())
    search = Search(
        plan=plan,
        manifest=manifest,
        protocol=protocol,
        split=split_dataset(manifest, protocol).outer_folds[0],
        outer_folds=1,
        material=material.key,
        space=space_of(plan, plugins, len(manifest.emotions)),
        compute=ComputeSettings.present(),
    )
    return SearchSetup(search, material, plugins)


def network_of(
    plugins: Plugins,
    backbone: str,
    front_end: str | None = None,
    readout: str | None = None,
    head: str | None = None,
) -> Deployable:
    """A network for six emotions and clips of the paper's length, as it is exported.

    Its weights are random, except for Whisper's encoder where its file is there.

    Args:
        plugins: plugins with its parts.
        backbone: name of the backbone.
        front_end: name of the front end; by default the one that the backbone is used with.
        readout: by default the first one of the backbone.
        head: name of the head; by default that of the backbone.
    """
    chosen = plugins.backbones.get(backbone)
    first = plugins.front_ends.get(front_end or chosen.front_end)
    clip_format = ClipFormat(
        first.sample_rate or PAPERS_CLIPS.sample_rate,
        PAPERS_CLIPS.seconds,
        padding="zeros" if chosen.takes_lengths else "reflect",
    )
    used = plugins.heads.get(head or chosen.head)
    text = readout or chosen.readouts[0]
    if used.takes_frames:
        text = ReadOut.parse(text, chosen.taps).unpooled.text(chosen.taps)
    recipe = Recipe(
        backbone=backbone,
        front_end=first.name,
        schedule="half-cycle",
        head=used.name,
        objective="cross-entropy",
        readout=text,
        weights=str(ENCODER) if backbone == WHISPER and ENCODER.exists() else "none",
        clip_format=clip_format,
        augmentations=(),
        epochs=1,
        batch_size=1,
    )
    network, _ = build_network(recipe, plugins, 6, seed=0)
    return Deployable(network.to(memory_format=channels_last), clip_format)


def results_of(executor: Executor, function: Function, jobs: Sequence[Any]) -> list[Any]:
    """The results of a function for several jobs, which are started at the same time."""
    futures = [executor.submit(function, job, _ignore) for job in jobs]
    while waiting := [future for future in futures if not future.done()]:
        executor.wait(waiting)
    return [future.result() for future in futures]


def _ignore(message: object) -> None:
    """Discard a message."""
