"""Names that are odd, and files whose names are formulas, on their way through every command."""

import csv
import io
import json
import os
import sys
from pathlib import Path

import pytest
from making.entries import add_entry
from refusals import error_of

from serbench.store.database import Database

pytestmark = pytest.mark.usefixtures("without_timm")

REFUSED = ["", " ", "n" * 300, "caf\udce9", "two\nlines", "a\x1b[31m"]


@pytest.mark.parametrize("name", REFUSED, ids=ascii)
def test_no_dataset_is_called_so(run, tiny_corpus, name):
    error_of(run("corpus", "scan", tiny_corpus, "--dataset", name), 2)


@pytest.mark.parametrize("name", REFUSED, ids=ascii)
def test_no_import_is_called_so(run, finished, copied, name, tmp_path):
    copied(finished)
    assert run("leaderboard", "export-predictions", 1, "--out", "p.csv").code == 0
    arguments = ("import", "p.csv", "--dataset", "tiny", "--protocol", "speaker-2:holdout")
    error_of(run("leaderboard", *arguments, "--name", name), 2)
    error_of(run("leaderboard", *arguments, "--name", "x", "--machine", name), 2)
    assert run("leaderboard", *arguments, "--name", "x", "--machine", "mine").code == 0


@pytest.mark.parametrize("name", ["caf\udce9", "two\nlines"], ids=ascii)
@pytest.mark.parametrize(
    "command",
    [
        ("corpus", "show", "{}"),
        ("leaderboard", "--dataset", "{}"),
        ("study", "run", "--backbone", "homebrew", "--dataset", "{}"),
        ("protocol", "show", "{}", "--dataset", "tiny"),
        ("protocol", "clips", "speaker-2:holdout", "--dataset", "{}"),
    ],
    ids=" ".join,
)
def test_what_is_not_there_is_one_line(run, finished, command, name):
    ran = run(*(name if part == "{}" else part for part in command), "--db", finished.db)
    assert ran.code in (1, 2)
    begins = command[0] == "study"  # a study prints first that it is loading
    assert len(ran.err.splitlines()) == 1 + begins


@pytest.mark.parametrize("number", ["99999999999999999999", "-1"])
@pytest.mark.parametrize("command", [("leaderboard", "show"), ("study", "show"), ("predict",)])
def test_a_number_of_too_many_digits_is_one_line(run, finished, command, number):
    rest = ("--db", finished.db, "--", number) + (("x.wav",) if command == ("predict",) else ())
    error_of(run(*command, *rest), 2)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere names are UTF-8")
def test_a_recording_whose_name_is_no_utf8_is_counted_and_left_out(run, tiny_corpus):
    odd = tiny_corpus / "Actor_01" / os.fsdecode(b"caf\xe9")
    odd.mkdir()
    [first, *_] = sorted((tiny_corpus / "Actor_01").glob("*.wav"))
    first.rename(odd / first.name)
    ran = run("corpus", "scan", tiny_corpus, "--dataset", "tiny", "--format", "json")
    account = json.loads(ran.out)
    assert (account["found"], account["utterances"]) == (36, 35)
    assert sum(account["skipped"].values()) == 1


FORMULA = "=cmd|calc"


@pytest.fixture
def formulas(tmp_path, made, run):
    """An entry on recordings in folders and files that are called like formulas."""
    database = Database(f"sqlite:///{tmp_path / 'serbench.db'}")
    manifest = made.manifest("@odd")
    utterances = [
        type(each)(**{**fields_of(each), "path": f"/here/{sign}{Path(each.path).name}"})
        for each, sign in zip(manifest.utterances, "=+-@'" * 5, strict=False)
    ]
    odd = type(manifest)("@odd", tuple(utterances), False)
    entry = add_entry(database, made, odd, protocol="speaker-2:holdout")
    database.engine.dispose()
    return odd, entry


def fields_of(utterance):
    return {name: getattr(utterance, name) for name in type(utterance).__dataclass_fields__}


def cells(text):
    return [cell for row in csv.reader(io.StringIO(text)) for cell in row]


def is_number(cell):
    try:
        float(cell)
    except ValueError:
        return False
    return True


def assert_no_formula(text):
    assert text
    for cell in cells(text):
        assert is_number(cell) or not cell.startswith(("=", "+", "-", "@")), cell


def test_exported_predictions_are_no_formulas_and_come_back_as_they_were(run, formulas, tmp_path):
    _, entry = formulas
    exported = run("leaderboard", "export-predictions", entry).out
    assert_no_formula(exported)
    (tmp_path / "p.csv").write_text(exported)
    arguments = ("--dataset", "@odd", "--protocol", "speaker-2:holdout")
    ran = run("leaderboard", "import", "p.csv", "--name", FORMULA, *arguments)
    assert ran.code == 0, ran.err
    again = run("leaderboard", "export-predictions", entry + 1).out
    assert again == exported
    shown = run("leaderboard", "--format", "csv").out
    assert_no_formula(shown)
    assert f"'{FORMULA}" in cells(shown)


def test_exported_clips_are_no_formulas_and_are_read_as_folds(run, formulas, tmp_path):
    listed = run("protocol", "clips", "speaker-2:holdout", "--dataset", "@odd").out
    assert_no_formula(listed)
    rows = list(csv.DictReader(io.StringIO(listed)))
    with (tmp_path / "folds.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, ["path", "fold"], extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    again = run("protocol", "clips", "folds:folds.csv", "--dataset", "@odd")
    assert again.code == 0, again.err
    assert sorted(cells(again.out)) == sorted(cells(listed))


def test_markdown_shows_a_name_as_it_is(run, formulas, tmp_path):
    _, entry = formulas
    exported = run("leaderboard", "export-predictions", entry).out
    (tmp_path / "p.csv").write_text(exported)
    name = "a|b `c` <script>d</script> [e](f) *g* \\|"
    arguments = ("--dataset", "@odd", "--protocol", "speaker-2:holdout")
    assert run("leaderboard", "import", "p.csv", "--name", name, *arguments).code == 0
    shown = run("leaderboard", "--format", "markdown").out.splitlines()
    [line] = [line for line in shown if "script" in line]
    [header] = [line for line in shown if line.startswith("| #")]
    plain = line.replace("\\\\", "")
    for character in "`<>[]*":
        assert plain.count(character) == plain.count("\\" + character), character
    assert plain.count("|") - plain.count("\\|") == header.count("|")
