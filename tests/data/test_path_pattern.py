"""Patterns of paths."""

import re
import time
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


@pytest.mark.parametrize(
    "pattern",
    [
        "{emotion}_{speaker}_" + "*_" * 12 + "z/*",
        "**/x/" * 12 + "{emotion}/{speaker}/*/z",
        "*a" * 40 + "/{emotion}/{speaker}",
        "**a" * 40 + "{emotion:1}z/*",
    ],
)
def test_no_pattern_takes_long(pattern):
    names = ["a_" * 120, "/".join("x" * 120), "a" * 250, "/".join(["a" * 120] * 10)]
    start = time.process_time()
    for name in names:
        assert match(pattern, f"{name}/{name}b.wav") is None
    assert time.process_time() - start < 2


def test_a_field_given_twice_that_may_fit_in_too_many_ways_is_refused():
    with pytest.raises(UsageError):
        match("*{emotion:1}{speaker}_*_{speaker}_*_{speaker}z", "a_" * 120)


def test_a_pattern_of_more_characters_than_anybody_needs_is_refused():
    with pytest.raises(UsageError):
        PathPattern("{emotion}/{speaker}/" + "?" * 500)


def test_of_several_ways_fields_are_short_and_stars_long_from_the_left():
    assert match("*_{emotion}_{speaker}", "a_b_c_d.wav") == {"emotion": "c", "speaker": "d"}
    assert match("{emotion}_{speaker}", "a_b_c_d.wav") == {"emotion": "a", "speaker": "b_c_d"}
    assert match("**/{emotion}/**/{speaker}/*", "a/b/c/d/e") == {"emotion": "c", "speaker": "d"}


NAMES = st.lists(st.sampled_from("aAb_/."), max_size=9).map("".join)
EXPRESSIONS = {
    "{emotion}": "(?P<emotion>[^/]+?)",
    "{speaker}": "(?P<speaker>[^/]+?)",
    "{sex:2}": "(?P<sex>[^/]{2})",
    "*": "[^/]*",
    "**/": "(?:.*/)?",
    "?": "[^/]",
    **{text: re.escape(text) for text in ("a", "_", "/", "b/")},
}


@given(st.lists(st.sampled_from(list(EXPRESSIONS)), min_size=1, max_size=7), NAMES)
def test_a_path_fits_as_it_fits_the_regular_expression_of_the_pattern(parts, name):
    text = "".join(parts)
    try:
        pattern = PathPattern(text)
        expected = "".join(EXPRESSIONS[part] for part in parts)
        if not text.endswith("*"):
            expected += r"(?:\.[^./]+)?"
        found = re.compile(expected, re.IGNORECASE).fullmatch(Path("x", name).as_posix()[2:])
    except (UsageError, re.error):
        return
    path = FOLDER / name.lstrip("/")
    if path != FOLDER and not name.startswith("/"):
        assert pattern.match(path, [FOLDER]) == (found and found.groupdict())
