"""``serbench study``: run, list, show."""

import json
import re

import pytest
from refusals import error_of

from serbench.data.clips import ClipFormat
from serbench.errors import SerbenchError
from serbench.run.options import StudyOptions

PAPER = """
backbone = "homebrew"
protocol = "speaker-3"
trials = 7
epochs = 4
batch_size = 8
timeout = 60.0
weights = "none"
"""


@pytest.fixture
def planned(run, finished, monkeypatch):
    """``planned("--seed", "3")`` is the plan that ``study run`` would carry out."""
    plans = []

    def no_study(plan, *_, **__):
        plans.append(plan)
        raise SerbenchError("planned")

    def plan_of(*arguments):
        monkeypatch.setattr("serbench.run.call.drive_study", no_study)
        ran = run("study", "run", *arguments, "--db", finished.db)
        assert ran.err.endswith("error: planned\n"), ran.err
        return plans.pop()

    return plan_of


@pytest.fixture
def study_file(tmp_path):
    """A study file, much as in the paper."""
    path = tmp_path / "paper.toml"
    path.write_text(PAPER)
    return path


def test_a_run_prints_a_line_for_each_fold_and_trial(finished):
    lines = finished.err.splitlines()
    for fact in ("36 clips", "fp32, channels-last, 1 thread", "30 clips", "6 clips in the holdout"):
        assert sum(fact in line for line in lines) == 1, fact
    for trial in (1, 2):
        for fold in (1, 2):
            pattern = rf"trial {trial}/2 fold {fold}/2: UA \d+\.\d after 2 epochs \(\d+ s\)"
            assert sum(bool(re.fullmatch(pattern, line)) for line in lines) == 1
        pattern = rf"trial {trial}/2: mean UA \d+\.\d, best so far \d+\.\d"
        assert sum(bool(re.fullmatch(pattern, line)) for line in lines) == 1


def test_a_run_names_the_format_of_its_clips_once(run, finished):
    [line] = [line for line in finished.err.splitlines() if line.startswith("clips: ")]
    assert {"0.5", "16,000", "rms", "reflect", "36"} <= set(line.split())
    assert "0 of 36" in line
    [row] = json.loads(run("leaderboard", "--format", "json", "--db", finished.db).out)
    shown = json.loads(run("study", "show", 1, "--format", "json", "--db", finished.db).out)
    clip_format = {"seconds": 0.5, "sample_rate": 16_000, "level": "rms", "padding": "reflect"}
    assert {name: row[name] for name in clip_format} == clip_format
    assert shown["plan"]["clip_format"] == clip_format
    for page in (("leaderboard", "show", 1), ("study", "show", 1)):
        assert "0.5 s, 16,000 Hz, rms, reflect" in run(*page, "--db", finished.db).out, page


def test_clips_are_as_asked_for(planned):
    asked = ("--seconds", 1.25, "--sample-rate", 22_050, "--level", "ebu", "--padding", "zeros")
    plan = planned("--backbone", "homebrew", *asked)
    assert plan.clip_format == ClipFormat(22_050, 1.25, "ebu", "zeros")


@pytest.mark.parametrize(
    "asked", [("--seconds", 0.1), ("--seconds", 61), ("--sample-rate", 100), ("--level", "loud")]
)
def test_clips_that_no_network_could_use_are_refused(run, finished, asked):
    ran = run("study", "run", "--backbone", "homebrew", *asked, "--db", finished.db)
    assert ran.code == 2
    assert asked[0] in ran.err


def test_a_run_ends_with_the_scores_of_its_entry(run, finished):
    [row] = json.loads(run("leaderboard", "--format", "json", "--db", finished.db).out)
    result, gain = finished.out.splitlines()
    assert result.startswith("entry 1: homebrew on tiny, speaker-2:holdout: ")
    for name in ("uar", "accuracy", "cv_uar_mean", "cv_uar_sd"):
        assert f"{100 * row[name]:.1f}" in result
    assert f"{row['latency_ms_p90']:.1f} ms" in result
    shown = json.loads(run("study", "show", 1, "--format", "json", "--db", finished.db).out)
    assert gain == shown["entry"]["gain"]["sentence"]


def test_a_run_without_a_holdout_tests_everybody_and_trains_a_last_network(run, all_tested):
    lines = all_tested.err.splitlines()
    assert [line for line in lines if "36 clips in the search" in line]
    assert not [line for line in lines if "clips in the holdout" in line]
    [row] = json.loads(run("leaderboard", "--format", "json", "--db", all_tested.db).out)
    assert (row["evidence"], row["speakers"], row["holdout_looks"]) == ("corrected_cv", 6, 0)
    shown = json.loads(run("leaderboard", "show", 1, "--format", "json", "--db", all_tested.db).out)
    assert sum(map(sum, shown["confusion"])) == 36
    assert {each["clips"] for each in shown["by_speaker"]} == {6}
    page = run("leaderboard", "show", 1, "--db", all_tested.db)
    assert page.code == 0
    assert not [line for line in page.out.splitlines() if "holdout" in line]
    trials = json.loads(run("study", "show", 1, "--format", "json", "--db", all_tested.db).out)
    last = [f for t in trials["trials"] for f in t["folds"] if f["fold"] == "last"]
    assert [each["uar"] for each in last] == [None]


@pytest.mark.usefixtures("untrained")
def test_a_finished_study_without_a_holdout_run_again_is_only_reported(run, all_tested):
    ran = run(*all_tested.arguments, "--db", all_tested.db)
    assert ran.code == 0
    assert ran.out == all_tested.out


