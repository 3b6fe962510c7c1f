"""Lines on a terminal are broken between words, and elsewhere not at all."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serbench.notices import in_lines


class Terminal(io.StringIO):
    def isatty(self):
        return True


WORDS = st.lists(st.sampled_from(["--dry-run", "half-cycle", "a", "recording"]), min_size=1)


@given(WORDS, st.integers(min_value=10, max_value=60))
def test_a_terminal_gets_whole_words_in_lines_of_its_width(words, width):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(width))
        lines = in_lines(" ".join(words), Terminal()).split("\n")
    assert [word for line in lines for word in line.split()] == words
    assert max(map(len, lines)) <= width


def test_lines_of_a_text_stay_apart(monkeypatch):
    monkeypatch.setenv("COLUMNS", "12")
    text = "one two three four\n  five"
    assert in_lines(text, Terminal()) == "one two\nthree four\n  five"


def test_without_a_terminal_the_text_is_unchanged(monkeypatch):
    monkeypatch.setenv("COLUMNS", "12")
    assert in_lines("one two three four", io.StringIO()) == "one two three four"
