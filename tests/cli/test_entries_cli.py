"""``serbench leaderboard show``, ``rescore`` and ``delete``."""

import json
import re

import pytest
from refusals import error_of

from serbench.store.schema import ScoreRow, StudyRow

TO = ("--name", "other", "--dataset", "tiny", "--protocol", "speaker-2:nested-2")


@pytest.fixture
def pair(run, nested, copied, tmp_path):
    """A copy of the nested study's database, with a second entry: every third clip otherwise."""
    copied(nested)
    header, *lines = run("leaderboard", "export-predictions", 1).out.splitlines()
    for number, line in enumerate(lines):
        path, fold, *logits = line.split(",")
        if number % 3 == 0:
            lines[number] = ",".join([path, fold, *logits[1:], logits[0]])
    (tmp_path / "other.csv").write_text("\n".join([header, *lines]))
    ran = run("leaderboard", "import", "other.csv", *TO)
    assert ran.code == 0, ran.err


def strictly(text):
    """JSON as the standard has it: no NaN, no infinity."""
    return json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))


def cells(line):
    return re.split(r"\s{2,}", line.strip())


@pytest.mark.usefixtures("pair")
def test_a_page_shows_every_score_emotion_speaker_and_group(run):
    found = strictly(run("leaderboard", "show", 1, "--format", "json").out)
    page = [line.split() for line in run("leaderboard", "show", 1).out.splitlines()]
    for metric, name in (("uar", "UA"), ("accuracy", "WA"), ("macro_f1", "macro-F1")):
        low, high = found[f"{metric}_ci"]
        ends = f"{100 * low:.1f}–{100 * high:.1f}"
        assert [name, f"{100 * found[metric]:.1f}", ends] in page
    for emotion, counts, recall in zip(
        found["emotions"], found["confusion"], found["recalls"], strict=True
    ):
        assert [emotion, *map(str, counts), f"{100 * recall:.1f}"] in page
    for each in (*found["by_speaker"], *found["sexes"], *found["corpora"]):
        assert [each["name"], str(each["clips"]), f"{100 * each['uar']:.1f}"] in [
            line[:3] for line in page
        ]
    assert {each["name"] for each in found["sexes"]} == {"female", "male"}
    for stage in (found["calibration"]["before"], found["calibration"]["after"]):
        for each in stage["reliability"]:
            values = f"{100 * each['confidence']:.1f}", f"{100 * each['accuracy']:.1f}"
            assert [str(each["clips"]), *values] in [line[-3:] for line in page]


def test_a_page_shows_which_commit_made_the_entry(run, finished, copied):
    with copied(finished).session() as session:
        [study] = session.query(StudyRow)
        study.versions = {**study.versions, "commit": "0123456789ab" + "c" * 28 + "+"}
    assert "0123456789ab+" in run("leaderboard", "show", 1).out


@pytest.mark.parametrize("command", [("show", 1), ("show", 2)])
@pytest.mark.usefixtures("pair")
def test_on_eighty_columns_no_table_is_broken(terminal, command):
    lines = terminal(80, "leaderboard", *command).splitlines()
    tables = [line for line in lines if "  " in line]  # sentences have single spaces
    assert len(tables) > 20
    assert [line for line in tables if len(line) > 80] == []


def test_rescoring_changes_nothing_and_corrects_what_was_changed(run, finished, copied):
    database = copied(finished)
    before = run("leaderboard", "--format", "json").out
    assert re.findall(r"\d+", run("leaderboard", "rescore").out) == ["1", "0"]
    assert run("leaderboard", "--format", "json").out == before
    with database.session() as session:
        query = session.query(ScoreRow).filter_by(evidence="holdout", metric="uar")
        query.join(StudyRow, StudyRow.system_id == ScoreRow.system_id).one().value = 0.99
    assert '"uar": 0.99' in run("leaderboard", "--format", "json").out
    changed, counts = run("leaderboard", "rescore").out.splitlines()
    assert re.match(r"entry 1: uar\b", changed)
    assert re.findall(r"\d+", counts) == ["1", "1"]
    assert run("leaderboard", "--format", "json").out == before


def test_a_deleted_entry_is_gone_with_its_studies_and_networks(run, finished, copied, tmp_path):
    copied(finished)
    assert list((tmp_path / "serbench-artifacts").glob("*.safetensors"))
    assert error_of(run("leaderboard", "delete", 1), 2), "nobody can be asked"
    assert run("leaderboard", "delete", 1, "--yes").code == 0
    assert run("leaderboard", "--format", "json").out == "[]\n"
    assert run("study", "list", "--format", "json").out == "[]\n"
    assert not list((tmp_path / "serbench-artifacts").glob("*.safetensors"))
    assert "1" in error_of(run("leaderboard", "show", 1), 2)
    assert "1" in error_of(run("leaderboard", "delete", 1, "--yes"), 2)
