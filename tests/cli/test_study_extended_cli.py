"""Studies that go on, options with several values, dry runs, failed studies."""

import json
import re

import pytest
from refusals import error_of

from serbench.data.protocols import HOLDOUT
from serbench.errors import DivergedError
from serbench.execute.fold import run_fold
from serbench.store.database import Database
from serbench.store.schema import ArtifactRow
from serbench.store.schema_data import SplitRow


def shown_study(run, number, *more):
    return json.loads(run("study", "show", number, "--format", "json", *more).out)


def trials_of(study):
    """Everything of a study's trials but when and how fast they ran."""
    return [
        {**trial, "folds": [{**fold, "seconds": None} for fold in trial["folds"]]}
        for trial in study["trials"]
    ]


def otherwise(finished, **options):
    """The command of the finished study with other values of its options."""
    command = list(finished.arguments)
    for name, value in options.items():
        command[command.index(f"--{name}") + 1] = value
    return command


@pytest.fixture
def at_once(run, finished, quick, tmp_path):
    """The trials of the finished study, had three been asked for at once."""
    other = tmp_path / "other.db"
    run("corpus", "scan", finished.corpus, "--dataset", "tiny", "--db", other)
    assert run(*otherwise(finished, trials="3"), "--db", other).code == 0
    return shown_study(run, 1, "--db", other)


def test_more_trials_go_on_with_the_study_and_its_entry(run, finished, copied, quick, at_once):
    copied(finished)
    before = shown_study(run, 1)
    ran = run(*otherwise(finished, trials="3"))
    assert ran.code == 0, ran.err
    assert "trial 3/3" in ran.err
    assert "trial 1/3 fold" not in ran.err
    after = shown_study(run, 1)
    assert (after["state"], after["plan"]["trials"]) == ("finished", 3)
    assert after["entry"]["trial"] == at_once["entry"]["trial"]
    assert after["entry"]["uar"] == at_once["entry"]["uar"]
    assert trials_of(after)[:2] == trials_of(before)[:2] or before["entry"]["trial"] != 3
    for one, other in zip(trials_of(after), trials_of(at_once), strict=True):
        assert one["parameters"] == other["parameters"]
        assert one["mean_uar"] == other["mean_uar"]
    [row] = json.loads(run("leaderboard", "--format", "json").out)
    changed = before["entry"]["trial"] != after["entry"]["trial"]
    assert (row["entry"], row["holdout_looks"]) == (1, 2 if changed else 1)
    assert len(json.loads(run("study", "list", "--format", "json").out)) == 1


@pytest.mark.usefixtures("untrained")
def test_fewer_trials_than_were_done_run_nothing(run, finished):
    ran = run(*otherwise(finished, trials="1"), "--db", finished.db)
    assert ran.code == 0
    assert "2 trials" in ran.err
    assert ran.out == finished.out


def test_another_option_makes_another_study_and_is_named(run, finished, copied, quick):
    copied(finished)
    ran = run(*otherwise(finished, epochs="1", trials="1"))
    assert ran.code == 0, ran.err
    [line] = [line for line in ran.err.splitlines() if "study 1" in line]
    assert "epochs 1 instead of 2" in line
    assert "trials" not in line
    again = run(*otherwise(finished, epochs="1", trials="1"))
    assert "study 1" not in again.err


def test_a_search_that_ran_out_of_time_is_not_called_without_gain(run, scanned, quick):
    command = (
        "study",
        "run",
        "--backbone",
        "homebrew",
        "--protocol",
        "speaker-2:holdout",
        "--epochs",
        "1",
    )
    ran = run(*command, "--trials", "5", "--timeout", "0.001")
    assert ran.code == 0, ran.err
    assert "after 1 of 5 trials" in ran.out
    assert "the search changed" not in ran.out
    assert "no trial was better" not in ran.out
    [study] = json.loads(run("study", "list", "--format", "json").out)
    assert (study["state"], study["trials"], study["of"]) == ("finished", 1, 5)


