"""The plans that options make: their combinations and what they are filled with."""

import json
from dataclasses import replace
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
from making.options import MANIFEST, PLUGINS, plans_of

from serbench.errors import StudyFileError, UsageError
from serbench.run.options import COMBINED, READOUT, StudyOptions
from serbench.run.planning import differing, make_plans, option_value
from serbench.run.study_file import read_options

SEVERAL = {
    "backbone": ("homebrew", "resnet18"),
    "front_end": ("mel", "mfcc"),
    "schedule": ("half-cycle", "one-cycle"),
    "protocol": ("speaker-2", "random-2"),
    "head": ("linear", "mlp"),
    "weights": ("none", "default"),
    "batch_size": (8, 16),
    "seed": (4, 3),
}


FORMATS = {
    "seconds": (0.5, 1.25),
    "sample_rate": (8000, 16_000),
    "level": ("keep", "ebu"),
    "padding": ("zeros", "reflect"),
}


@pytest.mark.parametrize("name", COMBINED)
def test_an_option_with_several_values_is_a_study_for_each(name):
    values = {**SEVERAL, **FORMATS, READOUT: ("pooled",)}.get(
        name, StudyOptions.model_fields[name].default
    )
    twice = {name: (*values, *values)}
    assert [option_value(plan, name) for plan in plans_of(**twice)] == list(values)


def test_lengths_rates_levels_and_paddings_are_combined_too():
    plans = plans_of(**FORMATS)
    assert [tuple(vars(plan.clip_format)[name] for name in FORMATS) for plan in plans] == list(
        product(*FORMATS.values())
    )
    assert differing(plans) == list(FORMATS)
    assert len({plan.key for plan in plans}) == len(plans)


@pytest.mark.parametrize("values", ["seconds = [1, 2.5]", "seconds = 2.5", 'level = ["rms"]'])
def test_parts_of_the_clip_format_are_one_value_or_a_list_in_files_too(read, values):
    name, value = values.split(" = ")
    value = json.loads(value)
    asked = getattr(read(f'backbone = "homebrew"\n{values}'), name)
    assert list(asked) == (value if isinstance(value, list) else [value])


def test_an_option_spelt_as_on_the_command_line_is_named_with_its_spelling_in_files(read):
    with pytest.raises(StudyFileError) as failure:
        read('backbone = "homebrew"\nfront-end = "mel"')
    [mistake] = failure.value.mistakes
    assert mistake.count("front_end") == 2  # as the one meant, and among all that are known


def test_all_combinations_are_studied_the_first_option_slowest():
    plans = plans_of(**SEVERAL)
    assert [tuple(getattr(plan, name) for name in SEVERAL) for plan in plans] == list(
        product(*SEVERAL.values())
    )
    assert differing(plans) == list(SEVERAL)
    assert len({plan.key for plan in plans}) == len(plans)


def test_a_plan_has_what_was_asked_for():
    (plan,) = plans_of(trials=3, timeout=60, nested=2, seed=5, augmentations=("gain",))
    assert (plan.dataset, plan.dataset_hash) == (MANIFEST.name, MANIFEST.hash)
    assert (plan.trials, plan.timeout, plan.seed, plan.augmentations) == (3, 60.0, 5, ("gain",))
    assert (plan.protocol, plan.outer_fold) == ("speaker-5:nested-2", 0)
    assert (plan.front_end, plan.head, plan.objective) == ("mel", "linear", "cross-entropy")


def test_a_budget_is_the_same_in_minutes_and_seconds():
    (one,), (other,) = plans_of(minutes=1), plans_of(timeout=60.0)
    assert one.key == other.key


def test_clips_have_the_rate_of_a_front_end_that_needs_one(monkeypatch):
    needing = replace(PLUGINS.front_ends.get("mel"), sample_rate=16_000)
    monkeypatch.setattr(PLUGINS.front_ends, "get", lambda name: needing)
    (plan,) = plans_of(front_end=("mel",))
    assert plan.clip_format.sample_rate == 16_000


def test_a_weights_file_is_kept_by_its_absolute_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.pth").write_bytes(b"weights")
    (plan,) = plans_of(weights="mine.pth")
    assert plan.weights == str(tmp_path / "mine.pth")


def test_an_entry_to_begin_from_has_a_number():
    with pytest.raises(UsageError) as failure:
        plans_of(weights="entry:best")
    assert failure.value.facts == {"weights": "entry:best"}


@pytest.mark.parametrize(("speakers", "usual"), [(59, "speaker-5"), (60, "speaker-5:holdout")])
def test_without_a_protocol_the_number_of_speakers_determines_the_evidence(speakers, usual):
    names = np.repeat([f"speaker {number}" for number in range(speakers)], 2)
    manifest = SimpleNamespace(**{**vars(MANIFEST), "speakers": names})
    options = read_options({"backbone": ("homebrew",)}, None, PLUGINS)
    assert [each.protocol for each in make_plans(options, manifest, PLUGINS, None, None)] == [usual]
