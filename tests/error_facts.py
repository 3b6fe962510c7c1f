"""What an error is about, whatever its sentence: for tests of classes and facts, not of prose."""

import re
from contextlib import contextmanager
from pathlib import Path

import pytest

import serbench
from serbench.data.emotions import EMOTIONS

SERBENCH = Path(serbench.__file__).parent


def words_in(said, *known):
    """The words of a message without punctuation, as a set; without ``known``, such as a path."""
    for text in known:
        assert str(text) in str(said)
        said = str(said).replace(str(text), " ")
    return set(re.findall(r"[\w./:@-]*\w", str(said)))


def values_in(said, *known):
    """Those words that no rewriting may change: numbers, names, options, emotions.

    Exactly these are expected, so that a message about something else does not pass for it.
    """
    return {
        word
        for word in words_in(said, *known)
        if word in EMOTIONS or word.startswith("--") or re.search(r"[\d/]", word)
    }


@contextmanager
def value_error():
    """A programmer's mistake that serbench itself refuses, before numpy stumbles over it."""
    with pytest.raises(ValueError) as refusal:  # noqa: PT011 - the place it comes from is checked
        yield refusal
    origin = refusal.traceback[-1]
    assert Path(origin.path).is_relative_to(SERBENCH)
    assert str(origin.statement).lstrip().startswith("raise ValueError("), "an accident"