def test_a_dry_run_lists_all_combinations_and_runs_none(run, finished):
    before = finished.db.read_bytes()
    several = ("--seed", "0", "--seed", "7", "--front-end", "mel", "--front-end", "mfcc")
    ran = run(*otherwise(finished, trials="3"), *several, "--dry-run", "--db", finished.db)
    assert ran.code == 0, ran.err
    header, *rows = ran.out.splitlines()[:5]
    names = re.split(r"\s{2,}", header.strip())
    assert set(names) >= {"front end", "seed", "state", "trials", "time"}
    cells = [dict(zip(names, re.split(r"\s{2,}", row.strip()), strict=True)) for row in rows]
    assert [(each["front end"], each["seed"]) for each in cells] == [
        *(("mel", "0"), ("mel", "7"), ("mfcc", "0"), ("mfcc", "7"))
    ]
    assert "study 1" in rows[0]
    assert "2/3" in rows[0]
    assert "entry 1" in rows[0]
    assert rows[2].endswith("–")
    assert finished.db.read_bytes() == before


def test_a_dry_run_of_a_finished_study_has_nothing_left(run, finished):
    ran = run(*finished.arguments, "--dry-run", "--db", finished.db)
    row = ran.out.splitlines()[1]
    assert "finished (study 1, entry 1)" in row
    assert row.endswith("0 s")


def test_a_dry_run_makes_no_database_and_no_corpus(run, tmp_path):
    assert error_of(run("study", "run", "--backbone", "homebrew", "--dry-run"), 1)
    made = {path.parent.name for path in tmp_path.rglob("*") if path.is_file()}
    assert made <= {"plugins"}, "names of plugins are kept in the cache folder"


def test_where_every_backbone_is_too_slow_nothing_is_left(run, scanned, quick):
    command = ("study", "run", "--backbone", "homebrew", "--protocol", "speaker-2:holdout")
    ran = run(*command, "--max-latency-ms", "0.001")
    assert ran.code == 1
    assert "next: " not in ran.err
    assert "--max-latency-ms" in ran.err.splitlines()[-1]


def test_a_test_of_one_speaker_is_announced_before_training(finished):
    lines = finished.err.splitlines()
    [note] = [place for place, line in enumerate(lines) if "one speaker" in line]
    first = next(place for place, line in enumerate(lines) if line.startswith("trial 1/"))
    assert note < first


def test_the_first_line_comes_before_anything_is_loaded(finished):
    assert finished.err.startswith("loading ")


def test_the_next_best_has_its_fold_networks_after_a_winner_failed(
    run, scanned, quick, monkeypatch, tmp_path
):
    refits = []

    def failing(job, bench, line):
        if job.fold == HOLDOUT:
            refits.append(job.trial)
            if len(refits) == 1:
                raise DivergedError("the training loss became nan")
        return run_fold(job, bench, line)

    monkeypatch.setattr("serbench.search.study.run_fold", failing)
    command = ("study", "run", "--backbone", "homebrew", "--protocol", "speaker-2:holdout")
    ran = run(*command, "--trials", "3", "--epochs", "2", "--executor", "here", "--exhaustive")
    assert ran.code == 0, ran.err
    [failed, winner] = refits
    trials = shown_study(run, 1)["trials"]
    assert trials[failed]["state"] == "failed"
    database = Database(f"sqlite:///{tmp_path / 'serbench.db'}")
    with database.session() as session:
        query = session.query(ArtifactRow.file).join(SplitRow).filter(SplitRow.fold != HOLDOUT)
        files = {file for (file,) in query}
    assert len(files) == 2
    assert all(f"trial-{winner + 1}-fold" in file for file in files)
    assert all((tmp_path / "serbench-artifacts" / file).exists() for file in files)
    database.engine.dispose()
