"""A study's plan: its identity, its record, and the file it may come from."""

import hashlib
import json
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serbench.data.clips import ClipFormat
from serbench.errors import StudyFileError, WeightsError
from serbench.plugins import Plugins
from serbench.search.plan import StudyFile, StudyPlan, read_study_file

PLAN = StudyPlan(
    backbone="homebrew",
    dataset="mine",
    dataset_hash="ab" * 32,
    front_end="mel",
    schedule="half-cycle",
    protocol="speaker-5",
    weights="default",
    trials=10,
    epochs=100,
    batch_size=32,
    seed=0,
    timeout=None,
    clip_format=ClipFormat(),
    augmentations=("time-shift", "gain"),
)
OTHERWISE = {
    "backbone": "resnet18",
    "dataset_hash": "cd" * 32,
    "front_end": "mfcc",
    "schedule": "cosine",
    "protocol": "random-5",
    "weights": "none",
    "trials": 11,
    "epochs": 99,
    "batch_size": 16,
    "seed": 1,
    "timeout": 60.0,
    "clip_format": ClipFormat(sample_rate=16000),
    "augmentations": ("gain", "time-shift"),
    "bounds": {"freeze_depth": (0, 2)},
}


def test_the_datasets_name_does_not_change_a_studys_identity():
    assert replace(PLAN, dataset="yours").key == PLAN.key


@pytest.mark.parametrize("name", [field.name for field in fields(StudyPlan)])
def test_everything_else_does(name):
    if name != "dataset":
        assert replace(PLAN, **{name: OTHERWISE[name]}).key != PLAN.key


def test_a_key_is_the_hash_of_all_that_counts_written_in_order():
    text = (
        '{"augmentations": ["time-shift", "gain"], "backbone": "homebrew", "batch_size": 32, '
        '"bounds": {}, "clip_format": {"sample_rate": 24414, "seconds": 2.618}, '
        f'"dataset_hash": "{"ab" * 32}", "epochs": 100, "front_end": "mel", '
        '"protocol": "speaker-5", "schedule": "half-cycle", "seed": 0, "timeout": null, '
        '"trials": 10, "weights": "default"}'
    )
    assert PLAN.key == hashlib.sha256(text.encode()).hexdigest()[:16]


def test_of_a_weights_file_the_content_counts(tmp_path):
    keys = []
    for folder, content in [("a", b"one"), ("b", b"one"), ("c", b"two")]:
        (tmp_path / folder).mkdir()
        path = tmp_path / folder / "w.pth"
        path.write_bytes(content)
        keys.append(replace(PLAN, weights=str(path)).key)
    assert keys[0] == keys[1]
    assert keys[0] != keys[2]


def test_a_missing_weights_file_is_noticed_at_once(tmp_path):
    with pytest.raises(WeightsError, match="no weights at"):
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
        clip_format=st.builds(ClipFormat, st.integers(1, 10**6), st.floats(0.1, 100)),
        augmentations=st.lists(st.text(), max_size=3).map(tuple),
    )
)
def test_any_plan_is(plan):
    again = StudyPlan.from_dict(plan.as_dict())
    assert again == plan
    assert again.key == plan.key


KNOWN = {
    "backbone": Plugins().backbones,
    "front_end": Plugins().front_ends,
    "schedule": Plugins().schedulers,
}


@pytest.fixture
def read(tmp_path):
    """``read(text)`` reads a study file with this content."""

    def read_text(text):
        path = tmp_path / "study.toml"
        path.write_text(text, encoding="utf-8")
        return read_study_file(path, KNOWN)

    return read_text


def mistakes_in(read, text):
    with pytest.raises(StudyFileError) as failure:
        read(text)
    assert "study.toml: " in str(failure.value)
    assert failure.value.exit_code == 2
    return failure.value.mistakes


def test_a_complete_study_file_gives_every_option(read):
    options = read(
        """
        backbone = "mobilenetv3_large_100"
        dataset = "four"
        front_end = "mel"
        schedule = "one-cycle"
        protocol = "random-5@3"
        weights = "none"
        trials = 20
        epochs = 50
        batch_size = 16
        seed = 4
        timeout = 3600.5
        """
    )
    assert options == {
        "backbone": "mobilenetv3_large_100",
        "dataset": "four",
        "front_end": "mel",
        "schedule": "one-cycle",
        "protocol": "random-5@3",
        "weights": "none",
        "trials": 20,
        "epochs": 50,
        "batch_size": 16,
        "seed": 4,
        "timeout": 3600.5,
    }
    assert options.keys() == StudyFile.model_fields.keys()


def test_options_that_are_not_set_are_left_to_others(read):
    assert read("") == {}
    assert read("trials = 3") == {"trials": 3}


def test_a_timeout_is_the_same_written_with_or_without_a_point(read):
    whole, broken = read("timeout = 60"), read("timeout = 60.0")
    assert replace(PLAN, **whole).key == replace(PLAN, **broken).key


def test_an_unknown_setting_is_told_with_the_known_ones(read):
    (mistake,) = mistakes_in(read, "trails = 3")
    assert mistake.startswith("trails: no such setting (known: backbone, dataset,")


@pytest.mark.parametrize(
    "line",
    [
        'trials = "ten"',
        "trials = 3.0",
        "trials = true",
        "trials = 0",
        "epochs = 0",
        "batch_size = 1",
        "seed = -1",
        "timeout = 0",
        "timeout = -5.0",
        'timeout = "1h"',
        "weights = 3",
        "dataset = ['a', 'b']",
        "protocol = 5",
        'protocol = "speaker-1"',
        'protocol = "specker-5"',
        "backbone = 7",
    ],
)
def test_a_wrong_value_is_told_with_its_place(read, line):
    (mistake,) = mistakes_in(read, line)
    assert mistake.startswith(f"{line.partition(' ')[0]}: ")
    assert "Value error" not in mistake


@pytest.mark.parametrize(
    ("line", "nearest"),
    [
        ('backbone = "homebru"', "homebrew"),
        ('front_end = "mell"', "mel"),
        ('schedule = "half-cycel"', "half-cycle"),
        ('protocol = "speeker-5"', "speaker-5"),
    ],
)
def test_an_unknown_name_is_told_with_the_nearest(read, line, nearest):
    (mistake,) = mistakes_in(read, line)
    assert f"did you mean {nearest}" in mistake


def test_all_mistakes_are_told_at_once(read):
    mistakes = mistakes_in(
        read,
        """
        backbone = "homebru"
        schedule = "half-cycel"
        protocol = "speaker-1"
        trials = "many"
        colour = "blue"
        """,
    )
    assert {mistake.partition(":")[0] for mistake in mistakes} == {
        "backbone",
        "schedule",
        "protocol",
        "trials",
        "colour",
    }
    assert len(mistakes) == 5


def test_a_table_is_no_setting(read):
    (mistake,) = mistakes_in(read, "[study]\ntrials = 3")
    assert mistake.startswith("study: no such setting")


@pytest.mark.parametrize("text", ["trials = ", "trials 3", "\x00"])
def test_what_is_not_toml_is_told(read, text):
    (mistake,) = mistakes_in(read, text)
    assert mistake.startswith("is not valid TOML")


def test_what_is_not_text_is_told(tmp_path):
    path = tmp_path / "study.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(StudyFileError, match="is not valid TOML"):
        read_study_file(path, KNOWN)


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(StudyFileError, match="cannot be read"):
        read_study_file(tmp_path / "nowhere.toml", KNOWN)
