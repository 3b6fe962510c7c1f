"""``serbench study``: run, list, show."""

import json
import re
from functools import partial

import pytest

from serbench.builtin.mfcc import Mfcc
from serbench.data.clips import ClipFormat
from serbench.errors import SerbenchError

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
        monkeypatch.setattr("serbench.run.study.drive_study", no_study)
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


def test_a_run_says_what_it_does_fold_by_fold(finished):
    lines = finished.err.splitlines()
    assert lines[1:4] == [
        "36 clips prepared",
        "training with fp32, channels-last, 1 thread",
        "homebrew · mel · half-cycle · speaker-2 on tiny: 2 trials × 2 folds, "
        "30 clips to search with, 6 for the holdout",
    ]
    for trial in (1, 2):
        for fold in (1, 2):
            pattern = rf"trial {trial}/2 fold {fold}/2: UA \d+\.\d after 2 epochs \(\d+ s\)"
            assert sum(bool(re.fullmatch(pattern, line)) for line in lines) == 1
        pattern = rf"trial {trial}/2: mean UA \d+\.\d, best so far \d+\.\d"
        assert sum(bool(re.fullmatch(pattern, line)) for line in lines) == 1


def test_a_run_ends_with_its_entry_and_what_to_do_next(finished):
    number = r"\d+\.\d"
    assert re.search(
        rf"^entry 1: homebrew on tiny, speaker-2: UA {number}, WA {number} on the holdout, "
        rf"UA {number} ± {number} over the folds, {number} ms \(p90, one thread\)\n"
        r"(the search found nothing better than its|the winner gained .+ the) first trial, .*\n"
        r"now: serbench leaderboard\n\Z",
        finished.out,
        re.MULTILINE,
    )


def test_a_finished_study_run_again_is_only_reported(run, finished, monkeypatch):
    monkeypatch.setattr(
        "serbench.execute.fold.run_fold", lambda *_, line: pytest.fail("trained again")
    )
    ran = run(*finished.arguments, "--db", finished.db)
    assert ran.code == 0
    assert ran.out.splitlines() == finished.out.splitlines()[-3:]
    assert len(json.loads(run("study", "list", "--format", "json", "--db", finished.db).out)) == 1


def test_the_only_dataset_need_not_be_named(planned):
    assert planned("--backbone", "homebrew").dataset == "tiny"


def test_without_options_the_plan_is_the_papers(planned):
    plan = planned("--backbone", "homebrew")
    assert (plan.front_end, plan.schedule, plan.protocol) == ("mel", "half-cycle", "speaker-5")
    assert (plan.trials, plan.epochs, plan.batch_size, plan.seed) == (10, 100, 32, 0)
    assert (plan.timeout, plan.weights, plan.clip_format) == (None, "default", ClipFormat())
    assert set(plan.augmentations) >= {"time-shift", "time-mask", "frequency-mask"}


def test_a_study_file_sets_what_the_command_line_does_not(planned, study_file):
    plan = planned("--study", study_file)
    assert (plan.backbone, plan.protocol, plan.weights) == ("homebrew", "speaker-3", "none")
    assert (plan.trials, plan.epochs, plan.batch_size, plan.timeout) == (7, 4, 8, 60.0)
    assert plan.schedule == "half-cycle"


def test_a_nested_search_is_asked_for_on_the_command_line_or_in_a_file(planned, study_file):
    plan = planned("--backbone", "homebrew", "--protocol", "loso", "--nested", "3")
    assert (plan.protocol, plan.outer_fold) == ("loso:nested-3", 0)
    study_file.write_text(f"{PAPER}nested = 2\n")
    assert planned("--study", study_file).protocol == "speaker-3:nested-2"
    assert planned("--study", study_file, "--nested", "4").protocol == "speaker-3:nested-4"


