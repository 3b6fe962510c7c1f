"""Patterns of paths."""

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serbench.data.path_pattern import PathPattern
from serbench.errors import UnknownNameError, UsageError

FOLDER = Path("/data/mine")


def match(pattern, path, folder=FOLDER):
    return PathPattern(pattern).match(folder / path, [folder])


@pytest.mark.parametrize(
    ("pattern", "path", "fields"),
    [
        ("{emotion}/{speaker}/*", "anger/s1/a.wav", ("anger", "s1")),
        ("{emotion}/{speaker}/*.wav", "anger/s1/a.WAV", ("anger", "s1")),
        ("{speaker}/*/{emotion}/**", "s1/take 2/anger/x/y/a.wav", ("anger", "s1")),
        ("**/{emotion}/{speaker}/*", "anger/s1/a.wav", ("anger", "s1")),
        ("**/{emotion}/{speaker}/*", "x/y/anger/s1/a.wav", ("anger", "s1")),
        ("{speaker}_{emotion}_*", "s1_anger_03.flac", ("anger", "s1")),
        ("{speaker}_{emotion}", "s1_anger.wav", ("anger", "s1")),
        ("{speaker:2}{sentence:3}{emotion:1}*", "03a01Wa.wav", ("W", "03")),
        ("Actor_{speaker}/{emotion}-?.wav", "actor_07/joy-1.wav", ("joy", "07")),
        ("{speaker}/{speaker}_{emotion}", "s1/s1_anger.wav", ("anger", "s1")),
        ("{emotion}\\{speaker}\\*", "anger/s1/a.wav", ("anger", "s1")),
        ("./{emotion}/{speaker}/*", "anger/s1/a.wav", ("anger", "s1")),
        ("{emotion}/{speaker}/*", "cole\u0300re/s1/a.wav", ("colère", "s1")),
        ("{emotion}.(x)/{speaker}/*", "anger.(x)/s1/a.wav", ("anger", "s1")),
    ],
)
def test_fields_are_taken_from_folders_and_names(pattern, path, fields):
    found = match(pattern, path)
    assert (found["emotion"], found["speaker"]) == fields


@pytest.mark.parametrize(
    ("pattern", "path"),
    [
        ("{emotion}/{speaker}/*", "anger/a.wav"),
        ("{emotion}/{speaker}/*", "x/anger/s1/a.wav"),
        ("{emotion}/{speaker}/*.wav", "anger/s1/a.flac"),
        ("{speaker}/{speaker}_{emotion}", "s1/s2_anger.wav"),
        ("{speaker:2}_{emotion}", "s01_anger.wav"),
    ],
)
def test_other_paths_do_not_fit(pattern, path):
    assert match(pattern, path) is None


def test_a_path_outside_of_the_scanned_folders_does_not_fit():
    pattern = PathPattern("{emotion}/{speaker}/*")
    assert pattern.match(Path("/elsewhere/anger/s1/a.wav"), [FOLDER]) is None


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "*/*",
        "{emotion}{speaker}/*",
        "{emotion}*",
        "*{emotion}",
        "{emotion",
        "emotion}/{speaker}",
        "{speaker:x}/*",
        "{speaker:0}/*",
        "{{emotion}}/*",
    ],
)
def test_a_mistake_is_refused_with_the_pattern(pattern):
    with pytest.raises(UsageError) as refusal:
        PathPattern(pattern)
    assert refusal.value.facts["pattern"] == pattern


def test_an_unknown_field_is_answered_with_the_known_ones():
    with pytest.raises(UnknownNameError) as refusal:
        PathPattern("{emotion}/{speakr}/*")
    assert refusal.value.nearest[0] == "{speaker}"


NAMES = st.text(st.characters(categories=["L", "Nd"]), min_size=1, max_size=8).map(
    lambda text: unicodedata.normalize("NFC", text)
)


@given(NAMES, NAMES, NAMES)
def test_what_folders_are_called_comes_back(emotion, speaker, name):
    found = match("{emotion}/{speaker}/*", f"{emotion}/{speaker}/{name}.wav")
    assert found == {"emotion": emotion, "speaker": speaker}
