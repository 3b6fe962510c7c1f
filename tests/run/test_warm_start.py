"""A study may begin from a network that was trained here, with other emotions too."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from making.entries import LINEAGE, begin, run_trial

from serbench.data.protocols import HOLDOUT
from serbench.deploy.network import untrained_network
from serbench.errors import UsageError, WeightsError
from serbench.execute.networks import build_network, state_of
from serbench.model.weights import file_identity
from serbench.plugins import Plugins
from serbench.run.clip_format import parent_recipe
from serbench.run.warm_start import warm_start
from serbench.search.events import WinnerTested
from serbench.store.housekeeping import remove_unneeded_files
from serbench.store.schema import ArtifactRow
from serbench.store.studies import delete_study
from serbench.store.systems import Systems
from serbench.workspace import Workspace

PLUGINS = Plugins()
HOMEBREW = PLUGINS.backbones.get("homebrew")


@pytest.fixture
def kept(database, made, artifacts, tmp_path):
    """A homebrew that was trained, kept as entry 1; ``start(emotions)`` begins from it."""
    manifest = made.manifest()
    plan = made.plan(manifest, trials=1, weights="none")
    with torch.random.fork_rng():
        torch.manual_seed(3)
        state = state_of(untrained_network(plan.recipe, PLUGINS, len(manifest.emotions)))
    ledger = begin(database, made, manifest, plan, artifacts)
    run_trial(ledger, made, manifest, plan, 0)
    outcome = made.outcome(manifest, 0, HOLDOUT, plan)
    outcome = replace(outcome, state=state)
    parameters = {"readout": "pooled", "learning_rate": 0.001, "freeze_depth": 0}
    ledger.record(plan, WinnerTested(0, parameters, outcome))
    number = Systems(database).rank(plan, made.metrics, LINEAGE)
    workspace = Workspace(database.url, tmp_path / "cache", artifacts)

    def start(emotions=manifest.emotions, number=number, backbone=HOMEBREW):
        return warm_start(number, backbone, emotions, database, workspace)

    def begun(path, n_classes):
        """State of a network that starts from a file."""
        identity = file_identity(path)
        recipe = SimpleNamespace(**{**vars(plan.recipe), "weights": identity})
        files = {identity: str(path)}
        network, weights = build_network(recipe, PLUGINS, n_classes, files, seed=9)
        return state_of(network), weights

    return SimpleNamespace(
        start=start, begun=begun, state=state, artifacts=artifacts, emotions=manifest.emotions
    )


def same(first, second):
    """Names of the arrays that are equal."""
    return {name for name in first if np.array_equal(first[name], second[name])}


@pytest.mark.usefixtures("kept")
def test_clips_and_read_out_of_a_warm_start_are_those_of_its_parent(database, made):
    plan = made.plan(made.manifest())
    parent = parent_recipe("entry:1", database)
    assert parent.clip_format == plan.clip_format
    assert parent.readout == plan.readouts[0]
    assert parent_recipe("default", database) is None


def test_with_the_same_emotions_everything_is_kept(kept):
    path = kept.start()
    state, weights = kept.begun(path, len(kept.emotions))
    assert same(state, kept.state) == state.keys() == kept.state.keys()
    assert weights == file_identity(path)


@pytest.mark.parametrize("emotions", [("happiness", "anger", "neutral"), ("sadness", "anger")])
def test_for_other_emotions_the_head_starts_afresh(kept, emotions):
    state, weights = kept.begun(kept.start(emotions), len(emotions))
    assert state.keys() - same(state, kept.state) == {"head.weight", "head.bias"}
    assert weights.startswith("file:entry-1-homebrew-without-head-")


def test_starting_twice_is_the_same_start_and_one_artifact(kept, database):
    first = file_identity(kept.start(("anger",)))
    assert file_identity(kept.start(("anger",))) == first
    with database.session() as session:
        [made] = session.query(ArtifactRow).filter(ArtifactRow.file.contains("without-head"))
        assert made.parent is not None


def test_another_backbone_is_refused(kept):
    with pytest.raises(WeightsError) as refused:
        kept.start(backbone=SimpleNamespace(name="resnet18"))
    assert refused.value.facts == {"number": 1, "backbone": "homebrew"}


def test_an_unknown_entry_is_refused(kept):
    with pytest.raises(UsageError):
        kept.start(number=8)


@pytest.mark.parametrize("emotions", [None, ("anger",)])
def test_weights_that_were_changed_are_refused(kept, emotions):
    for file in Path(kept.artifacts).iterdir():
        file.write_bytes(b"something else")
    with pytest.raises(WeightsError):
        kept.start(emotions or kept.emotions)


def test_initial_weights_are_deleted_once_no_study_needs_them(
    kept, database, made, monkeypatch, artifacts
):
    path = kept.start(("anger",))
    others = {each for each in Path(artifacts).iterdir() if each != path}
    size = path.stat().st_size

    def freed():
        return remove_unneeded_files(database, artifacts)

    assert freed() == 0, "a study may be about to begin"
    draft = Path(artifacts) / "x.safetensors.part"
    draft.write_bytes(b"1234")
    monkeypatch.setattr("serbench.store.housekeeping.SETTLED", timedelta(days=-1))
    manifest = made.manifest()
    plan = made.plan(manifest, seed=5, weights=str(path))
    begin(database, made, manifest, plan, artifacts)
    assert freed() == 4
    assert not draft.exists()
    assert path.exists(), "the study needs it"
    delete_study(database, 2, artifacts)
    assert freed() == size
    assert set(Path(artifacts).iterdir()) == others
    assert freed() == 0
    with database.session() as session:
        [forgotten] = session.query(ArtifactRow).filter(ArtifactRow.system_id.is_(None))
        assert forgotten.file is None
        assert forgotten.parent is not None, "its lineage stays"
    assert kept.start(("anger",)) == path, "it can be made again"
