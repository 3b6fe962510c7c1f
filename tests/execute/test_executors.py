"""Jobs in this process and in workers: results, messages, errors."""

import os
from dataclasses import replace

import numpy as np
import pytest
import torch
from error_facts import words_in
from making.scripted import MATERIAL, here, make_search
from worker_jobs import digest, fail, ignore, report, result_of, strange, until, until_cancelled

from serbench.data.protocols import HOLDOUT
from serbench.errors import AudioError, PluginError, UnknownNameError, UsageError
from serbench.execute.executor import Cancelled, InThisProcess
from serbench.execute.fold import run_fold
from serbench.model.recipe import Configuration
from serbench.model.weights import file_identity


@pytest.fixture(params=["here", "elsewhere"])
def executor(request):
    return InThisProcess() if request.param == "here" else request.getfixturevalue("workers")


def test_a_function_returns_and_its_messages_arrive(executor):
    messages = []
    number, process = result_of(executor, report, 7, receive=messages.append)
    assert number == 7
    assert (process != os.getpid()) == (executor.slots > 1)
    assert messages == ["7 begins", "7 ends"]


def test_material_reaches_the_functions(executor):
    key = executor.share(MATERIAL)
    assert key == MATERIAL.key
    total = int(MATERIAL.clips.waveforms.astype(np.int64).sum())
    assert result_of(executor, digest, key) == (MATERIAL.manifest.hash, total)


def test_an_error_is_raised_when_the_result_is_read(workers):
    with pytest.raises(ZeroDivisionError) as raised:
        result_of(workers, fail, ZeroDivisionError("by zero"))
    assert "in fail" in "".join(raised.value.__notes__), "its traceback is lost"


@pytest.mark.parametrize(
    "error",
    [
        UsageError("not so", path="here", line=7),
        UnknownNameError("backbone", "resnet", ["resnet18"]),
        AudioError("a.wav", "silent"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_of_serbench_keeps_its_class_message_and_facts(workers, error):
    with pytest.raises(type(error)) as raised:
        result_of(workers, fail, error)
    assert type(raised.value) is type(error)
    assert str(raised.value) == str(error)
    assert raised.value.facts == error.facts
    assert "in fail" in "".join(raised.value.__notes__)


def test_an_error_that_cannot_be_sent_keeps_its_message(workers):
    with pytest.raises(RuntimeError) as raised:
        result_of(workers, strange)
    assert words_in(raised.value) >= {"Strange", "odd"}


def test_a_fold_trained_in_a_worker_is_the_same_to_the_last_bit(workers):
    search = make_search(protocol="speaker-2:holdout", epochs=2)
    job = search.job(0, Configuration.from_parameters(search.space.initial()), HOLDOUT)
    workers.share(MATERIAL)
    reports = []
    there = result_of(workers, run_fold, job, reports.append)
    at_home = result_of(here(), run_fold, job)
    assert there.logits.tobytes() == at_home.logits.tobytes()
    assert there.losses == at_home.losses == tuple(each.validation.loss for each in reports)
    assert there.state.keys() == at_home.state.keys()
    for name, array in there.state.items():
        assert array.tobytes() == at_home.state[name].tobytes(), name


def test_a_worker_reads_weights_files_itself(workers, tmp_path):
    search = make_search(protocol="speaker-2:holdout", epochs=1)
    job = search.job(0, Configuration.from_parameters(search.space.initial()), 0)
    path = tmp_path / "w.pth"
    state = result_of(here(), run_fold, job).state
    torch.save({name: torch.from_numpy(np.array(array)) for name, array in state.items()}, path)
    identity = file_identity(path)
    key = workers.share(replace(MATERIAL, weights_files={identity: str(path)}))
    assert key != MATERIAL.key
    job = replace(job, material=key, recipe=replace(job.recipe, weights=identity))
    assert result_of(workers, run_fold, job).weights == identity


def test_functions_run_in_parallel_and_processes_are_reused(workers, tmp_path):
    begun = [tmp_path / "one", tmp_path / "two"]
    futures = [workers.submit(until_cancelled, path, ignore) for path in begun]
    until(lambda: all(path.exists() for path in begun))
    for future in futures:
        workers.cancel(future)
    while waiting := [future for future in futures if not future.done()]:
        workers.wait(waiting)
    for future in futures:
        with pytest.raises(Cancelled):
            future.result()
    processes = {result_of(workers, report, number)[1] for number in range(4)}
    assert len(processes) == 1


def test_a_job_that_cannot_be_sent_is_an_error(workers):
    with pytest.raises(PluginError):
        workers.submit(report, lambda: None, ignore)
    assert result_of(workers, report, 3)[0] == 3
