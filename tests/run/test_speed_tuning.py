"""The compute settings that a machine trains fastest with, found by trying."""

import itertools
from dataclasses import replace

import pytest
import torch
from making.scripted import MATERIAL, PLUGINS, make_search

from serbench.data.scan import Scan
from serbench.execute.executor import InThisProcess
from serbench.model.compute import BF16, CONTIGUOUS, ComputeSettings
from serbench.run import speed_tuning
from serbench.run.compute import settle_compute
from serbench.run.speed_tuning import (
    CLOSE,
    SLOWER,
    WORTH_IT,
    SpeedTuning,
    Timed,
    Wishes,
    tune,
)
from serbench.store.datasets import Datasets
from serbench.store.ledger import Ledger
from serbench.store.splits import Splits

SEARCH = make_search(epochs=1_000_000)  # so long that any tuning pays back
LOSSES = (1.7, 1.6, 1.5)


class SideBySide(InThisProcess):
    """Runs one after another what could run side by side."""

    slots = 8

    def __init__(self):
        super().__init__(PLUGINS)
        self.share(MATERIAL)


def one_at_a_time():
    """An executor with one slot."""
    executor = InThisProcess(PLUGINS)
    executor.share(MATERIAL)
    return executor


@pytest.fixture(autouse=True)
def _four_threads():
    threads = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def machine(monkeypatch):
    """``machine(speed, losses)`` puts a machine of these clips per second in place of this one.

    It gives the list of all settings that were tried on it.
    """

    def put(speed, losses=lambda compute_settings: LOSSES):
        tried = []

        def pretended(job, context, channel):
            assert job.material == MATERIAL.key
            tried.append(job.compute)
            return job.recipe.batch_size / speed(job.compute), losses(job.compute)

        monkeypatch.setattr(speed_tuning, "time_steps", pretended)
        return tried

    return put


def found(wishes=None, executor=None):
    return tune(SEARCH, executor or SideBySide(), wishes or Wishes())


def test_a_study_that_is_soon_over_is_trained_with_the_usual_settings(machine, monkeypatch):
    clips = sum(len(fold.train) for fold in SEARCH.split.folds) * SEARCH.plan.trials
    monkeypatch.setattr(speed_tuning, "PAYS_BACK", 60.0)
    tried = machine(lambda compute_settings: 10.0 * (4 / compute_settings.threads))
    for epochs, compared in ((int(600 / clips), False), (int(600 / clips) + 1, True)):
        search = replace(SEARCH, plan=replace(SEARCH.plan, epochs=epochs))
        tried.clear()
        tuned = tune(search, SideBySide(), Wishes())
        assert tuned.compared == compared == (len(tried) > 1)
        assert (tuned.chosen == ComputeSettings(4)) == (not compared)


def test_where_all_are_equally_fast_the_usual_settings_stay(machine):
    machine(lambda compute: 10.0 * compute.threads)
    assert found().chosen == ComputeSettings(4)


def test_a_little_faster_is_not_worth_it(machine):
    machine(lambda compute: 10 * compute.threads * (1.04 if compute.prefetch else 1))
    assert WORTH_IT == 1.05
    assert not found().chosen.prefetch


