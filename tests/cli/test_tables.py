"""Tables on terminals of every width, and without one."""

import csv
import io
import re

import pytest

from serbench.cli.output import WIDE, between, emit_csv, emit_table, short

COLUMNS = ["name", ">number", "what"]
ROWS = [["one", "1", "a thing"], ["another", "1,000", "a much longer thing that can be folded"]]


@pytest.fixture
def table(capsys, monkeypatch):
    """``table(columns, rows, width=40)`` gives the lines shown on a terminal so wide."""

    def show(*arguments, width=None, **options):
        if width is not None:
            monkeypatch.setenv("COLUMNS", str(width))
            monkeypatch.setenv("TERM", "xterm")
            monkeypatch.setattr("sys.stdout.isatty", lambda: True)
        emit_table(*arguments, **options)
        shown = re.sub(r"\x1b\[[0-9;]*m", "", capsys.readouterr().out)
        return [line.rstrip() for line in shown.splitlines()]

    return show


def test_text_is_aligned_left_and_numbers_right(table):
    assert table(COLUMNS, ROWS, "some things") == [
        "some things",
        "name     number  what",
        "one           1  a thing",
        "another   1,000  a much longer thing that can be folded",
    ]


def test_without_rows_there_is_a_header(table):
    assert table(COLUMNS, []) == ["name  number  what"]


def test_a_row_of_nothing_is_an_empty_line(table):
    assert table(["a", "b"], [["1", "2"], ["", ""], ["3", "4"]])[2] == ""


def test_text_is_folded_between_words_where_a_terminal_is_narrow(table):
    assert table(COLUMNS, ROWS, width=36) == [
        "name     number  what",
        "one           1  a thing",
        "another   1,000  a much longer thing",
        "                 that can be folded",
    ]


def test_a_word_that_is_too_long_is_folded(table):
    lines = table(["path"], [["x" * 50]], width=20)
    assert lines == ["path", "x" * 20, "x" * 20, "x" * 10]


def test_brackets_and_colons_are_printed_as_they_are(table):
    assert table(["a"], [["[bold]x[/] :smile:"]], "[0f3a]") == ["[0f3a]", "a", "[bold]x[/] :smile:"]


def test_no_column_becomes_too_narrow_to_read_and_no_number_is_broken(table):
    lines = table(COLUMNS, [["a name of many words", "123,456,789", "thing"]], width=10)
    assert [line.split() for line in lines[:2]] == [
        ["name", "number", "what"],
        ["a", "name", "of", "123,456,789", "thing"],
    ]


def test_spare_columns_are_left_out_the_first_of_them_first_and_named_below(table):
    columns, rows = ["name", "kind", ">size", ">n"], [["a", "x", "10", "1"], ["b", "x", "10", "2"]]
    spare = ["size", "kind"]
    assert table(columns, rows, None, spare, width=19)[0] == "name  kind  size  n"
    narrow = table(columns, rows, None, spare, width=18)
    assert narrow[0] == "name  kind  n"
    assert narrow[3].endswith(": size (10)") or "size (10)" in " ".join(narrow[3:])
    narrowest = table(columns, rows, None, spare, width=10)
    assert narrowest[0] == "name  n"
    assert "kind (x)" in " ".join(narrowest[3:])


def test_text_in_which_rows_differ_is_folded_and_never_left_out(table):
    columns = ["name", "front end", ">params", ">UA"]
    rows = [
        ["a network of many words", "a front end of five words", "1.0M", "40.0"],
        ["a network of many words", "another front end of words", "2.0M", "41.0"],
    ]
    lines = table(columns, rows, None, ["front end", "params"], width=40)
    assert lines[0].split() == ["name", "front", "end", "UA"]
    shown = " ".join(lines)
    assert "another" in shown
    assert "params" in shown, "named below"


def test_columns_that_do_not_fit_even_if_folded_are_gathered_in_one(table):
    columns = ["name", ">size", "front end", ">n"]
    rows = [["a", "100", "two words", "1"], ["b", "", "three more words", "22"]]
    options = {"gather": ["size", "front end"]}
    assert table(columns, rows, **options, width=26)[0].split() == [
        *("name", "size", "front", "end", "n")
    ]
    assert table(columns, rows, **options, width=25) == [
        "name  options           n",
        "a     size: 100         1",
        "      front end: two",
        "      words",
        "b     front end:       22",
        "      three more",
        "      words",
    ]


def test_without_a_terminal_a_table_is_wide(table):
    lines = table(["what"], [["word " * 60]])
    assert WIDE - 5 < max(map(len, lines)) <= WIDE


def test_a_title_is_folded_on_a_terminal(table):
    assert table(["what"], [["x"]], "a title of six short words", width=12)[:3] == [
        *("a title of", "six short", "words")
    ]


def test_lines_within_a_cell_stay_lines(table):
    assert table(["check", "result"], [["one", "this\n\nand that"]])[1:] == [
        *("one    this", "", "       and that")
    ]


def test_wide_characters_take_two_cells_and_accents_none(table):
    lines = table(["name", ">n"], [["感情", "1"], ["e\u0301mu", "22"], ["abcd", "3"]])
    assert lines[1:] == ["感情   1", "e\u0301mu   22", "abcd   3"]


def test_csv_keeps_numbers_and_leaves_nothing_empty(capsys):
    emit_csv(["a", "b", "c"], [{"a": 0.1 + 0.2, "b": None, "c": 'one, "two"'}])
    printed = capsys.readouterr().out
    assert printed == 'a,b,c\n0.30000000000000004,,"one, ""two"""\n'
    assert next(csv.DictReader(io.StringIO(printed)))["c"] == 'one, "two"'


@pytest.mark.parametrize(
    ("number", "shown"),
    [(None, "–"), (0, "0"), (999, "999"), (1000, "1.0k"), (4_200_000, "4.2M"), (11**9, "2.4G")],
)
def test_large_counts_are_shortened(number, shown):
    assert short(number) == shown


@pytest.mark.parametrize(
    ("ends", "text"),
    [
        (["1.2", "3.4"], "1.2–3.4"),
        (["-1.456", "3.055"], "-1.456 to 3.055"),
        (["-3", "-2"], "-3 to -2"),
    ],
)
def test_the_ends_of_an_interval_are_apart_from_their_signs(ends, text):
    assert between(ends) == text


def test_two_columns_of_one_name_are_refused():
    with pytest.raises(ValueError, match="same name"):
        emit_table(["bin", ">clips", ">clips"], [["a", "1", "2"]])
