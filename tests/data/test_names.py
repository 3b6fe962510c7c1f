"""Which names are taken, and cells that spreadsheets do not compute."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serbench.data.cells import FORMULA, cell_text, text_cell
from serbench.data.names import check_name, printable
from serbench.errors import UsageError

REFUSED = {
    "empty": "",
    "blank": "  \u3000 ",
    "long": "x" * 300,
    "no UTF-8": "caf\udce9",
    "a line break": "two\nlines",
    "another line break": "two\u2028lines",
    "a tab": "a\tb",
    "an escape sequence": "\x1b[31mred",
    "a zero": "a\0b",
}


@pytest.mark.parametrize("name", REFUSED.values(), ids=REFUSED)
def test_names_that_something_could_not_take_are_refused_in_one_line(name):
    with pytest.raises(UsageError) as raised:
        check_name("dataset", name)
    assert raised.value.facts["kind"] == "dataset"
    assert "\n" not in str(raised.value)
    str(raised.value).encode()


@pytest.mark.parametrize("name", ["mine", "ravdess, 16 actors", "日本語", "a|b`c`<d>", "=1+1"])
def test_other_names_are_taken_as_they_are(name):
    assert check_name("dataset", name) == name


@given(st.text(alphabet=st.characters(codec=None)))
def test_what_is_printable_fits_one_line_and_any_file(text):
    shown = printable(text)
    assert len(shown.splitlines()) <= 1
    shown.encode()


CELLS = st.text() | st.tuples(
    st.sampled_from(["", "'", "''"]), st.sampled_from(FORMULA), st.text()
).map("".join)


@given(CELLS)
def test_a_cell_is_never_a_formula_and_is_read_back_as_it_was(text):
    cell = text_cell(text)
    assert not cell.startswith(FORMULA)
    assert cell_text(cell) == text
    file = io.StringIO()
    csv.writer(file).writerow([cell])
    [[read]] = csv.reader(io.StringIO(file.getvalue(), newline="")) if cell else [[cell]]
    assert cell_text(read) == text
