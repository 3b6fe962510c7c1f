"""A study's options: what they may be, every mistake at once, and which source comes first."""

import pytest
from making.options import PLUGINS

from serbench.errors import StudyFileError, UnknownNameError, UsageError
from serbench.run.options import StudyOptions
from serbench.run.study_file import read_options

ALONE = {"backbone": ("homebrew",)}


def mistakes_in(read, text):
    with pytest.raises(StudyFileError) as failure:
        read(text)
    assert failure.value.facts["path"].name == "study.toml"
    assert failure.value.exit_code == 2
    return failure.value.mistakes


def test_every_option_is_described_by_a_sentence():
    for name, field in StudyOptions.model_fields.items():
        assert field.description, name
        assert field.description[0].isupper(), name
        assert field.description.endswith("."), name


def test_a_study_file_may_set_every_option(read):
    options = read(
        """
        backbone = ["mobilenetv3_large_100", "homebrew"]
        dataset = "four"
        front_end = ["mel", "mfcc"]
        schedule = "one-cycle"
        protocol = ["random-5@3", "speaker-5"]
        nested = 3
        head = "linear"
        readout = ["pooled"]
        objective = "cross-entropy"
        weights = ["none", "default"]
        seconds = 3.5
        sample_rate = 22050
        level = "ebu"
        padding = "zeros"
        allow_known_speakers = true
        augmentations = ["time-shift", "gain"]
        views = 2
        trials = 20
        epochs = 50
        minutes = 90
        batch_size = 16
        seed = [4, 5]
        seeds = 6
        exhaustive = true
        precision = "bf16"
        threads = 2
        executor = "ray"
        address = "10.0.0.1:6379"
        jobs = 1
        retune = true
        max_latency_ms = 12.5

        [search]
        learning_rate = [1e-4, 1e-3]
        weight_decay = [0, 0.1]
        freeze_depth = 2
        readouts = ["pooled"]
        head.C = [1e-3, 1]

        [search.widths]
        time-shift = 0.3
        gain = [0, 6]
        """
    )
    assert options.model_dump(exclude={"search", "timeout"}) == {
        "backbone": ("mobilenetv3_large_100", "homebrew"),
        "dataset": "four",
        "front_end": ("mel", "mfcc"),
        "schedule": ("one-cycle",),
        "protocol": ("random-5@3", "speaker-5"),
        "nested": 3,
        "head": ("linear",),
        "readout": ("pooled",),
        "objective": ("cross-entropy",),
        "weights": ("none", "default"),
        "seconds": (3.5,),
        "sample_rate": (22050,),
        "level": ("ebu",),
        "padding": ("zeros",),
        "allow_known_speakers": True,
        "augmentations": ("time-shift", "gain"),
        "views": 2,
        "trials": 20,
        "epochs": 50,
        "minutes": 90,
        "batch_size": (16,),
        "seed": (4, 5),
        "seeds": 6,
        "exhaustive": True,
        "precision": "bf16",
        "threads": 2,
        "executor": "ray",
        "address": "10.0.0.1:6379",
        "jobs": 1,
        "retune": True,
        "max_latency_ms": 12.5,
    }
    assert options.budget == 5400
    assert options.protocols(4) == ("random-5@3:nested-3", "speaker-5:nested-3")
    assert options.search.readouts == ("pooled",)
    assert options.search.by_parameter() == {
        "learning_rate": (1e-4, 1e-3),
        "weight_decay": (0, 0.1),
        "freeze_depth": (2, 2),
        "head:C": (1e-3, 1),
        "width:time-shift": (0.3, 0.3),
        "width:gain": (0, 6),
    }


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ('"none"', ()),
        ('["none"]', ()),
        ("[]", ()),
        ('"gain"', ("gain",)),
        ('"gain, noise"', ("gain", "noise")),
        ('["gain", "noise"]', ("gain", "noise")),
    ],
)
def test_augmentations_have_the_forms_of_the_command_line_in_files_too(read, value, names):
    assert read(f"augmentations = {value}").augmentations == names
    if value.startswith('"'):
        assert read_options({"augmentations": value[1:-1]}, None, PLUGINS).augmentations == names


def test_none_is_not_one_of_several_augmentations(read):
    assert len(mistakes_in(read, 'augmentations = ["none", "gain"]')) == 1


def test_one_name_is_a_list_of_one(read):
    assert read('backbone = "homebrew"') == read('backbone = ["homebrew"]')


def test_the_command_line_comes_before_the_file_and_the_file_before_defaults(read):
    options = read('backbone = "homebrew"\ntrials = 3\nepochs = 7', trials=4)
    assert (options.trials, options.epochs, options.batch_size) == (4, 7, (32,))