def test_options_on_the_command_line_win_over_the_study_file(planned, study_file):
    plan = planned(
        *("--study", study_file, "--trials", "2", "--protocol", "random-2@5", "--timeout", "9"),
        *("--batch-size", "16", "--front-end", "logmel", "--schedule", "cosine", "--seed", "0"),
    )
    assert (plan.trials, plan.protocol, plan.timeout) == (2, "random-2@5", 9.0)
    assert (plan.batch_size, plan.front_end, plan.schedule) == (16, "logmel", "cosine")
    assert plan.epochs == 4


def test_a_front_end_with_a_rate_of_its_own_gets_clips_at_that_rate(planned, monkeypatch):
    monkeypatch.setattr("serbench.builtin.mfcc.Mfcc", partial(Mfcc, sample_rate=16_000))
    for front_end, rate in (("mfcc", 16_000), ("mel", ClipFormat().sample_rate)):
        plan = planned("--backbone", "homebrew", "--front-end", front_end)
        assert plan.clip_format.sample_rate == rate


def test_a_weights_file_is_kept_by_its_absolute_path(planned, tmp_path):
    plan = planned("--backbone", "homebrew", "--weights", "mine.pth")
    assert plan.weights == str(tmp_path / "mine.pth")


@pytest.mark.parametrize(
    ("options", "answer"),
    [
        ([], "which backbone? --backbone homebrew, or any timm name"),
        (["--backbone", "homebru"], "unknown backbone 'homebru': did you mean homebrew"),
        (["--front-end", "mal"], "unknown front end 'mal': did you mean mel"),
        (["--schedule", "half"], "unknown scheduler 'half': did you mean half-cycle"),
        (["--protocol", "speakers"], "unknown protocol 'speakers': did you mean speaker-5"),
        (["--protocol", "speaker-1"], "protocol 'speaker-1' has fewer than two folds"),
        (["--dataset", "tinny"], "unknown dataset 'tinny': did you mean tiny"),
        (["--study", "nowhere.toml"], "study file nowhere.toml: cannot be read"),
    ],
)
def test_a_mistake_is_a_usage_error_with_a_way_out(run, finished, options, answer):
    backbone = [] if not options or "--backbone" in options else ["--backbone", "homebrew"]
    ran = run("study", "run", *backbone, *options, "--db", finished.db)
    assert ran.code == 2
    assert ran.out == ""
    assert f"error: {answer}" in ran.err
    assert ran.err.count("\n") == 1


@pytest.mark.parametrize(
    "option",
    [("--trials", "0"), ("--epochs", "-1"), ("--batch-size", "1"), ("--timeout", "0")],
)
def test_numbers_out_of_range_are_refused(run, option):
    ran = run("study", "run", "--backbone", "homebrew", *option)
    assert ran.code == 2
    assert f"Invalid value for '{option[0]}'" in ran.err


def test_a_study_file_tells_all_its_mistakes_at_once(run, finished, study_file):
    study_file.write_text('backbone = "homebru"\ntrails = 3\nepochs = 0\n')
    ran = run("study", "run", "--study", study_file, "--db", finished.db)
    assert ran.code == 2
    for mistake in ("unknown backbone 'homebru'", "trails: no such configuration", "epochs: "):
        assert mistake in ran.err


def test_more_folds_than_speakers_are_refused_before_training(run, finished):
    command = ["study", "run", "--backbone", "homebrew", "--protocol", "speaker-9"]
    ran = run(*command, "--db", finished.db)
    assert ran.code == 1
    assert "6 speakers, 5 without the holdout, fewer than the 9 folds" in ran.err


def test_of_several_datasets_one_must_be_named(run, tiny_corpus):
    for name in ("one", "two"):
        run("corpus", "scan", tiny_corpus, "--dataset", name)
    ran = run("study", "run", "--backbone", "homebrew")
    assert ran.code == 2
    assert re.fullmatch(
        r"error: which dataset\? --dataset takes one of (one, two|two, one)\n", ran.err
    )


