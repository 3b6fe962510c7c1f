"""``serbench leaderboard``: every format, every width."""

import csv
import io
import json
import re

import pytest

HEADER = ["#", "front", "entry", "backbone", "front end", "schedule", "weights", "trained with"]
NUMBERS = ["UA", "95 %", "WA", "tuning UA", "optimism", "p90 ms", "params", "MACs"]


def cells(line):
    return re.split(r"\s{2,}", line.strip())


@pytest.fixture
def show(run, finished):
    """``show("--format", "csv")`` is the leaderboard of the finished study."""
    return lambda *options: run("leaderboard", *options, "--db", finished.db)


def test_before_any_entry_the_command_is_named(run):
    ran = run("leaderboard")
    assert (ran.code, ran.out) == (0, "no entries yet: serbench study run --backbone homebrew\n")
    assert run("leaderboard", "--format", "json").out == "[]\n"
    assert run("leaderboard", "--format", "markdown").out == ran.out


def test_before_any_entry_a_csv_file_is_its_header(run):
    [header] = csv.reader(io.StringIO(run("leaderboard", "--format", "csv").out))
    assert header[:3] == ["entry", "rank", "front"]


def test_a_table_has_a_title_a_header_and_a_line_for_each_entry(show):
    title, header, line, _, *legend = show().out.splitlines()
    assert re.match(
        r"tiny \[[0-9a-f]{8}\] · speaker-2#[0-9a-f]{8} · .+ · eager, 1 thread$", title.strip()
    )
    assert cells(header) == HEADER + NUMBERS
    assert cells(line)[:7] == ["1", "●", "1", "homebrew", "mel", "half-cycle", "none"]
    assert cells(line)[-3] == "4.0"
    assert re.fullmatch(r"2\d\.\dk 4\.\dM", " ".join(cells(line)[-2:]))
    assert "● on it" in legend[0]


def test_json_is_a_list_of_flat_rows(show):
    [row] = json.loads(show("--format", "json").out)
    assert row["entry"] == row["rank"] == 1
    assert row["front"] == "on the front"
    assert (row["speakers"], row["uar_ci"]) == (1, None)  # one person shows no spread
    assert row["optimism"] == row["cv_uar_mean"] - row["uar"]
    assert row["backbone"] == "homebrew"
    assert 0 <= row["uar"] <= 1
    assert (row["latency_ms_p50"], row["latency_ms_p90"], row["threads"]) == (3.0, 4.0, 1)
    assert not any(isinstance(value, dict) for value in row.values())


def test_csv_holds_what_json_holds(show):
    [expected] = json.loads(show("--format", "json").out)
    [row] = csv.DictReader(io.StringIO(show("--format", "csv").out))
    for metric in ("uar", "accuracy", "macro_f1"):
        assert expected.pop(f"{metric}_ci") is None
        expected |= {f"{metric}_ci_low": "", f"{metric}_ci_high": ""}
    low, high = expected.pop("cv_uar_ci")
    expected |= {"cv_uar_ci_low": low, "cv_uar_ci_high": high}
    assert row == {name: str(value) for name, value in expected.items()}


def test_markdown_is_a_table_that_can_be_pasted(show):
    title, gap, header, rule, line, *_ = show("--format", "markdown").out.splitlines()
    assert title.startswith("**tiny [")
    assert title.endswith("**")
    assert gap == ""
    assert [cell.strip() for cell in header.split("|")[1:-1]] == HEADER + NUMBERS
    assert [cell.strip() for cell in rule.split("|")[1:-1]].count("---:") == 10
    assert line.count("|") == header.count("|") == rule.count("|")


def test_the_scores_are_shown_in_per_cent(show):
    [row] = json.loads(show("--format", "json").out)
    shown = cells(show().out.splitlines()[2])
    assert shown[7] == row["compute_settings"]
    assert shown[8] == f"{100 * row['uar']:.1f}"
    assert shown[9] == "–"
    assert shown[10] == f"{100 * row['accuracy']:.1f}"
    assert shown[11] == f"{100 * row['cv_uar_mean']:.1f} ± {100 * row['cv_uar_sd']:.1f}"
    assert shown[12] == f"{100 * row['optimism']:+.1f}"


def test_the_interval_over_clips_is_named_for_what_it_is(show):
    assert "95 % of clips" not in show().out
    said = show("--per-clip-intervals").out
    assert "95 % of clips" in said
    assert "too narrow for new people" in said


def test_a_protocol_may_be_named_in_full_or_by_its_rule(show):
    [row] = json.loads(show("--format", "json").out)
    for name in ("speaker-2", row["protocol_id"]):
        assert show("--protocol", name).out == show().out
    assert "no entries under random-5" in show("--protocol", "random-5").out


def test_thread_counts_are_ranked_apart(show):
    rows = json.loads(show("--threads", "all", "--format", "json").out)
    assert [row["rank"] for row in rows] == [1] * len(rows)
    assert len({row["threads"] for row in rows}) == len(rows) >= 1
    titles = [line for line in show("--threads", "all").out.splitlines() if "eager" in line]
    assert len(titles) == len(rows)


def test_a_thread_count_that_was_not_measured_is_not_called_an_empty_leaderboard(show):
    ran = show("--threads", "999")
    assert ran.out == "nothing was measured on 999 threads: --threads all shows what was\n"


@pytest.mark.parametrize("threads", ["-1", "many", "1.5"])
def test_threads_are_a_number_or_all(show, threads):
    ran = show("--threads", threads)
    assert ran.code == 2
    assert f"'{threads}' is neither a number nor 'all'" in ran.err


def test_only_entries_on_the_named_dataset_are_ranked(run, show, finished):
    assert show("--dataset", "tiny").out == show().out


def test_an_unknown_dataset_gets_the_nearest(show):
    ran = show("--dataset", "tinny")
    assert (ran.code, ran.err) == (2, "error: unknown dataset 'tinny': did you mean tiny?\n")


def test_an_unknown_format_is_a_usage_error(show):
    ran = show("--format", "excel")
    assert ran.code == 2
    assert "'excel' is not one of" in ran.err


def test_on_eighty_columns_an_entry_is_one_line_with_its_scores(terminal, finished, show):
    [row] = json.loads(show("--format", "json").out)
    lines = terminal(80, "leaderboard", "--db", finished.db).splitlines()
    assert all(len(line) <= 80 for line in lines)
    [header] = [place for place, line in enumerate(lines) if line.strip().startswith("# ")]
    names = cells(lines[header])
    assert names[:6] == ["#", "front", "entry", "backbone", "UA", "95 %"]
    assert "optimism" in names
    assert "MACs" not in names
    assert cells(lines[header + 1])[4] == f"{100 * row['uar']:.1f}"