def test_minutes_and_seconds_are_one_budget(read):
    file = 'backbone = "homebrew"\nminutes = 2'
    assert read(file).budget == 120
    assert read(file, timeout=9.0).budget == 9
    assert read(file, minutes=1.0).budget == 60
    assert len(mistakes_in(read, "minutes = 2\ntimeout = 120.0")) == 1


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
        ("widths.gian = 1", "search.widths.gian"),
        ("depth = 3", "search.depth"),
    ],
)
def test_bounds_that_cannot_be_are_refused_with_their_place(read, line, place):
    mistakes = mistakes_in(read, f"[search]\n{line}")
    assert {mistake.partition(":")[0] for mistake in mistakes} == {place}


@pytest.mark.parametrize("line", ["trails = 3", "[search]\ndepth = 3", "[study]\ntrials = 3"])
def test_an_unknown_option_is_refused_with_the_known_ones(read, line):
    (mistake,) = mistakes_in(read, line)
    known = ("learning_rate", "freeze_depth") if "search" in line else ("trials", "epochs")
    assert all(name in mistake for name in known)


@pytest.mark.parametrize(
    "line",
    [
        *('trials = "ten"', "trials = 3.0", "trials = true", "trials = 0", "epochs = 0"),
        *("batch_size = 1", "nested = 1", "seed = -1", "jobs = -1", "exhaustive = 1"),
        *("timeout = 0", "timeout = -5.0", 'timeout = "1h"', "weights = 3", 'precision = "fp16"'),
        *("dataset = ['a', 'b']", "protocol = 5", "backbone = 7", "backbone = []", "seed = [[1]]"),
        *('protocol = "speaker-1"', 'protocol = "specker-5"'),
    ],
)
def test_a_wrong_value_is_refused_with_its_place(read, line):
    (mistake,) = mistakes_in(read, line)
    assert mistake.startswith(f"{line.partition(' ')[0]}: ")


@pytest.mark.parametrize(
    ("line", "nearest"),
    [
        ('backbone = "homebru"', "homebrew"),
        ('front_end = "mell"', "mel"),
        ('schedule = "half-cycel"', "half-cycle"),
        ('protocol = "speeker-5"', "speaker-5"),
        ('head = "liner"', "linear"),
        ('objective = "cros-entropy"', "cross-entropy"),
        ('backbone = ["homebrew", "resnet81"]', "resnet18"),
        ('augmentations = ["time-shfit"]', "time-shift"),
        ("search.widths.gian = 3", "gain"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(read, line, nearest):
    (mistake,) = mistakes_in(read, line)
    assert nearest in mistake


def test_all_mistakes_of_a_file_are_listed_at_once(read):
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
    assert sorted(mistake.partition(":")[0] for mistake in mistakes) == [
        *("backbone", "colour", "protocol", "schedule", "timeout", "trials")
    ]


def test_all_mistakes_of_the_command_line_are_listed_at_once():
    with pytest.raises(UsageError) as failure:
        read_options(
            {"backbone": ("homebru",), "batch_size": 1, "front_end": ("mal",)}, None, PLUGINS
        )
    assert [mistake.partition(":")[0] for mistake in failure.value.facts["mistakes"]] == [
        *("--backbone", "--front-end", "--batch-size")
    ]


@pytest.mark.parametrize("text", ["trials = ", "trials 3", "\x00"])
def test_what_is_not_toml_is_refused(read, text):
    assert len(mistakes_in(read, text)) == 1


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    binary = tmp_path / "study.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    for path in (binary, tmp_path / "nowhere.toml"):
        with pytest.raises(StudyFileError) as failure:
            read_options(ALONE, path, PLUGINS)
        assert failure.value.facts["path"] == path


def test_bounds_of_what_is_not_searched_are_refused(read):
    with pytest.raises(UnknownNameError) as failure:
        read('backbone = "homebrew"\naugmentations = ["gain"]\n[search.widths]\nnoise = 1')
    assert failure.value.name == "noise"


@pytest.mark.parametrize(
    ("speakers", "usual"), [(1, "speaker-5"), (59, "speaker-5"), (60, "speaker-5:holdout")]
)
def test_the_default_protocol_has_a_holdout_from_sixty_speakers_on(speakers, usual):
    def protocols(**given):
        return read_options({**ALONE, **given}, None, PLUGINS).protocols(speakers)

    assert protocols() == (usual,)
    assert protocols(protocol=("speaker-5",)) == ("speaker-5",)
    assert protocols(protocol=("speaker-4:holdout", "loso")) == ("speaker-4:holdout", "loso")
    assert protocols(nested=3) == ("speaker-5:nested-3",)


def test_a_holdout_has_no_outer_folds():
    with pytest.raises(UsageError) as refusal:
        read_options({**ALONE, "protocol": ("speaker-5:holdout",), "nested": 2}, None, PLUGINS)
    assert type(refusal.value) is UsageError


def test_a_protocol_with_outer_folds_of_its_own_is_not_nested():
    with pytest.raises(UsageError):
        read_options({**ALONE, "protocol": ("emodb/loso",), "nested": 2}, None, PLUGINS)
