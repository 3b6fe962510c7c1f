"""A study's plan: its identity and its record."""

import hashlib
import json
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from making.records import PAPERS

from serbench.data.clips import ClipFormat
from serbench.data.seeds import derive_seed
from serbench.errors import WeightsError
from serbench.model.recipe import Configuration
from serbench.search.plan import StudyPlan

PLAN = StudyPlan(
    backbone="homebrew",
    dataset="mine",
    dataset_hash="ab" * 32,
    front_end="mel",
    schedule="half-cycle",
    protocol="speaker-5:holdout",
    weights="default",
    trials=10,
    epochs=100,
    batch_size=32,
    seed=0,
    timeout=None,
    clip_format=PAPERS,
    readouts=("pooled",),
    augmentations=("time-shift", "gain"),
)
OTHERWISE = {
    "backbone": "resnet18",
    "dataset_hash": "cd" * 32,
    "front_end": "mfcc",
    "schedule": "cosine",
    "protocol": "random-5:holdout",
    "weights": "none",
    "trials": 11,
    "epochs": 99,
    "batch_size": 16,
    "readouts": ("pooled", "other"),
    "seed": 1,
    "timeout": 60.0,
    "clip_format": ClipFormat(16000, 2.618, "keep"),
    "augmentations": ("gain", "time-shift"),
    "bounds": {"freeze_depth": (0, 2)},
    "outer_fold": 1,
    "exhaustive": True,
    "precision": "bf16",
    "threads": 2,
    "head": "other",
    "objective": "focal",
    "views": 2,
}


def test_the_datasets_name_does_not_change_a_studys_identity():
    assert replace(PLAN, dataset="yours").key == PLAN.key


@pytest.mark.parametrize("name", [field.name for field in fields(StudyPlan)])
def test_only_the_datasets_name_and_the_budget_are_no_part_of_a_studys_identity(name):
    if name != "dataset":  # above
        same = name in ("trials", "timeout")
        assert (replace(PLAN, **{name: OTHERWISE[name]}).key == PLAN.key) is same


def test_a_key_is_the_hash_of_the_sorted_fields():
    text = (
        '{"augmentations": ["time-shift", "gain"], "backbone": "homebrew", "batch_size": 32, '
        '"bounds": {}, "clip_format": {"level": "keep", '
        '"padding": "reflect", "sample_rate": 24414, "seconds": 2.618}, '
        f'"dataset_hash": "{"ab" * 32}", "epochs": 100, "exhaustive": false, "front_end": "mel", '
        '"head": "linear", "objective": "cross-entropy", "outer_fold": 0, "precision": null, '
        '"protocol": "speaker-5:holdout", "readouts": ["pooled"], '
        '"schedule": "half-cycle", "seed": 0, "threads": null, "views": 0, "weights": "default"}'
    )
    assert PLAN.key == hashlib.sha256(text.encode()).hexdigest()[:16]


def test_a_weights_file_is_identified_by_its_content(tmp_path):
    keys = []
    for folder, content in [("a", b"one"), ("b", b"one"), ("c", b"two")]:
        (tmp_path / folder).mkdir()
        path = tmp_path / folder / "w.pth"
        path.write_bytes(content)
        keys.append(replace(PLAN, weights=str(path)).key)
    assert keys[0] == keys[1]
    assert keys[0] != keys[2]


def test_a_recipe_names_a_weights_file_by_its_content(tmp_path):
    path = tmp_path / "w.pth"
    path.write_bytes(b"one")
    plan = replace(PLAN, weights=str(path))
    identity = f"file:w.pth:{hashlib.sha256(b'one').hexdigest()[:12]}"
    assert plan.recipe.weights == identity
    assert plan.weights_files() == {identity: str(path)}


def test_a_trained_network_needs_no_file_with_initial_weights(tmp_path):
    """An entry can be used, and published, where that file is missing."""
    plan = replace(PLAN, weights=str(tmp_path / "deleted.pth"))
    configuration = Configuration.from_parameters(
        {"readout": "pooled", "learning_rate": 0.1, "freeze_depth": 0}
    )
    found = plan.trained_recipe(configuration)
    assert (found.backbone, found.readout, found.weights) == (PLAN.backbone, "pooled", "none")


@pytest.mark.parametrize("weights", ["default", "none"])
def test_other_weights_are_unchanged_in_a_recipe(weights):
    plan = replace(PLAN, weights=weights)
    assert plan.recipe.weights == weights
    assert plan.weights_files() == {}


def test_each_outer_fold_has_its_own_seed_and_the_first_that_of_the_study():
    plans = [replace(PLAN, seed=7).of_outer_fold(number) for number in range(3)]
    seeds = [plan.root_seed for plan in plans]
    assert seeds == [7, derive_seed(7, "outer fold", 1), derive_seed(7, "outer fold", 2)]
    assert len({plan.key for plan in plans}) == 3


def test_a_missing_weights_file_is_an_error_at_once(tmp_path):
    with pytest.raises(WeightsError):
        replace(PLAN, weights=str(tmp_path / "nowhere.pth")).key  # noqa: B018


def test_a_plan_is_read_back_as_it_was_recorded():
    recorded = json.loads(json.dumps(PLAN.as_dict()))
    assert recorded == PLAN.as_dict()
    assert StudyPlan.from_dict(recorded) == PLAN


@given(
    st.builds(
        StudyPlan,
        weights=st.sampled_from(["default", "none"]),
        timeout=st.none() | st.floats(1, 1e6),
        clip_format=st.builds(
            ClipFormat,
            st.integers(1, 10**6),
            st.floats(0.1, 100),
            st.sampled_from(["keep", "rms", "ebu"]),
            st.sampled_from(["reflect", "zeros"]),
        ),
        augmentations=st.lists(st.text(), max_size=3).map(tuple),
        readouts=st.lists(st.text(), min_size=1, max_size=3).map(tuple),
    )
)
def test_any_plan_is(plan):
    again = StudyPlan.from_dict(plan.as_dict())
    assert again == plan
    assert again.key == plan.key