@pytest.mark.usefixtures("untrained")
def test_a_finished_study_run_again_is_only_reported(run, finished):
    ran = run(*finished.arguments, "--db", finished.db)
    assert ran.code == 0
    assert ran.out == finished.out
    assert len(json.loads(run("study", "list", "--format", "json", "--db", finished.db).out)) == 1


def test_a_finished_study_run_again_neither_prepares_clips_nor_starts_workers(
    run, finished, monkeypatch
):
    for place in ("prepare_clips", "settle_compute"):
        monkeypatch.setattr(f"serbench.run.study.{place}", lambda *_, **__: pytest.fail("called"))
    monkeypatch.setattr("serbench.execute.processes._Worker", lambda *_: pytest.fail("started"))
    monkeypatch.setenv("SERBENCH_EXECUTOR", "processes")
    ran = run(*finished.arguments, "--db", finished.db)
    assert (ran.code, ran.out) == (0, finished.out)


def test_the_only_dataset_need_not_be_named(planned):
    assert planned("--backbone", "homebrew").dataset == "tiny"


def test_without_options_the_plan_has_the_defaults(planned):
    plan = planned("--backbone", "homebrew")
    assert (plan.front_end, plan.schedule, plan.protocol) == ("mel", "half-cycle", "speaker-5")
    assert (plan.trials, plan.epochs, plan.batch_size, plan.seed) == (10, 100, 32, 0)
    assert (plan.timeout, plan.weights) == (None, "default")
    assert plan.clip_format == ClipFormat(16_000, 0.5, "rms", "reflect")
    assert set(plan.augmentations) >= {"time-shift", "time-mask", "frequency-mask"}


def test_a_study_file_sets_what_the_command_line_does_not(planned, study_file):
    plan = planned("--study", study_file)
    assert (plan.backbone, plan.protocol, plan.weights) == ("homebrew", "speaker-3", "none")
    assert (plan.trials, plan.epochs, plan.batch_size, plan.timeout) == (7, 4, 8, 60.0)
    assert plan.schedule == "half-cycle"


def test_options_on_the_command_line_come_before_the_study_file(planned, study_file):
    plan = planned(
        *("--study", study_file, "--trials", "2", "--protocol", "random-2@5", "--timeout", "9"),
        *("--batch-size", "16", "--front-end", "logmel", "--schedule", "cosine", "--seed", "0"),
    )
    assert (plan.trials, plan.protocol, plan.timeout) == (2, "random-2@5", 9.0)
    assert (plan.batch_size, plan.front_end, plan.schedule) == (16, "logmel", "cosine")
    assert plan.epochs == 4


@pytest.mark.parametrize(
    ("option", "field", "value"),
    [
        (("--protocol", "loso", "--nested", "3"), "protocol", "loso:nested-3"),
        (("--minutes", "2"), "timeout", 120.0),
        (("--head", "linear"), "head", "linear"),
        (("--objective", "cross-entropy"), "objective", "cross-entropy"),
        (("--precision", "bf16"), "precision", "bf16"),
        (("--threads", "3"), "threads", 3),
        (("--exhaustive",), "exhaustive", True),
        (("--augmentations", "noise, gain"), "augmentations", ("noise", "gain")),
        (("--augmentations", "none"), "augmentations", ()),
    ],
)
def test_an_option_of_the_command_line_is_in_the_plan(planned, option, field, value):
    assert getattr(planned("--backbone", "homebrew", *option), field) == value


def test_every_option_of_a_study_is_explained_on_the_command_line(run):
    shown = run("study", "run", "--help").out
    for name in StudyOptions.model_fields.keys() - {"search"}:
        assert f"--{name.replace('_', '-')}" in shown


def test_a_nested_search_in_a_file_may_be_given_otherwise_on_the_command_line(planned, study_file):
    study_file.write_text(f"{PAPER}nested = 2\n")
    assert planned("--study", study_file).protocol == "speaker-3:nested-2"
    assert planned("--study", study_file, "--nested", "4").protocol == "speaker-3:nested-4"


def test_more_folds_than_speakers_are_refused_before_training(run, finished):
    command = ["study", "run", "--backbone", "homebrew", "--protocol", "speaker-9:holdout"]
    assert "9" in error_of(run(*command, "--db", finished.db), 1)


def test_of_several_datasets_one_must_be_named(run, tiny_corpus):
    for name in ("one", "two"):
        run("corpus", "scan", tiny_corpus, "--dataset", name)
    line = error_of(run("study", "run", "--backbone", "homebrew"), 2)
    assert "--dataset" in line
    assert "one" in line
    assert "two" in line


@pytest.mark.usefixtures("quick")
def test_with_nothing_scanned_the_demo_corpus_is_made_and_marked_as_synthetic(run, tmp_path):
    command = ["--backbone", "homebrew", "--trials", "1", "--epochs", "1", "--batch-size", "64"]
    ran = run("study", "run", *command, "--protocol", "speaker-2:holdout")
    assert ran.code == 0, ran.err
    assert "espeak-ng" in ran.err
    assert "240 clips" in ran.err
    assert ran.out.startswith("entry 1: homebrew on demo, synthetic speech")
    assert "demo (synthetic speech) [" in run("leaderboard").out
    assert "demo (synthetic)" in run("corpus", "list").out
    [row] = json.loads(run("leaderboard", "--format", "json").out)
    assert row["synthetic"] is True
    assert len(list((tmp_path / "cache" / "corpora" / "demo").glob("*.wav"))) == 240
