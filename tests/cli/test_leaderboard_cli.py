"""``serbench leaderboard``: every format, every width."""

import csv
import io
import json
import re
from dataclasses import replace

import pytest
from refusals import error_of

import serbench.views.ranking

RECIPE = ["front end", "schedule", "weights", "compute settings"]
NUMBERS = ["tuning UA", "optimism", "p90 ms", "params", "MACs"]
SCORES = ["UA", "95 % CI", "WA", "macro-F1", "ECE", "log loss", "AUC"]
HEADER = ["#", "ranks", "best", "front", "entry", "backbone", *RECIPE, *SCORES, *NUMBERS]


def cells(line):
    return re.split(r"\s{2,}", line.strip())


@pytest.fixture
def show(run, finished):
    """``show("--format", "csv")`` is the leaderboard of the finished study."""
    return lambda *options: run("leaderboard", *options, "--db", finished.db)


@pytest.fixture
def row(show):
    """Its only row, as JSON has it."""
    [found] = json.loads(show("--format", "json").out)
    return found


@pytest.mark.parametrize("format_", ["table", "markdown"])
@pytest.mark.usefixtures("scanned")
def test_before_any_entry_the_command_is_named(run, format_):
    ran = run("leaderboard", "--format", format_)
    assert ran.code == 0
    assert "serbench study run" in ran.err


@pytest.mark.usefixtures("scanned")
def test_before_any_entry_the_data_are_empty(run):
    assert run("leaderboard", "--format", "json").out == "[]\n"
    assert run("leaderboard", "--format", "csv").out.strip() == ""


def test_a_table_has_a_title_a_header_and_a_line_for_each_entry(show, row):
    title, header, line, *_ = show().out.splitlines()
    assert title.startswith(f"tiny [{row['dataset_hash'][:8]}] · {row['protocol_id']}")
    assert f"{row['machine']} · eager (fp32, {row['libraries']}), clips of 0.5 s" in title
    assert title.strip().endswith("1 thread")
    assert cells(header) == HEADER
    assert cells(line)[:9] == ["1", "1", "100.0", "●", "1", "homebrew", "mel", "half-cycle", "none"]
    assert cells(line)[-3] == "4.0"
    assert re.fullmatch(r"2\d\.\dk 4\.\dM", " ".join(cells(line)[-2:]))


def test_json_is_a_list_of_flat_rows(row):
    assert row["entry"] == row["rank"] == 1
    assert row["front"] == "on the front"
    assert (row["speakers"], row["uar_ci"]) == (1, None)  # one person shows no spread
    assert row["optimism"] == row["cv_uar_mean"] - row["uar"]
    assert row["backbone"] == "homebrew"
    assert 0 <= row["uar"] <= 1
    assert (row["latency_ms_p50"], row["latency_ms_p90"], row["threads"]) == (3.0, 4.0, 1)
    assert not any(isinstance(value, dict) for value in row.values())


def test_json_has_the_keys_that_others_rely_on(row):
    keys = (
        "entry, backbone, front_end, schedule, weights, dataset, protocol, protocol_id, speakers, "
        "uar, uar_ci, accuracy, accuracy_ci, macro_f1, cv_uar_mean, cv_uar_sd, latency_ms_p50, "
        "latency_ms_p90, runtime, threads, machine, params, macs, front"
    )
    assert set(keys.split(", ")) <= row.keys()


def test_csv_holds_what_json_holds(show, row):
    [line] = csv.DictReader(io.StringIO(show("--format", "csv").out))
    for name, value in row.items():
        if name.endswith("_ci"):
            low, high = value or ("", "")
            assert (line[f"{name}_low"], line[f"{name}_high"]) == (str(low), str(high))
        elif name in ("pretrained_on", "known_speakers"):
            assert (value, line[name]) in (([], "none"), ([], ""))
        else:
            assert line[name] == ("" if value is None else str(value))


def test_markdown_is_a_table_that_can_be_pasted(show):
    title, gap, header, rule, line, *_ = show("--format", "markdown").out.splitlines()
    assert title.startswith("**tiny \\[")
    assert title.endswith("**")
    assert gap == ""
    names = [cell.strip() for cell in header.split("|")[1:-1]]
    assert names == HEADER
    assert line.count("|") == header.count("|") == rule.count("|")


def test_the_scores_are_shown_in_per_cent_and_losses_as_they_are(show, row):
    shown = dict(zip(HEADER, cells(show().out.splitlines()[2]), strict=True))
    assert shown["compute settings"] == row["compute_settings"]
    assert shown["UA"] == f"{100 * row['uar']:.1f}"
    assert shown["95 % CI"] == "–"
    assert shown["WA"] == f"{100 * row['accuracy']:.1f}"
    assert shown["log loss"] == f"{row['log_loss']:.3f}"
    assert shown["tuning UA"] == f"{100 * row['cv_uar_mean']:.1f} ± {100 * row['cv_uar_sd']:.1f}"
    assert shown["optimism"] == f"{100 * row['optimism']:+.1f}"


def test_metrics_are_chosen_by_name(show):
    header = cells(show("--metric", "macro_f1", "--metric", "uar").out.splitlines()[1])
    assert [name for name in header if name in SCORES] == ["macro-F1", "95 % CI", "UA"]
    assert "uar" in error_of(show("--metric", "ua"), 2)


