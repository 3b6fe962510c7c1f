"""CSV files: no cell and no heading is a formula, and one function writes them all."""

import csv
import io
import math
import re
from pathlib import Path

import serbench
from serbench.data.cells import csv_text

FORMULA = "=cmd|'/c'!A1"


def test_headings_and_cells_are_no_formulas_and_numbers_stay_numbers():
    text = csv_text(["name", FORMULA], [{"name": FORMULA, FORMULA: -0.1}, {FORMULA: math.nan}])
    heading, first, second = csv.reader(io.StringIO(text))
    assert heading == ["name", f"'{FORMULA}"]
    assert first == [f"'{FORMULA}", "-0.1"]
    assert second == ["", ""]


def test_no_other_module_writes_csv():
    package = Path(serbench.__file__).parent
    writing = re.compile(r"csv\.(?:Dict)?[wW]riter|\.to_csv\(")
    found = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if writing.search(path.read_text(encoding="utf-8"))
    }
    assert found == {"data/cells.py"}
