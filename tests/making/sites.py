"""A database with what a site shows, and with names that are HTML and formulas."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from making.entries import add_entry
from making.records import utterance
from serbench.data.manifest import make_manifest
from serbench.data.protocols import parse_protocol
from serbench.run.imports import import_predictions
from serbench.store.database import Database
from serbench.store.datasets import Datasets
from serbench.store.evaluations import Evaluations
from serbench.store.systems import Systems
from serbench.views.tables import export_predictions

HTML = "<script>alert(1)</script>"
FORMULA = "=cmd|'/c'!A1"

OTHER = "other"
"""A dataset on which an entry is tested."""


def fill(folder: Path, made) -> Database:
    """Four entries on a dataset that is called like HTML, one of which is called like a formula.

    Entry 1 has two latencies in one runtime and one in another, and was tested on another dataset;
    entry 4 is an import. ``made`` is the fixture.
    """
    database = Database(f"sqlite:///{folder / 'serbench.db'}")
    manifest = make_manifest(HTML, [_renamed(each) for each in made.manifest(takes=4).utterances])
    for seed, skill in enumerate((2.0, 1.5, 0.3)):
        entry = add_entry(
            database, made, manifest, skill, seed=seed, protocol="speaker-2", trials=5
        )
        latency = made.latency(p50=3.0 * (seed + 1), p90=4.0 * (seed + 1))
        Systems(database).save_latency(entry, made.machine, latency)
    for changes in ({"threads": 2}, {"runtime": "onnx", "p50": 1.0, "p90": 2.0}):
        Systems(database).save_latency(1, made.machine, made.latency(**changes))
    (folder / "predictions.csv").write_text(export_predictions(database, 2))
    protocol = parse_protocol("speaker-2")
    import_predictions(
        database, folder / "predictions.csv", FORMULA, manifest, protocol, made.metrics
    )
    other = [utterance(speaker, emotion, "/other", 1) for speaker in range(11, 15)
             for emotion in ("sadness", "anger", "fear")]  # fmt: skip
    Datasets(database).save_scan(made.scanned(make_manifest(OTHER, other)))
    clips = Evaluations(database).clips(1, OTHER)
    logits = np.random.default_rng(0).normal(size=(len(clips.rows), len(clips.trained)))
    Evaluations(database).save(clips, logits.astype(np.float32))
    return database


def _renamed(each):
    """One of the four speakers has a name like HTML, another one like a formula."""
    odd = {"ravdess/02": f"ravdess/{HTML}", "ravdess/03": FORMULA}
    return replace(each, speaker=odd.get(each.speaker, each.speaker))
