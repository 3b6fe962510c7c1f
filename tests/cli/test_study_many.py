"""Several studies from one command: study files, lists, latency bounds, warm starts."""

import json
import re
import sys
from pathlib import Path

import pytest
from refusals import error_of

from serbench.data.clips import ClipFormat
from serbench.errors import WeightsError

STUDIES = Path(__file__).parents[2] / "studies"


@pytest.fixture
def plans(run, finished, monkeypatch):
    """``plans("--seed", "3")`` are the plans that ``study run`` would carry out."""

    def plans_of(*arguments):
        made = []
        with monkeypatch.context() as patched:
            patched.setattr(
                "serbench.cli.study._run",
                lambda app, plan, asked, *_: not made.append((plan, asked.max_latency_ms)),
            )
            ran = run("study", "run", *arguments, "--db", finished.db)
        assert ran.code == 0, ran.err
        return made

    return plans_of


def pairs(plans):
    return [(plan.backbone, plan.schedule) for plan, _ in plans]


def test_the_papers_five_networks_run_under_two_schedules_in_order(plans):
    made = plans("--study", STUDIES / "paper.toml")
    networks = [
        *("homebrew", "mobilenetv3_large_100"),
        *("tf_efficientnetv2_b0", "tf_efficientnetv2_b1", "inception_v3"),
    ]
    assert pairs(made) == [
        (network, schedule) for network in networks for schedule in ("half-cycle", "one-cycle")
    ]
    for plan, bound in made:
        assert (plan.trials, plan.epochs, plan.front_end, plan.batch_size) == (1, 100, "mel", 32)
        assert plan.augmentations == ("time-shift", "frequency-mask", "time-mask")
        assert plan.clip_format == ClipFormat(24_414, 2.618, level="keep", padding="reflect")
        assert (plan.weights, plan.protocol, bound) == ("default", "random-5:holdout", None)


def test_the_command_line_comes_before_the_study_file(plans):
    made = plans("--study", STUDIES / "paper.toml", "--schedule", "cosine", "--weights", "none")
    assert {plan.schedule for plan, _ in made} == {"cosine"}
    assert {plan.weights for plan, _ in made} == {"none"}
    assert len(made) == 5


def test_the_edge_study_bounds_latency_time_and_search(plans):
    for plan, bound in plans("--study", STUDIES / "edge.toml"):
        assert bound == 20
        assert plan.timeout == 3600
        assert plan.bounds["freeze_depth"] == (0, 3)
        assert plan.bounds["width:time-shift"] == (0, 0.5)


def test_the_smoke_study_can_be_planned(plans):
    assert len(plans("--study", STUDIES / "smoke.toml", "--dataset", "tiny")) == 2


def test_options_may_be_given_several_times(plans):
    made = plans("--backbone", "homebrew", "--backbone", "resnet18", "--schedule", "one-cycle")
    assert pairs(made) == [("homebrew", "one-cycle"), ("resnet18", "one-cycle")]


SMALL = ("--protocol", "speaker-2:holdout", "--trials", "1", "--epochs", "1")


def test_one_study_that_fails_does_not_hold_up_the_others(run, scanned, quick, monkeypatch):
    from serbench.builtin.timm import TimmBackbone

    def unreachable(self, n_classes):
        raise WeightsError("weights of resnet18 could not be fetched: connect to the internet")

    monkeypatch.setattr(TimmBackbone, "_pretrained", unreachable)
    both = ("study", "run", "--backbone", "resnet18", "--backbone", "homebrew", *SMALL)
    ran = run(*both)
    assert ran.code == 1
    numbered = [line for line in ran.err.splitlines() if " of 2 studies: " in line]
    assert numbered[0].startswith("1 of 2 studies: resnet18")
    assert numbered[1].startswith("2 of 2 studies: homebrew")
    assert ran.out.startswith("entry 1: homebrew on tiny")
    [cause, failed] = [line for line in ran.err.splitlines() if line.startswith("error: ")]
    assert "resnet18" in cause
    assert "1 of 2" in failed
    ranked = json.loads(run("leaderboard", "--format", "json").out)
    assert [row["backbone"] for row in ranked] == ["homebrew"]


def test_what_is_too_slow_is_left_out_and_the_rest_goes_on(run, scanned, quick):
    command = ("study", "run", "--backbone", "homebrew", *SMALL, "--max-latency-ms")
    ran = run(*command, "3.5")
    assert ran.code == 1, "nothing is left"
    [line] = [each for each in ran.err.splitlines() if "4.0 ms" in each]
    assert all(fact in line for fact in ("homebrew", "4.0 ms", "3.5"))
    assert json.loads(run("study", "list", "--format", "json").out) == []
    assert run(*command, "4.5").out.startswith("entry 1: homebrew")


def test_on_a_terminal_bars_show_how_far_a_study_is(run, scanned, quick, monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    ran = run("study", "run", "--backbone", "homebrew", *SMALL)
    assert ran.code == 0
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", ran.err)
    assert all(re.search(rf"{bar} +[━╸╺]", shown) for bar in ("trials", "trainings", "epochs"))
    assert "trial 1/1 fold 2/2: UA " in shown


@pytest.mark.parametrize(("weights", "named"), [("entry:9", "9"), ("entry:best", "entry:best")])
def test_a_warm_start_from_nothing_is_refused(run, scanned, weights, named):
    ran = run("study", "run", "--backbone", "homebrew", "--weights", weights)
    assert named in error_of(ran, 2)
