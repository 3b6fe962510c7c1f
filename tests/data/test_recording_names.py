"""Recordings are found by unique ends of their paths."""

from dataclasses import replace
from pathlib import Path

import hypothesis.strategies as st
import pytest
from hypothesis import given
from manifest_making import utterance

from serbench.data.manifest import Manifest
from serbench.data.recording_names import RecordingNames

HERE = Path("/somewhere/else")


def named(*paths):
    return RecordingNames(
        Manifest("small", tuple(replace(utterance("a/1", "anger"), path=path) for path in paths))
    )


def test_a_file_name_is_enough_where_no_other_has_it():
    names = named("/a/one.wav", "/a/two.wav")
    assert names.rows("two.wav", HERE) == [1]
    assert names.shortest(1) == "two.wav"


def test_a_path_relative_to_the_folder_of_the_list_is_understood():
    assert named("/a/b/one.wav", "/a/c/one.wav").rows("../c/one.wav", Path("/a/b")) == [1]


def test_what_follows_the_last_dot_does_not_count():
    assert named("/a/one.wav").rows("one.flac", HERE) == [0]


def test_of_two_with_one_name_the_folder_must_be_given():
    names = named("/a/01/x.wav", "/a/02/x.wav")
    assert names.rows("x.wav", HERE) == [0, 1]
    assert names.rows("02/x.wav", HERE) == [1]
    assert names.shortest(0) == "01/x.wav"


def test_two_that_differ_in_the_suffix_are_distinguished_by_it():
    names = named("/a/x.flac", "/a/x.wav")
    for row in range(2):
        assert names.rows(names.shortest(row), HERE) == [row]
    assert names.rows("x.mp3", HERE) == [0, 1]


def test_a_name_with_dots_is_found_under_what_it_is_written_as():
    names = named("/a/Ses01.F000.wav", "/a/Ses01.F001.wav")
    assert [names.rows(names.shortest(row), HERE) for row in range(2)] == [[0], [1]]


@pytest.mark.parametrize("path", ["", ".", "/", "..", "./", "nobody.wav", "/a/nobody.wav"])
def test_what_names_nothing_finds_nothing(path):
    assert named("/a/one.wav").rows(path, HERE) == []


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["/a", "/a/b", "/b/a/b", "/c.d/b"]),
            st.sampled_from(["x", "x.y", ".x", "x y"]),
            st.sampled_from([".wav", ".flac"]),
        ).map(lambda parts: f"{parts[0]}/{parts[1]}{parts[2]}"),
        min_size=1,
        max_size=8,
        unique=True,
    )
)
def test_the_shortest_name_matches_only_its_recording(paths):
    names = named(*paths)
    assert [names.rows(names.shortest(row), HERE) for row in range(len(paths))] == [
        [row] for row in range(len(paths))
    ]
