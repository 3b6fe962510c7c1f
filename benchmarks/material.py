"""What benchmarks train on: real clips where they are there, else the demo corpus; and a bench."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from timing import CORPORA

from serbench.data.clips import ClipFormat
from serbench.data.manifest import Manifest
from serbench.data.preparation import prepare_clips
from serbench.data.protocols import parse_protocol, split_dataset
from serbench.data.scan import scan
from serbench.execute.fold import Bench
from serbench.plugins import Plugins
from serbench.search.plan import StudyPlan
from serbench.workspace import find_workspace

AUGMENTATIONS = ("time-shift", "frequency-mask", "time-mask", "gain", "noise")


def speech(plugins: Plugins, most: int | None = None) -> tuple[str, Manifest]:
    """Recordings and what they are: RAVDESS where it is there, else synthetic speech.

    Args:
        plugins: who recognise recordings.
        most: so many of them, spread over all speakers, or None for all.
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
        kept = tuple(manifest.utterances[int(step * place)] for place in range(most))
        manifest = Manifest(manifest.name, kept, manifest.synthetic)
    return f"{name}, {len(manifest)} clips", manifest


def bench_for(plugins: Plugins, manifest: Manifest, folder: Path, **changes: Any) -> Bench:
    """A bench on these recordings; their clips are prepared in ``folder``.

    ``changes`` are of a plan that trains ``homebrew`` under ``speaker-5`` from random weights.
    """
    settings = {
        "backbone": "homebrew",
        "dataset": manifest.name,
        "dataset_hash": manifest.hash,
        "front_end": "mel",
        "schedule": "half-cycle",
        "protocol": "speaker-5",
        "weights": "none",
        "trials": 1,
        "epochs": 1,
        "batch_size": 32,
        "seed": 0,
        "timeout": None,
        "clip_format": ClipFormat(),
        "augmentations": AUGMENTATIONS,
        **changes,
    }
    plan = StudyPlan(**settings)
    protocol = parse_protocol(plan.protocol)
    return Bench(
        plan=plan,
        manifest=manifest,
        clips=prepare_clips(manifest, folder, plan.clip_format),
        protocol=protocol,
        split=split_dataset(manifest, protocol).outer_folds[0],
        backbone=plugins.backbones.get(plan.backbone),
        front_end=plugins.front_ends.get(plan.front_end),
        scheduler=plugins.schedulers.get(plan.schedule),
        augmentations=[plugins.augmentations.get(name) for name in plan.augmentations],
    )
