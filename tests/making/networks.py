"""Entries whose networks have random weights, so that they can be used without a training."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import torch

from making.entries import PARAMETERS, add_entry
from serbench.builtin.ravdess import RAVDESS
from serbench.data.clips import ClipFormat
from serbench.data.manifest import Manifest
from serbench.data.preparation import prepare_clips
from serbench.data.protocols import HOLDOUT
from serbench.data.scan import scan
from serbench.deploy.network import untrained_network
from serbench.execute.networks import state_of
from serbench.model.recipe import Configuration
from serbench.plugins import Plugins
from serbench.score.confusion import confusion_of
from serbench.store.database import Database
from serbench.workspace import Workspace

CLIPS = ClipFormat(8_000, 0.4, "rms", "reflect")
"""Shorter than the recordings of the tiny corpus."""

PROTOCOLS = ("speaker-2", "speaker-2:holdout")
"""Those of the entries 1 and 2 of `Planted`."""


@dataclass(frozen=True)
class Planted:
    """A database with an entry of homebrew for each of `PROTOCOLS`.

    Attributes:
        database: with the entries.
        workspace: its weights, and the prepared clips.
        manifest: the dataset.
        corpus: its recordings.
    """

    database: Database
    workspace: Workspace
    manifest: Manifest
    corpus: Path

    def copied(self, folder: Path) -> "Planted":
        """The same with a database, weights and recordings of its own."""
        for name in ("serbench.db", "serbench-artifacts"):
            source = self.workspace.artifacts.parent / name
            (shutil.copytree if source.is_dir() else shutil.copy)(source, folder / name)
        database = Database(f"sqlite:///{folder / 'serbench.db'}")
        workspace = replace(
            self.workspace,
            database_url=database.url,
            artifacts=folder / "serbench-artifacts",
        )
        return replace(self, database=database, workspace=workspace)


def plant(made, folder: Path, corpus: Path) -> Planted:
    """Scan a corpus and add the entries; ``made`` is the fixture."""
    database = Database(f"sqlite:///{folder / 'serbench.db'}")
    workspace = Workspace(database.url, folder / "cache", folder / "serbench-artifacts")
    planted = Planted(database, workspace, scan([corpus], "tiny", [RAVDESS]).manifest, corpus)
    for protocol in PROTOCOLS:
        add_network_entry(planted, made, protocol=protocol)
    return planted


def add_network_entry(planted: Planted, made, seed=0, **plan) -> int:
    """Add an entry of homebrew without training; returns its number.

    The recorded logits are those of the networks, each with weights of its own.

    Args:
        planted: the database, with its dataset.
        made: the fixture.
        seed: seed of the study and of the weights.
        plan: further fields of the plan, and arguments of `add_entry`.
    """
    plugins = Plugins()
    clips = prepare_clips(planted.manifest, planted.workspace.clips, CLIPS)

    def outcome(manifest, trial, fold, plan, skill=0.0):
        facts = made.outcome(manifest, trial, fold, plan, skill)
        recipe = plan.recipe_of(Configuration.from_parameters(PARAMETERS))
        with torch.random.fork_rng():
            torch.manual_seed(1000 * seed + 100 * trial + (99 if fold == HOLDOUT else int(fold)))
            network = untrained_network(recipe, plugins, len(manifest.emotions))
            torch.nn.init.normal_(network.head.weight, std=3.0)
        if not len(facts.rows):
            return replace(facts, state=state_of(network))
        with torch.inference_mode():
            logits = network(torch.from_numpy(clips.batch(facts.rows))).numpy()
        confusion = confusion_of(logits, manifest.targets[facts.rows])
        return replace(facts, state=state_of(network), logits=logits, confusion=confusion)

    return add_entry(
        planted.database,
        SimpleNamespace(**{**vars(made), "outcome": outcome}),
        planted.manifest,
        seed=seed,
        artifacts=planted.workspace.artifacts,
        clip_format=CLIPS,
        **plan,
    )