def test_the_interval_over_clips_is_named_for_what_it_is(show):
    assert "95 % CI, clips" not in show().out
    assert "95 % CI, clips" in show("--per-clip-intervals").out


def test_a_protocol_may_be_named_in_full_or_by_its_rule(show, row):
    for name in ("speaker-2:holdout", row["protocol_id"]):
        assert show("--protocol", name).out == show().out
    assert json.loads(show("--protocol", "random-5:holdout", "--format", "json").out) == []
    assert "random-5:holdout" in show("--protocol", "random-5:holdout").out


def test_thread_counts_are_ranked_apart(show):
    rows = json.loads(show("--threads", "all", "--format", "json").out)
    assert [row["rank"] for row in rows] == [1] * len(rows)
    assert len({row["threads"] for row in rows}) == len(rows) >= 1
    titles = [line for line in show("--threads", "all").out.splitlines() if "eager" in line]
    assert len(titles) == len(rows)


def test_a_thread_count_that_was_not_measured_is_not_called_an_empty_leaderboard(show):
    assert "999" in show("--threads", "999").out


@pytest.mark.parametrize("threads", ["-1", "many", "1.5"])
def test_threads_are_a_number_or_all(show, threads):
    ran = show("--threads", threads)
    assert ran.code == 2
    assert threads in ran.err


def test_only_entries_on_the_named_dataset_are_ranked(show):
    assert show("--dataset", "tiny").out == show().out


def test_an_unknown_dataset_gets_the_nearest(show):
    assert "tiny" in error_of(show("--dataset", "tinny"), 2)


def test_an_unknown_format_is_a_usage_error(show):
    ran = show("--format", "excel")
    assert ran.code == 2
    assert "excel" in ran.err


def test_on_eighty_columns_an_entry_is_one_line_with_its_scores(terminal, finished, row):
    lines = terminal(80, "leaderboard", "--db", finished.db).splitlines()
    assert all(len(line) <= 80 for line in lines)
    [header] = [place for place, line in enumerate(lines) if line.strip().startswith("# ")]
    names = cells(lines[header])
    assert [name for name in names if name not in ("ranks", "best")][:6] == [
        *("#", "front", "entry", "backbone", "UA", "95 % CI"),
    ]
    assert "optimism" in names
    assert "MACs" not in names
    assert cells(lines[header + 1])[names.index("UA")] == f"{100 * row['uar']:.1f}"


ABLATED = {
    "seed": (3, 4),
    "epochs": (10, 100),
    "batch_size": (8, 32),
    "head": ("linear", "mean-sd"),
    "objective": ("cross-entropy", "focal"),
    "augmentations": ("none", "gain"),
}


@pytest.mark.parametrize("option", ABLATED)
@pytest.mark.parametrize("values", [0, 1, 2])
def test_a_column_of_an_option_is_there_where_entries_differ_in_it(
    run, finished, monkeypatch, option, values
):
    """An import, which has no such option, does not count."""
    without = "" if isinstance(ABLATED[option][0], str) else None

    def several(*arguments, **named):
        [ranking] = rankings(*arguments, **named)
        [row] = ranking.rows
        changed = [replace(row, **{option: value}) for value in ABLATED[option][:values]]
        return [replace(ranking, rows=[*changed, replace(row, **{option: without})])]

    rankings = serbench.views.ranking.rankings
    monkeypatch.setattr(serbench.views.ranking, "rankings", several)
    header = cells(run("leaderboard", "--db", finished.db).out.splitlines()[1])
    others = {name.replace("_", " ") for name in ABLATED} & set(header)
    assert others == ({option.replace("_", " ")} if values == 2 else set())


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize(
    "options",
    [
        ("seed", "epochs", "batch_size", "head", "level"),
        ("front_end", "schedule", "head", "objective", "augmentations"),
    ],
)
def test_a_table_of_five_differing_options_fits_and_shows_all_of_them(
    terminal, finished, monkeypatch, width, options
):
    values = {
        **ABLATED,
        "seed": (31415, 27182),
        "epochs": (1234, 4321),
        "batch_size": (8192, 16384),
        "level": ("rms", "ebu"),
        "front_end": ("mel-of-a-plugin", "mfcc-of-a-plugin"),
        "schedule": ("half-cycle", "one-cycle"),
    }

    def several(*arguments, **named):
        [ranking] = rankings(*arguments, **named)
        [row] = ranking.rows
        changes = [{name: values[name][place] for name in options} for place in (0, 1)]
        return [replace(ranking, rows=[replace(row, **each) for each in changes])]

    rankings = serbench.views.ranking.rankings
    monkeypatch.setattr(serbench.views.ranking, "rankings", several)
    lines = terminal(width, "leaderboard", "--db", finished.db).splitlines()
    assert max(map(len, lines)) <= width
    shown = "".join("".join(lines).split())
    for name in options:
        assert all(str(value) in shown for value in values[name])


@pytest.mark.parametrize(("width", "shown"), [(80, True), (48, False)])
def test_the_legend_explains_optimism_only_where_its_column_is_shown(
    terminal, finished, width, shown
):
    lines = terminal(width, "leaderboard", "--db", finished.db).splitlines()
    [header] = [line for line in lines if line.strip().startswith("# ")]
    assert ("optimism" in cells(header)) is shown
    assert ("optimism: " in " ".join(lines)) is shown
