"""``serbench study reproduce``, and what a study needs so that it can be."""

import json
import re
import shutil

import numpy as np
import pytest
import torch

from serbench.errors import SerbenchError
from serbench.model.compute import ComputeSettings
from serbench.store.database import Database
from serbench.store.machines import versions
from serbench.store.schema import FoldRow, StudyRow


@pytest.fixture(autouse=True)
def _threads():
    """Whatever a study sets, afterwards it is as it was."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def copied(tmp_path):
    """``copied(study)`` is a copy of a finished study's database, to be changed."""

    def copy(study):
        shutil.copy(study.db, tmp_path / "copy.db")
        return Database(f"sqlite:///{tmp_path / 'copy.db'}")

    return copy


@pytest.fixture
def reproduce(run, monkeypatch):
    """``reproduce(study, …)`` runs entry 1 of a study again, on the clips prepared for it."""

    def run_again(study, *options, db=None):
        monkeypatch.setenv("SERBENCH_CACHE", str(study.cache))
        return run("study", "reproduce", 1, *options, "--db", db or study.db)

    return run_again


def test_holdout_and_folds_come_out_the_same_to_the_last_bit(reproduce, finished):
    ran = reproduce(finished, "--folds")
    assert ran.code == 0, ran.err
    first, second, holdout, last = ran.out.splitlines()[-4:]
    assert re.match(r"fold 1: \d+ clips, UA ", first)
    assert re.match(r"fold 2: \d+ clips, UA ", second)
    assert holdout.startswith("holdout: 6 clips, UA ")
    assert all(line.endswith("now, every logit the same") for line in (first, second, holdout))
    assert last == "entry 1 reproduced"


def test_of_several_outer_folds_each_holdout_is_repeated(reproduce, nested):
    ran = reproduce(nested)
    assert ran.code == 0, ran.err
    holdout, other, _ = ran.out.splitlines()[-3:]
    assert holdout.startswith("holdout: 18 clips, UA ")
    assert other.startswith("outer fold 2, holdout: 18 clips, UA ")


def test_a_logit_that_differs_is_named_with_its_place_and_the_exit_code_is_1(
    reproduce, finished, copied, tmp_path
):
    database = copied(finished)
    with database.session() as session:
        [holdout] = session.query(FoldRow).filter_by(name="holdout")
        logits = np.frombuffer(holdout.prediction.logits, "<f4").copy()
        logits[7] += np.float32(0.5)
        holdout.prediction.logits = logits.tobytes()
        [study] = session.query(StudyRow)
        study.versions = {**study.versions, "torch": "1.0.0", "commit": "f" * 40}
        study.machine = {**study.machine, "cpu": "An abacus"}
    database.engine.dispose()
    ran = reproduce(finished, db=tmp_path / "copy.db")
    assert ran.code == 1
    assert ran.err == (
        "error: entry 1 does not come out the same (holdout): see what changed above\n"
    )
    said = ran.out.splitlines()
    assert f"torch: 1.0.0 then, {versions()['torch']} now" in said
    assert any(line.startswith(f"commit: {'f' * 40} then, ") for line in said)
    assert any(line.startswith("machine: An abacus, ") for line in said)
    assert "now, logits differ by up to 0.5" in said[-1]


def test_where_nothing_that_is_recorded_changed_it_says_so(reproduce, finished, copied, tmp_path):
    database = copied(finished)
    with database.session() as session:
        [holdout] = session.query(FoldRow).filter_by(name="holdout")
        holdout.prediction.rows = np.frombuffer(holdout.prediction.rows, "<i8")[::-1].tobytes()
    database.engine.dispose()
    ran = reproduce(finished, db=tmp_path / "copy.db")
    assert ran.code == 1
    assert "logits differ by up to inf" in ran.out
    assert ran.err.endswith("(holdout): and nothing recorded has changed\n")


def test_an_unknown_entry_is_a_usage_error(run, finished):
    ran = run("study", "reproduce", 7, "--db", finished.db)
    assert (ran.code, ran.err) == (2, "error: no entry 7: there are 1\n")


def test_a_study_goes_on_with_as_many_threads_as_it_began_with(run, scanned, monkeypatch):
    seen = []

    def no_training(bench, *_, line):
        bench.compute_settings.use()
        seen.append(torch.get_num_threads())
        raise SerbenchError("enough")

    monkeypatch.setattr("serbench.execute.fold.run_fold", no_training)
    monkeypatch.delenv("SERBENCH_THREADS")
    for threads in (2, 1):
        torch.set_num_threads(threads)
        assert run("study", "run", "--backbone", "homebrew", "--protocol", "speaker-2").code == 1
    assert seen == [2, 2]
    shown = json.loads(run("study", "show", 1, "--format", "json").out)
    assert shown["compute_settings"]["threads"] == 2


def test_what_an_older_record_does_not_say_is_as_it_is_now():
    torch.set_num_threads(1)
    assert ComputeSettings.from_dict({}) == ComputeSettings.present() == ComputeSettings(1)
    assert ComputeSettings.from_dict(ComputeSettings(3).as_dict()) == ComputeSettings(3)
