"""``serbench recommend`` and ``serbench leaderboard compare``, on entries without trainings."""

import json
import re

import pytest
from making.entries import NESTED, add_entry
from refusals import error_of

from serbench.store.database import Database
from serbench.store.systems import Systems

LATENCIES = (8.0, 4.0, 2.0)


@pytest.fixture(scope="module")
def filled(tmp_path_factory, made):
    """A database with three entries under the nested protocol: the most accurate is the slowest."""
    file = tmp_path_factory.mktemp("recommended") / "serbench.db"
    database = Database(f"sqlite:///{file}")
    for seed, (skill, p90) in enumerate(zip((2.0, 1.9, 0.2), LATENCIES, strict=True)):
        entry = add_entry(database, made, made.manifest(takes=8), skill, seed, NESTED)
        Systems(database).save_latency(entry, made.machine, made.latency(p90=p90))
    database.engine.dispose()
    return file


@pytest.fixture
def answer(run, filled):
    """``answer("--margin", 3)`` is the recommendation as data."""

    def as_data(*options):
        ran = run("recommend", *options, "--format", "json", "--db", filled)
        assert ran.code == 0, ran.err
        return json.loads(ran.out, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))

    return as_data


def cells(line):
    return re.split(r"\s{2,}", line.strip())


def test_the_text_is_the_sentences_of_the_data(run, filled, answer):
    found = answer()
    assert run("recommend", "--db", filled).out.splitlines() == found["sentences"]
    assert all(each.endswith(".") for each in found["sentences"])
    assert f"entry {found['entry']} " in found["sentences"][0]


def test_a_margin_of_100_points_takes_the_fastest(answer):
    found = answer("--margin", 100)
    assert (found["entry"], found["decided"], found["margin"]) == (3, True, 100)


def test_bounds_leave_out_what_is_too_slow(answer):
    found = answer("--max-latency-ms", 4)
    assert (found["entry"], found["compared"]) == (2, 2)
    assert len(found["left_out"]) == 1


def test_without_an_entry_under_the_bound_none_is_recommended(answer):
    found = answer("--max-latency-ms", 1)
    assert (found["entry"], found["recommended"], found["compared"]) == (None, None, 0)
    assert "entry 3 " in " ".join(found["sentences"])
    assert answer("--max-size-mb", 0.01)["entry"] is None


@pytest.mark.parametrize(
    "options",
    [
        ("--margin", "-1"),
        ("--margin", "101"),
        ("--margin", "nan"),
        ("--max-latency-ms", "0"),
        ("--max-latency-ms", "nan"),
        ("--max-size-mb", "-3"),
        ("--threads", "0"),
    ],
    ids=" ".join,
)
def test_numbers_outside_of_their_bounds_are_errors(run, filled, options):
    ran = run("recommend", *options, "--db", filled)
    assert (ran.code, ran.out) == (2, "")
    assert options[1] in ran.err


@pytest.mark.parametrize(
    "options",
    [
        ("--dataset", "other"),
        ("--protocol", "speaker-7"),
        ("--runtime", "eagr"),
        ("--threads", "7"),
    ],
    ids=" ".join,
)
def test_unknown_names_are_errors(run, filled, options):
    ran = run("recommend", *options, "--db", filled)
    assert ran.code != 0
    assert options[1] in error_of(ran, ran.code)


def test_entries_of_several_protocols_need_a_name(run, filled, made, tmp_path):
    (tmp_path / "serbench.db").write_bytes(filled.read_bytes())
    database = Database(f"sqlite:///{tmp_path / 'serbench.db'}")
    add_entry(database, made, made.manifest(takes=8), 1.0, 7, "speaker-2:holdout")
    database.engine.dispose()
    line = error_of(run("recommend"), 2)
    assert "--protocol speaker-2:holdout#" in line
    assert f"--protocol {NESTED}#" in line
    named = json.loads(run("recommend", "--protocol", NESTED, "--format", "json").out)
    assert named["compared"] == 3


@pytest.mark.usefixtures("scanned")
def test_without_entries_a_study_is_asked_for(run):
    assert "serbench study run" in error_of(run("recommend"), 2)


def test_a_comparison_has_a_line_for_each_entry_and_each_pair(run, filled):
    compare = ("leaderboard", "compare", 3, 1, 2, "--db", filled)
    found = json.loads(run(*compare, "--format", "json").out)
    title, header, *lines = run(*compare).out.splitlines()
    assert title.strip().startswith(found["protocol_id"])
    assert cells(header)[:3] == ["entry", "backbone", "UA"]
    for line, each in zip(lines, found["entries"], strict=False):
        assert cells(line)[:3] == [str(each["entry"]), each["backbone"], f"{100 * each['uar']:.1f}"]
    shown = [cells(line)[:5] for line in lines]
    assert len(found["pairs"]) == 3
    for pair in found["pairs"]:
        uar = pair["differences"]["uar"]
        low, high = uar["interval"]
        assert [
            *(str(pair["first"]), str(pair["second"]), f"{100 * uar['difference']:+.1f}"),
            *(f"{100 * low:+.1f} to {100 * high:+.1f}", f"{uar['p']:.3f}"),
        ] in shown
    assert set(found["verdict"]) <= set(lines)
    assert "4 speakers" in lines[-2]


@pytest.mark.parametrize("numbers", [(1,), (1, 1), (1, 9)])
def test_a_comparison_needs_two_entries(run, filled, numbers):
    error_of(run("leaderboard", "compare", *numbers, "--db", filled), 2)


@pytest.mark.parametrize("command", [("recommend",), ("leaderboard",)])
def test_on_eighty_columns_no_line_is_longer(terminal, filled, command):
    assert all(len(line) <= 80 for line in terminal(80, *command, "--db", filled).splitlines())


def test_the_leaderboard_shows_ranks_and_probabilities(run, filled):
    rows = json.loads(run("leaderboard", "--format", "json", "--db", filled).out)
    assert sum(row["best"] for row in rows) == pytest.approx(1)
    _, header, *lines = run("leaderboard", "--db", filled).out.splitlines()
    assert cells(header)[:3] == ["#", "ranks", "best"]
    for line, row in zip(lines, rows, strict=False):
        first, last = row["rank_ci"]
        ranks = str(first) if first == last else f"{first}–{last}"
        assert cells(line)[:3] == [str(row["rank"]), ranks, f"{100 * row['best']:.1f}"]


@pytest.mark.usefixtures("scanned", "quick")
def test_a_learning_curve_trains_on_fewer_speakers(run):
    """Each of three folds has four training speakers; a quarter of them is too few."""
    study = ("--backbone", "homebrew", "--dataset", "tiny", "--trials", 1, "--epochs", 1)
    ran = run("study", "run", *study, "--protocol", "speaker-3")
    assert ran.code == 0, ran.err
    ran = run("recommend", "--learning-curve", "--format", "json")
    assert ran.code == 0, ran.err
    found = json.loads(ran.out)
    half, most, every = found["learning_curve"]
    assert [point["speakers"] for point in (half, most, every)] == [2.0, 3.0, 4.0]
    assert every["gain"]["difference"] == pytest.approx(every["uar"] - most["uar"])
    assert any("training speakers" in each for each in found["sentences"])
