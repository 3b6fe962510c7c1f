"""``serbench study reproduce``, and what a study needs so that it can be."""

import json

import numpy as np
import pytest
import torch
from making.damage import DAMAGES
from refusals import error_of

from serbench.errors import SerbenchError
from serbench.execute.executor import InThisProcess
from serbench.model.environment import versions
from serbench.store.schema import ArtifactRow, PredictionRow, StudyRow
from serbench.store.schema_data import SplitRow


@pytest.fixture(autouse=True)
def _threads():
    """Whatever a study sets, afterwards it is as it was."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.fixture
def reproduce(run, monkeypatch):
    """``reproduce(study, …)`` trains entry 1 of a study again, on the clips prepared for it."""

    def run_again(study, *options, db=None):
        monkeypatch.setenv("SERBENCH_CACHE", str(study.cache))
        return run("study", "reproduce", 1, *options, "--db", db or study.db)

    return run_again


def holdout_of(session):
    """The prediction of the entry on its holdout."""
    query = session.query(PredictionRow).join(SplitRow, SplitRow.id == PredictionRow.split_id)
    return query.filter(SplitRow.fold == "holdout").one()


def test_holdout_and_folds_come_out_the_same_to_the_last_bit(reproduce, finished):
    ran = reproduce(finished, "--folds")
    assert ran.code == 0, ran.err
    places = [line.partition(":")[0] for line in ran.out.splitlines() if " clips, UA " in line]
    assert sorted(places) == ["fold 1", "fold 2", "holdout"]


def test_of_several_outer_folds_each_holdout_is_repeated(reproduce, nested):
    ran = reproduce(nested)
    assert ran.code == 0, ran.err
    repeated = [line.split(",")[0] for line in ran.out.splitlines() if " clips, UA " in line]
    assert repeated == ["holdout: 18 clips", "outer fold 2"]


def test_without_a_holdout_the_folds_and_the_last_training_are_repeated(
    reproduce, all_tested, copied, tmp_path
):
    copied(all_tested)
    ran = reproduce(all_tested, db=tmp_path / "serbench.db")
    assert ran.code == 0, ran.err
    places = [line.partition(":")[0] for line in ran.out.splitlines() if " clips, UA " in line]
    assert sorted(places) == ["fold 1", "fold 2"]
    assert [line for line in ran.out.splitlines() if line.endswith(": all weights equal")]


def test_without_a_holdout_a_changed_hash_of_the_last_network_is_noticed(
    reproduce, all_tested, copied, tmp_path
):
    with copied(all_tested).session() as session:
        [last] = [each for each in session.query(ArtifactRow) if each.split.fold == "holdout"]
        last.sha256 = "0" * 64
    ran = reproduce(all_tested, db=tmp_path / "serbench.db")
    assert ran.code == 1
    assert [line for line in ran.out.splitlines() if line.endswith(": weights differ")]


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_without_a_holdout_a_lost_last_network_is_saved_again(
    damage, reproduce, all_tested, copied, tmp_path
):
    copied(all_tested)
    [path] = [each for each in weights_files(tmp_path) if "winner" in each.name]
    before = path.read_bytes()
    damage(path)
    ran = reproduce(all_tested, db=tmp_path / "serbench.db")
    assert ran.code == 0, ran.err
    assert path.read_bytes() == before
    assert len([line for line in ran.out.splitlines() if "saved again" in line]) == 1


def test_a_logit_that_differs_is_named_with_its_place_and_the_exit_code_is_1(
    reproduce, finished, copied, tmp_path
):
    with copied(finished).session() as session:
        holdout = holdout_of(session)
        logits = np.frombuffer(holdout.logits, "<f4").copy()
        logits[7] += np.float32(0.5)
        holdout.logits = logits.tobytes()
        [study] = session.query(StudyRow)
        study.versions = {**study.versions, "torch": "1.0.0", "commit": "f" * 40}
        study.machine = {**study.machine, "cpu": "An abacus"}
    ran = reproduce(finished, db=tmp_path / "serbench.db")
    assert ran.code == 1
    assert "holdout" in ran.err
    lines = {line.partition(":")[0]: line for line in ran.out.splitlines()}
    assert "1.0.0" in lines["torch"]
    assert versions()["torch"] in lines["torch"]
    assert "f" * 40 in lines["commit"]
    assert "An abacus" in lines["machine"]
    assert lines["holdout"].endswith(" 0.5")


def weights_files(folder):
    return sorted((folder / "serbench-artifacts").glob("*.safetensors"))


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_lost_networks_are_refused_by_name_and_saved_again_by_the_command_that_is_named(
    damage, reproduce, run, finished, copied, tmp_path
):
    copied(finished)
    files = weights_files(tmp_path)
    before = [path.read_bytes() for path in files]
    assert len(files) == 3, "the holdout's and the folds'"
    for path in files:
        damage(path)
    clip = next(finished.corpus.rglob("*.wav"))
    refused = error_of(run("predict", 1, clip, "--db", tmp_path / "serbench.db"), 1)
    assert "serbench study reproduce 1" in refused

    ran = reproduce(finished, "--folds", db=tmp_path / "serbench.db")
    assert ran.code == 0, ran.err
    assert [path.read_bytes() for path in files] == before
    assert len([line for line in ran.out.splitlines() if "saved again" in line]) == 3
    assert run("predict", 1, clip, "--db", tmp_path / "serbench.db").code == 0


def test_existing_networks_are_not_changed(reproduce, finished, copied, tmp_path):
    copied(finished)
    before = {path: path.stat().st_mtime_ns for path in weights_files(tmp_path)}
    ran = reproduce(finished, "--folds", db=tmp_path / "serbench.db")
    assert "saved again" not in ran.out
    assert {path: path.stat().st_mtime_ns for path in weights_files(tmp_path)} == before


def test_a_network_that_answers_otherwise_takes_no_others_place(
    reproduce, finished, copied, tmp_path
):
    with copied(finished).session() as session:
        holdout = holdout_of(session)
        holdout.logits = (np.frombuffer(holdout.logits, "<f4") + 1).tobytes()
    for path in weights_files(tmp_path):
        path.unlink()
    assert reproduce(finished, db=tmp_path / "serbench.db").code == 1
    assert weights_files(tmp_path) == []


def test_an_unknown_entry_is_a_usage_error(run, finished):
    assert "7" in error_of(run("study", "reproduce", 7, "--db", finished.db), 2)


def test_a_study_continues_with_as_many_threads_as_it_began_with(run, scanned, monkeypatch):
    seen = []
    submit = InThisProcess.submit

    def no_training(self, function, job, *arguments):
        if function.__name__ != "run_fold":
            return submit(self, function, job, *arguments)
        seen.append(job.compute.threads)
        raise SerbenchError("enough")

    monkeypatch.setattr(InThisProcess, "submit", no_training)
    monkeypatch.delenv("SERBENCH_THREADS")
    for threads in (2, 1):
        torch.set_num_threads(threads)
        assert (
            run("study", "run", "--backbone", "homebrew", "--protocol", "speaker-2:holdout").code
            == 1
        )
    assert seen == [2, 2]
    shown = json.loads(run("study", "show", 1, "--format", "json").out)
    assert shown["compute_settings"]["threads"] == 2