@pytest.mark.usefixtures("quick")
def test_with_nothing_scanned_the_demo_corpus_is_spoken_and_said_to_be_synthetic(run, tmp_path):
    command = ["--backbone", "homebrew", "--trials", "1", "--epochs", "1", "--batch-size", "64"]
    ran = run("study", "run", *command, "--protocol", "speaker-2")
    assert ran.code == 0, ran.err
    assert "nothing is scanned yet" in ran.err
    assert "using the demo corpus: synthetic speech, made here by espeak-ng" in ran.err
    assert "240 clips prepared" in ran.err
    assert "entry 1: homebrew on demo, synthetic speech, speaker-2: UA " in ran.out
    assert "demo (synthetic speech) [" in run("leaderboard").out
    assert "demo (synthetic)" in run("corpus", "list").out
    assert len(list((tmp_path / "cache" / "corpora" / "demo").glob("*.wav"))) == 240


def test_before_any_study_the_list_names_the_command(run):
    ran = run("study", "list")
    assert ran.out == "no studies yet: serbench study run --backbone homebrew\n"
    assert run("study", "list", "--format", "json").out == "[]\n"


def test_the_list_has_a_line_for_each_study(run, finished):
    header, line = run("study", "list", "--db", finished.db).out.splitlines()
    assert re.split(r"\s{2,}", header.strip()) == [
        *("study", "backbone", "front end", "schedule", "dataset", "protocol"),
        *("trials", "best UA", "state", "entry"),
    ]
    assert line.split()[:7] == ["1", "homebrew", "mel", "half-cycle", "tiny", "speaker-2", "2/2"]
    assert line.split()[-2:] == ["finished", "1"]
    [row] = json.loads(run("study", "list", "--format", "json", "--db", finished.db).out)
    assert f"{100 * row['best_mean_uar']:.1f}" == line.split()[7]
    assert (row["trials"], row["of"], row["entry"], row["state"]) == (2, 2, 1, "finished")


def test_a_study_is_shown_trial_by_trial(run, finished):
    shown = json.loads(run("study", "show", "1", "--format", "json", "--db", finished.db).out)
    lines = run("study", "show", "1", "--db", finished.db).out.splitlines()
    assert lines[0] == ("study 1 (finished): homebrew, mel, half-cycle, speaker-2 on tiny, seed 0")
    for trial, line in zip(shown["trials"], lines[2:4], strict=True):
        assert line.split()[:2] == [str(trial["trial"]), "complete"]
        uars = [f"{100 * fold['uar']:.1f}" for fold in trial["folds"] if fold["fold"] != "holdout"]
        assert line.split()[-2:] == uars
    entry = shown["entry"]
    assert lines[-2] == (
        f"entry 1: trial {entry['trial']} refitted, holdout UA {100 * entry['uar']:.1f} "
        f"WA {100 * entry['accuracy']:.1f}, weights none"
    )
    assert lines[-1] == entry["gain"]["sentence"]
    assert shown["machine"].keys() == {"cpu", "cores", "system"}


def test_the_first_trial_is_the_papers_configuration(run, finished):
    shown = json.loads(run("study", "show", "1", "--format", "json", "--db", finished.db).out)
    first, second = (trial["parameters"] for trial in shown["trials"])
    assert first["learning_rate"] == 0.001
    assert first["freeze_depth"] == 0
    assert first["width:time-shift"] == 0.3
    assert first != second


def test_an_unknown_study_is_a_usage_error(run, finished):
    ran = run("study", "show", "7", "--db", finished.db)
    assert (ran.code, ran.err) == (2, "error: no study 7: there are 1\n")


def test_on_eighty_columns_a_list_is_a_line_for_each_study(terminal, finished):
    header, line = terminal(80, "study", "list", "--db", finished.db).splitlines()
    assert max(len(header), len(line)) <= 80
    assert line.split()[:2] == ["1", "homebrew"]
    assert line.split()[-2:] == ["finished", "1"]


def test_on_eighty_columns_no_number_of_a_trial_is_broken(terminal, finished):
    lines = terminal(80, "study", "show", "1", "--db", finished.db).splitlines()
    assert all(len(line) <= 80 for line in lines)
    [first] = [line for line in lines if line.split()[:2] == ["0", "complete"]]
    assert re.match(r" +0  complete +\d+\.\d +0\.001 +0  ", first)
