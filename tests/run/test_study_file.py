"""Study files: what they may set, and every mistake at once."""

from dataclasses import replace

import pytest
from test_plan import PLAN

from serbench.errors import StudyFileError
from serbench.plugins import Plugins
from serbench.run.study_file import read_study_file

KNOWN = {
    "backbone": Plugins().backbones,
    "front_end": Plugins().front_ends,
    "schedule": Plugins().schedulers,
    "augmentations": Plugins().augmentations,
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
    assert "study.toml:" in str(failure.value)
    assert failure.value.exit_code == 2
    return failure.value.mistakes


def test_a_complete_study_file_gives_every_option(read):
    options = read(
        """
        backbone = ["mobilenetv3_large_100", "homebrew"]
        dataset = "four"
        front_end = "mel"
        schedule = "one-cycle"
        protocol = ["random-5@3", "speaker-5"]
        weights = "none"
        augmentations = ["time-shift", "gain"]
        trials = 20
        epochs = 50
        minutes = 90
        batch_size = 16
        seed = 4
        max_latency_ms = 12.5

        [search]
        learning_rate = [1e-4, 1e-3]
        freeze_depth = 2

        [search.widths]
        time-shift = 0.3
        gain = [0, 6]
        """
    )
    assert options == {
        "backbone": ["mobilenetv3_large_100", "homebrew"],
        "dataset": "four",
        "front_end": "mel",
        "schedule": ["one-cycle"],
        "protocol": ["random-5@3", "speaker-5"],
        "weights": "none",
        "augmentations": ["time-shift", "gain"],
        "trials": 20,
        "epochs": 50,
        "timeout": 5400.0,
        "batch_size": 16,
        "seed": 4,
        "max_latency_ms": 12.5,
        "bounds": {
            "learning_rate": (1e-4, 1e-3),
            "freeze_depth": (2, 2),
            "width:time-shift": (0.3, 0.3),
            "width:gain": (0, 6),
        },
    }


def test_one_name_is_a_list_of_one(read):
    assert read('backbone = "homebrew"') == read('backbone = ["homebrew"]')


def test_minutes_and_seconds_are_one_budget(read):
    assert read("minutes = 2") == read("timeout = 120.0")
    (mistake,) = mistakes_in(read, "minutes = 2\ntimeout = 120.0")
    assert "give one of them" in mistake


@pytest.mark.parametrize(
    ("line", "place"),
    [
        ("learning_rate = 0", "search.learning_rate"),
        ("learning_rate = [0.1, 0.01]", "search.learning_rate"),
        ("learning_rate = [0.1, 0.2, 0.3]", "search.learning_rate"),
        ("freeze_depth = -1", "search.freeze_depth"),
        ("freeze_depth = 0.5", "search.freeze_depth"),
        ('widths.gain = "wide"', "search.widths.gain"),
        ("widths.gain = [3, inf]", "search.widths.gain"),
        ("widths.gian = 1", "search.widths"),
        ("depth = 3", "search.depth"),
    ],
)
def test_bounds_that_cannot_be_are_told_with_their_place(read, line, place):
    mistakes = mistakes_in(read, f"[search]\n{line}")
    assert all(mistake.startswith(f"{place}: ") for mistake in mistakes)


def test_an_unknown_bound_is_told_with_the_known_ones(read):
    (mistake,) = mistakes_in(read, "[search]\ndepth = 3")
    assert "(known: learning_rate, freeze_depth, widths)" in mistake


def test_options_that_are_not_set_are_left_to_others(read):
    assert read("") == {}
    assert read("trials = 3") == {"trials": 3}


def test_a_timeout_is_the_same_written_with_or_without_a_point(read):
    whole, broken = read("timeout = 60"), read("timeout = 60.0")
    assert replace(PLAN, **whole).key == replace(PLAN, **broken).key


def test_an_unknown_configuration_is_told_with_the_known_ones(read):
    (mistake,) = mistakes_in(read, "trails = 3")
    assert mistake.startswith("trails: no such configuration (known: backbone, dataset,")


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
        ('backbone = ["homebrew", "resnet81"]', "resnet18"),
        ('augmentations = ["time-shfit"]', "time-shift"),
        ("search.widths.gian = 3", "gain"),
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
        minutes = 1
        timeout = 60.0
        """,
    )
    assert {mistake.partition(":")[0] for mistake in mistakes} == {
        "backbone",
        "schedule",
        "protocol",
        "trials",
        "colour",
        "minutes and timeout (in seconds) are one budget",
    }
    assert len(mistakes) == 6


def test_a_table_is_no_configuration(read):
    (mistake,) = mistakes_in(read, "[study]\ntrials = 3")
    assert mistake.startswith("study: no such configuration")


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
