"""One tree of errors: a line for the user, and an exit code."""

import re

import pytest
from error_facts import words_in

from serbench import errors
from serbench.errors import (
    AudioError,
    SerbenchError,
    StudyFileError,
    UnknownNameError,
    UsageError,
)

CLASSES = {
    name: thing
    for name, thing in vars(errors).items()
    if isinstance(thing, type) and issubclass(thing, Exception)
}


def drawn_tree():
    """Class → parent, as the module's docstring draws them."""
    parents, line_of = {}, []
    for line in errors.__doc__.splitlines():
        found = re.match(r"    ((?:[│ ]   )*)(?:[├└]── )?([A-Z]\w+Error)\b", line)
        if found:
            depth = len(found[1]) // 4 + ("── " in line)
            line_of[depth:] = [found[2]]
            parents[found[2]] = line_of[depth - 1] if depth else "Exception"
    return parents


def test_the_tree_is_drawn_as_it_is():
    assert drawn_tree() == {name: each.__base__.__name__ for name, each in CLASSES.items()}


def test_what_was_typed_ends_with_2_and_everything_else_with_1():
    for error in CLASSES.values():
        assert error.exit_code == (2 if issubclass(error, UsageError) else 1)
    drawn = dict(re.findall(r"(\w+Error) +exit code (\d)", errors.__doc__))
    assert drawn == {"SerbenchError": "1", "UsageError": "2"}


def test_every_error_says_what_it_is_for():
    assert all(error.__doc__ for error in CLASSES.values())
    assert all(issubclass(error, SerbenchError) for error in CLASSES.values())


def test_an_unknown_name_carries_at_most_five_near_ones():
    known = [f"net{number}" for number in range(9)]
    error = UnknownNameError("backbone", "net", known)
    assert len(error.nearest) == 5
    assert words_in(error) & set(known) == set(error.nearest)
    assert "\n" not in str(error)
    assert (error.kind, error.name) == ("backbone", "net")


def test_the_nearest_name_comes_first():
    error = UnknownNameError("emotion", "anxer", ["neutral", "anger", "fear"])
    assert error.nearest[0] == "anger"


@pytest.mark.parametrize(
    ("known", "hint"),
    [
        (["homebrew", "tiny"], "homebrew, tiny"),
        ([f"net{number}" for number in range(99)], "`serbench plugins list`"),
    ],
)
def test_where_no_name_is_near_all_are_named_or_where_to_find_them(known, hint):
    error = UnknownNameError("backbone", "xyzzy", known)
    assert error.nearest == []
    assert hint in str(error)
    assert words_in(error) >= {"backbone", "xyzzy"}


def test_a_study_file_error_holds_every_mistake_in_one_line():
    error = StudyFileError("paper.toml", ["trials: too few", "colour: no such configuration"])
    assert str(error) == "study file paper.toml: trials: too few; colour: no such configuration"
    assert error.mistakes == ("trials: too few", "colour: no such configuration")


@pytest.mark.parametrize(("advice", "end"), [("", ""), ("leave it out", "; leave it out")])
def test_an_audio_error_names_the_file_the_defect_and_the_remedy(advice, end):
    error = AudioError("/a.wav", "silent", advice)
    assert str(error) == f"/a.wav: silent{end}"
    assert error.reason == "silent"