@pytest.mark.parametrize("memory_format", ["channels-last", "contiguous"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("jobs", [1, 2, 4])
@pytest.mark.parametrize("prefetch", [False, True])
def test_whatever_is_fastest_is_chosen(machine, memory_format, precision, jobs, prefetch):
    if (precision, memory_format) == (BF16, CONTIGUOUS) or (prefetch and jobs > 1):
        return  # nothing of the kind is tried

    def speed(compute_settings):
        good = [
            compute_settings.memory_format == memory_format,
            compute_settings.precision == precision,
            compute_settings.threads == 4 // jobs,
            compute_settings.prefetch == prefetch,
        ]
        return 10.0 * 1.3 ** sum(good) / (4 // compute_settings.threads)

    machine(speed)
    expected = ComputeSettings(4 // jobs, precision, memory_format, jobs, prefetch)
    assert found().chosen == expected


def test_half_precision_that_learns_otherwise_is_not_chosen(machine):
    def losses(compute_settings):
        off = 1 + 1.1 * CLOSE if compute_settings.precision == BF16 else 1
        return tuple(off * loss for loss in LOSSES)

    tried = machine(
        lambda compute_settings: 99.0 if compute_settings.precision == BF16 else 10.0, losses
    )
    assert found().chosen.precision == "fp32"
    assert any(compute_settings.precision == BF16 for compute_settings in tried)


def test_losses_agree_in_the_first_step_and_in_the_mean():
    compute = ComputeSettings(1)
    reference = Timed(compute, 1.0, (2.0, 5.0, 3.0))
    assert Timed(compute, 1.0, (2.05, 4.5, 3.5)).agrees_with(reference)
    assert not Timed(compute, 1.0, (2.2, 5.0, 2.8)).agrees_with(reference)
    assert not Timed(compute, 1.0, (2.0, 5.0, 4.0)).agrees_with(reference)


def test_losses_that_are_no_numbers_agree_with_nothing():
    compute = ComputeSettings(1)
    assert not Timed(compute, 1.0, (float("nan"),)).agrees_with(Timed(compute, 1.0, LOSSES))
    assert Timed(compute, 1.0, LOSSES[:2]).agrees_with(Timed(compute, 1.0, LOSSES))


def test_what_the_user_chose_is_kept_whatever_is_faster(machine):
    machine(
        lambda compute_settings: (
            10.0 * (4 / compute_settings.threads) * (compute_settings.precision == BF16 or 0.1)
        )
    )
    for precision, threads, jobs in itertools.product((None, "fp32"), (None, 2), (None, 2)):
        chosen = found(Wishes(precision, threads, jobs)).chosen
        assert precision in (None, chosen.precision)
        assert threads in (None, chosen.threads)
        assert jobs in (None, chosen.parallel)


def test_where_everything_is_chosen_nothing_is_measured(machine):
    tried = machine(lambda compute_settings: 10.0)
    assert found(Wishes("bf16", 3, 2)) == SpeedTuning(ComputeSettings(3, BF16, parallel=2), ())
    assert tried == []


def test_threads_are_shared_out_among_the_jobs_asked_for(machine):
    machine(lambda compute_settings: 10.0)
    assert found(Wishes(parallel=2)).chosen.threads == 2


def test_in_this_process_one_training_runs_at_a_time(machine):
    tried = machine(lambda compute_settings: 10.0 * 4 / compute_settings.threads)
    assert found(executor=one_at_a_time()).chosen.parallel == 1
    assert {compute_settings.threads for compute_settings in tried} == {4}


def test_all_that_was_tried_is_kept_for_the_record(machine):
    tried = machine(lambda compute_settings: 10.0)
    tuned = found()
    assert ComputeSettings.from_dict(tuned.as_dict()["chosen"]) == tuned.chosen
    assert sum(each.compute.parallel for each in tuned.tried) == len(tried)
    first = tuned.as_dict()["tried"][0]
    assert first["clips_per_second"] == pytest.approx(10.0)


@pytest.fixture
def asked(monkeypatch):
    """What bounds each timing, limit and short; all train 10 clips per second."""
    bounds = []

    def pretended(job, context, channel):
        bounds.append((job.limit, job.short))
        return job.recipe.batch_size / 10.0, LOSSES

    monkeypatch.setattr(speed_tuning, "time_steps", pretended)
    return bounds


def test_the_time_limit_follows_from_the_fastest_so_far(asked):
    found()
    limits = [limit for limit, _ in asked]
    assert limits[0] is None
    assert limits[1] == pytest.approx(SLOWER * SEARCH.plan.batch_size / 10)


def test_only_with_the_usual_settings_may_be_left_after_one_short_step(asked):
    found()
    clips = sum(len(fold.train) for fold in SEARCH.split.folds) * SEARCH.plan.trials
    steps = clips * SEARCH.plan.epochs / SEARCH.plan.batch_size
    (_, short), *others = asked
    assert short * steps == pytest.approx(speed_tuning.PAYS_BACK)
    assert others
    assert not any(short for _, short in others)


def test_a_real_tuning_comes_to_settings_that_were_tried():
    tuned = tune(SEARCH, one_at_a_time(), Wishes(threads=1))
    assert tuned.chosen in [each.compute for each in tuned.tried]
    assert tuned.chosen.threads == 1
    assert all(each.clips_per_second > 0 for each in tuned.tried)


@pytest.fixture
def settled(database, artifacts):
    """``settled(parallel, retune)`` begins a study, or goes on with it; what was measured."""
    Datasets(database).save_scan(Scan(MATERIAL.manifest, len(MATERIAL.manifest), (), ()))
    measured = []

    def collect(parallel=None, retune=False, search=SEARCH, executor=None):
        return settle_compute(
            search,
            Splits(database).of(search.manifest, search.protocol),
            Ledger(database, artifacts),
            database,
            executor or SideBySide(),
            parallel,
            measured.append,
            retune,
        )

    collect.measured = measured
    return collect


def test_a_tuning_is_measured_once(machine, settled):
    tried = machine(lambda compute: 10.0 * compute.parallel)
    first = settled()
    assert first.parallel == 4
    assert settled.measured == [SEARCH.plan]
    tried.clear()
    other = replace(SEARCH, plan=replace(SEARCH.plan, seed=1))
    assert settled() == first
    assert settled(search=other) == first
    assert tried == []


def test_a_study_that_has_begun_keeps_what_decides_its_logits(machine, settled):
    machine(lambda compute: 10.0)
    first = settled()
    machine(lambda compute: 99.0 if compute.memory_format == CONTIGUOUS else 10.0)
    again = settled(retune=True)
    assert again.numeric == first.numeric
    other = replace(SEARCH, plan=replace(SEARCH.plan, seed=1))
    assert settled(search=other).memory_format == CONTIGUOUS


def test_nothing_is_tuned_where_features_are_computed_once(machine, settled):
    tried = machine(lambda compute: 10.0 * compute.parallel)
    frozen = {"freeze_depth": replace(SEARCH.space.ranges["freeze_depth"], low=4, high=4)}
    ranges = {
        name: each for name, each in SEARCH.space.ranges.items() if not name.startswith("width:")
    }
    space = replace(SEARCH.space, ranges={**ranges, **frozen})
    plan = replace(SEARCH.plan, precision=BF16)
    chosen = settled(search=replace(SEARCH, plan=plan, space=space))
    assert (tried, settled.measured) == ([], [])
    assert chosen == ComputeSettings(4, BF16)


class OnNodes(SideBySide):
    """An executor of several machines of another kind than this one."""

    def __init__(self, count=2, cpu="Another processor", alike=True):
        super().__init__()
        self.described = (count, cpu, alike)

    def nodes(self):
        count, cpu, alike = self.described
        here = super().nodes()
        machine = replace(here.environment.machine, cpu=cpu)
        environment = replace(here.environment, machine=machine)
        return replace(here, environment=environment, count=count, alike=alike)


def test_a_tuning_is_not_used_on_another_kind_of_machine(machine, settled):
    tried = machine(lambda compute: 10.0 * (4 / compute.threads))
    settled()
    assert len(settled.measured) == 1
    tried.clear()
    other = replace(SEARCH, plan=replace(SEARCH.plan, seed=5))
    elsewhere = settled(search=other, executor=OnNodes())
    assert len(settled.measured) == 2
    assert 1 in {each.parallel for each in tried}
    assert elsewhere == ComputeSettings(1, parallel=2 * 4), "four trainings on each machine"


def test_machines_of_several_kinds_are_not_tuned(machine, settled):
    tried = machine(lambda compute: 10.0 * (4 / compute.threads))
    chosen = settled(executor=OnNodes(count=3, alike=False))
    assert (tried, settled.measured) == ([], [])
    assert chosen == ComputeSettings(4, parallel=3)
