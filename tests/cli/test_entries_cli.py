"""``serbench leaderboard compare``, ``show`` and ``rescore``: on 80 columns and as JSON."""

import json
import re

import pytest

from serbench.store.database import Database
from serbench.store.schema import EntryRow
from serbench.views.exports import export_predictions

NUMBER = r"-?\d+\.\d"
SIGNED = r"[+-]\d+\.\d"


@pytest.fixture(scope="module")
def pair(nested, tmp_path_factory):
    """A copy of the nested study's database, and what its entry would have said after a nap."""
    folder = tmp_path_factory.mktemp("pair")
    (folder / "serbench.db").write_bytes(nested.db.read_bytes())
    database = Database(f"sqlite:///{folder / 'serbench.db'}")
    header, *lines = export_predictions(database, 1).splitlines()
    database.engine.dispose()
    names = header.split(",")[2:]
    for number, line in enumerate(lines):
        path, fold, *logits = line.split(",")
        if number % 3 == 0:
            lines[number] = ",".join([path, fold, *logits[1:], logits[0]])
    (folder / "said.csv").write_text("\n".join([header, *lines]))
    return folder, names


@pytest.fixture
def ask(run, pair):
    """``ask("compare", 1, 2)`` asks the leaderboard of the two."""
    folder, _ = pair

    def leaderboard(*command):
        return run("leaderboard", *command, "--db", folder / "serbench.db")

    if len(json.loads(leaderboard("--format", "json").out)) == 1:
        options = ("--name", "napping", "--dataset", "tiny", "--protocol", "speaker-2:nested-2")
        assert leaderboard("import", folder / "said.csv", *options).code == 0
    return leaderboard


def strictly(text):
    """JSON as the standard has it: no NaN, no infinity."""
    return json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def test_a_comparison_has_a_line_for_each_score_and_says_how_sure_it_is(ask):
    found = strictly(ask("compare", 1, 2, "--format", "json").out)
    title, header, *lines = ask("compare", 1, 2).out.splitlines()
    assert title.strip() == found["protocol_id"]
    assert header.split() == ["holdout", "entry", "1", "entry", "2", "difference", "95", "%", "p"]
    for line, metric, name in zip(lines, found["scores"], ("UA", "WA", "macro-F1"), strict=False):
        first, second = found["scores"][metric]
        each = found["differences"][metric]
        low, high = each["interval"]
        assert re.split(r"\s{2,}", line.strip()) == [
            *(name, f"{100 * first:.1f}", f"{100 * second:.1f}"),
            *(f"{100 * each['difference']:+.1f}", f"{100 * low:+.1f} to {100 * high:+.1f}"),
            f"{each['p']:.3f}",
        ]
    said = lines[4:]
    assert said[0] == "paired bootstrap over 6 speakers, Student's t"
    assert said[1].endswith(f"four times in five: {100 * found['smallest']:.1f} points")
    assert re.fullmatch(
        rf"corrected resampled t-test over the 2 outer folds: {SIGNED} UA, "
        rf"95 % {SIGNED} to {SIGNED}, p \d\.\d{{3}}",
        said[2],
    )


def test_a_single_tested_speaker_gives_no_interval(run, finished):
    said = run("leaderboard", "compare", 1, 1, "--db", finished.db).out
    assert "paired bootstrap over 1 speaker, Student's t" in said
    assert "smallest" not in said
    assert "over the 2 folds that both winners were chosen by: +0.0 UA" in said


def test_a_page_shows_every_emotion_speaker_and_group(ask):
    found = strictly(ask("show", 1, "--format", "json").out)
    page = ask("show", 1).out
    low, high = found["uar_ci"]
    assert f"UA {100 * found['uar']:.1f} (95 % {100 * low:.1f}–{100 * high:.1f})\n" in page
    assert f"optimism {100 * found['optimism']:+.1f}" in page
    for emotion, counts, recall in zip(
        found["emotions"], found["confusion"], found["recalls"], strict=True
    ):
        cells = [emotion, *map(str, counts), f"{100 * recall:.1f}"]
        assert cells in [line.split() for line in page.splitlines()]
    for each in (*found["speakers"], *found["sexes"], *found["corpora"]):
        cells = [each["name"], str(each["clips"]), f"{100 * each['uar']:.1f}"]
        assert cells in [line.split()[:3] for line in page.splitlines()]
    assert {each["name"] for each in found["sexes"]} == {"female", "male"}
    assert f"({found['worst_speaker']}) to " in page
    assert "trained with fp32, 1 thread\n" in page


def test_a_changed_checkout_keeps_its_mark_on_the_page(run, finished, tmp_path):
    (tmp_path / "serbench.db").write_bytes(finished.db.read_bytes())
    database = Database(f"sqlite:///{tmp_path / 'serbench.db'}")
    with database.session() as session:
        study = session.get_one(EntryRow, 1).study
        study.versions = {**study.versions, "commit": "0123456789ab" + "c" * 28 + "+"}
    database.engine.dispose()
    page = run("leaderboard", "show", 1).out.replace("\n", " ")
    assert "made with commit 0123456789ab+, numpy " in page


@pytest.mark.parametrize("command", [("show", 1), ("show", 2), ("compare", 1, 2)])
def test_on_eighty_columns_no_table_is_broken(terminal, ask, pair, command):
    ask("show", 1)
    folder, _ = pair
    said = terminal(80, "leaderboard", *command, "--db", folder / "serbench.db")
    sentences = ("the smallest true difference", "corrected resampled", "on ")
    lines = [line for line in said.splitlines() if not line.startswith(sentences)]
    assert all(len(line) <= 80 for line in lines)


def test_rescoring_changes_nothing_and_mends_what_was_changed(run, finished, tmp_path):
    (tmp_path / "serbench.db").write_bytes(finished.db.read_bytes())
    before = run("leaderboard", "--format", "json").out
    assert run("leaderboard", "rescore").out == "1 entry rescored, 0 changed\n"
    assert run("leaderboard", "--format", "json").out == before
    database = Database(f"sqlite:///{tmp_path / 'serbench.db'}")
    with database.session() as session:
        entry = session.get_one(EntryRow, 1)
        entry.uar, entry.ece = 0.99, 0.0
    database.engine.dispose()
    assert '"uar": 0.99' in run("leaderboard", "--format", "json").out
    assert run("leaderboard", "rescore").out == (
        "entry 1: uar, ece changed\n1 entry rescored, 1 changed\n"
    )
    assert run("leaderboard", "--format", "json").out == before


def test_an_entry_of_an_older_serbench_is_hinted_at(run, finished, tmp_path):
    (tmp_path / "serbench.db").write_bytes(finished.db.read_bytes())
    database = Database(f"sqlite:///{tmp_path / 'serbench.db'}")
    with database.session() as session:
        session.get_one(EntryRow, 1).protocol_id = ""
    database.engine.dispose()
    hint = "1 entry of an older serbench left out: `serbench leaderboard rescore` brings them in\n"
    ran = run("leaderboard")
    assert (ran.code, ran.err) == (0, hint)
    assert "no entries yet" not in ran.out
    assert run("leaderboard", "--format", "json").out == "[]\n"
    assert run("leaderboard", "rescore").out.endswith("1 entry rescored, 1 changed\n")
    assert run("leaderboard").err == ""
