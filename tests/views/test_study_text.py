"""A study file that is written for a plan gives this plan again."""

import tomllib
from dataclasses import asdict, replace

import pytest
from making.options import MANIFEST, PLUGINS

from serbench.data.clips import ClipFormat
from serbench.run.options import StudyOptions
from serbench.run.planning import make_plans
from serbench.search.plan import StudyPlan
from serbench.views.site.study_text import study_text

TRAINED = StudyPlan(
    backbone="homebrew",
    dataset=MANIFEST.name,
    dataset_hash=MANIFEST.hash,
    front_end="mfcc",
    schedule="one-cycle",
    protocol="speaker-2:holdout",
    weights="none",
    trials=7,
    epochs=12,
    batch_size=16,
    seed=3,
    timeout=90.0,
    clip_format=ClipFormat(16_000, 2.5, "ebu", "reflect"),
    readouts=("pooled",),
    augmentations=("time-shift", "gain"),
    bounds={"learning_rate": (1e-05, 0.1), "freeze_depth": (0, 0), "width:gain": (0.0, 0.5)},
    exhaustive=True,
    precision="bf16",
    threads=2,
)
FITTED = replace(
    TRAINED,
    backbone="whisper_tiny.en",
    front_end="whisper-mel",
    clip_format=ClipFormat(16_000, 2.5, "rms", "zeros"),
    readouts=("1/mean+std", "1-3/mean+std"),
    head="logistic",
    schedule="",
    objective="",
    augmentations=(),
    epochs=0,
    batch_size=0,
    exhaustive=False,
    timeout=None,
    precision=None,
    bounds={"head:C": (0.001, 1.0)},
)


@pytest.mark.parametrize(
    "plan",
    [TRAINED, replace(TRAINED, augmentations=(), bounds={}, protocol="loso"), FITTED],
    ids=["trained", "without-augmentations", "fitted"],
)
def test_the_file_gives_the_plan_again(plan):
    read = tomllib.loads(study_text(asdict(plan)))
    options = StudyOptions.model_validate(read, context=PLUGINS)
    assert make_plans(options, MANIFEST, PLUGINS, None, None) == [plan]


def test_of_a_file_with_weights_only_the_name_is_written():
    text = study_text(asdict(replace(TRAINED, weights="/home/somebody/weights.safetensors")))
    assert tomllib.loads(text)["weights"] == "weights.safetensors"
