"""The way of training that a machine is fastest with, found by trying."""

import itertools
from dataclasses import replace

import pytest
import torch
from scripted_studies import make_bench

from serbench.execute.executor import InThisProcess
from serbench.model.compute import BF16, CONTIGUOUS, ComputeSettings
from serbench.run.speed_tuning import (
    CLOSE,
    SLOWER,
    WORTH_IT,
    Calibration,
    Timed,
    Way,
    Wishes,
    calibrate,
)
from serbench.search import calibration
from serbench.search.study import space_of

BENCH = make_bench(epochs=1_000_000)  # so long that any calibration pays back
SPACE = space_of(BENCH)
LOSSES = (1.7, 1.6, 1.5)


class SideBySide(InThisProcess):
    """Runs one after another what could run side by side."""

    parallel = True


@pytest.fixture(autouse=True)
def _four_threads():
    threads = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def machine(monkeypatch):
    """``machine(speed, losses)`` puts a machine of these clips per second in place of this one.

    It gives the list of all ways that were tried on it.
    """

    def put(speed, losses=lambda compute_settings: LOSSES):
        tried = []

        def pretended(bench, configuration, limit, short, line):
            assert replace(bench.plan, epochs=BENCH.plan.epochs) == BENCH.plan
            tried.append((bench.compute_settings, bench.prefetch))
            rate = speed(bench.compute_settings, bench.prefetch)
            return bench.plan.batch_size / rate, losses(bench.compute_settings)

        monkeypatch.setattr(calibration, "time_steps", pretended)
        return tried

    return put


def found(wishes=None, executor=None):
    return calibrate(BENCH, SPACE, executor or SideBySide(), wishes or Wishes())


def test_a_study_that_is_soon_over_is_trained_the_usual_way(machine, monkeypatch):
    clips = sum(len(fold.train) for fold in BENCH.split.folds) * BENCH.plan.trials
    monkeypatch.setattr(calibration, "PAYS_BACK", 60.0)
    tried = machine(lambda compute_settings, _: 10.0 * (4 / compute_settings.threads))
    for epochs, compared in ((int(600 / clips), False), (int(600 / clips) + 1, True)):
        bench = replace(BENCH, plan=replace(BENCH.plan, epochs=epochs))
        tried.clear()
        calibrated = calibrate(bench, SPACE, SideBySide(), Wishes())
        assert calibrated.compared == compared == (len(tried) > 1)
        assert (calibrated.way == Way(ComputeSettings(4))) == (not compared)


def test_where_all_ways_are_equal_habit_decides(machine):
    machine(lambda compute_settings, prefetch: 10.0 * compute_settings.threads)
    assert found().way == Way(ComputeSettings(4))


def test_a_little_faster_is_not_worth_it(machine):
    machine(
        lambda compute_settings, prefetch: 10 * compute_settings.threads * (1.04 if prefetch else 1)
    )
    assert WORTH_IT == 1.05
    assert not found().way.prefetch


@pytest.mark.parametrize("memory_format", ["channels-last", "contiguous"])
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("jobs", [1, 2, 4])
@pytest.mark.parametrize("prefetch", [False, True])
def test_whatever_is_fastest_is_chosen(machine, memory_format, precision, jobs, prefetch):
    if (precision, memory_format) == (BF16, CONTIGUOUS) or (prefetch and jobs > 1):
        return  # nothing of the kind is tried

    def speed(compute_settings, ahead):
        good = [
            compute_settings.memory_format == memory_format,
            compute_settings.precision == precision,
            compute_settings.threads == 4 // jobs,
            ahead == prefetch,
        ]
        return 10.0 * 1.3 ** sum(good) / (4 // compute_settings.threads)

    machine(speed)
    way = found().way
    assert way == Way(ComputeSettings(4 // jobs, precision, memory_format), jobs, prefetch)


def test_half_precision_that_learns_otherwise_is_not_chosen(machine):
    def losses(compute_settings):
        off = 1 + 1.1 * CLOSE if compute_settings.precision == BF16 else 1
        return tuple(off * loss for loss in LOSSES)

    tried = machine(
        lambda compute_settings, _: 99.0 if compute_settings.precision == BF16 else 10.0, losses
    )
    assert found().way.compute_settings.precision == "fp32"
    assert any(compute_settings.precision == BF16 for compute_settings, _ in tried)


def test_losses_agree_in_the_first_step_and_in_the_mean():
    way = Way(ComputeSettings(1))
    reference = Timed(way, 1.0, (2.0, 5.0, 3.0))
    assert Timed(way, 1.0, (2.05, 4.5, 3.5)).agrees_with(reference)
    assert not Timed(way, 1.0, (2.2, 5.0, 2.8)).agrees_with(reference)
    assert not Timed(way, 1.0, (2.0, 5.0, 4.0)).agrees_with(reference)


def test_losses_that_are_no_numbers_agree_with_nothing():
    way = Way(ComputeSettings(1))
    assert not Timed(way, 1.0, (float("nan"),)).agrees_with(Timed(way, 1.0, LOSSES))
    assert Timed(way, 1.0, LOSSES[:2]).agrees_with(Timed(way, 1.0, LOSSES))


def test_what_the_user_chose_is_kept_whatever_is_faster(machine):
    machine(
        lambda compute_settings, _: (
            10.0 * (4 / compute_settings.threads) * (compute_settings.precision == BF16 or 0.1)
        )
    )
    for precision, threads, jobs in itertools.product((None, "fp32"), (None, 2), (None, 2)):
        way = found(Wishes(precision, threads, jobs)).way
        assert precision in (None, way.compute_settings.precision)
        assert threads in (None, way.compute_settings.threads)
        assert jobs in (None, way.jobs)


def test_where_everything_is_chosen_nothing_is_measured(machine):
    tried = machine(lambda compute_settings, _: 10.0)
    assert found(Wishes("bf16", 3, 2)) == Calibration(Way(ComputeSettings(3, BF16), 2), ())
    assert tried == []


def test_threads_are_shared_out_among_the_jobs_asked_for(machine):
    machine(lambda compute_settings, _: 10.0)
    assert found(Wishes(jobs=2)).way.compute_settings.threads == 2


def test_in_this_process_one_training_runs_at_a_time(machine):
    tried = machine(lambda compute_settings, _: 10.0 * 4 / compute_settings.threads)
    assert found(executor=InThisProcess()).way.jobs == 1
    assert {compute_settings.threads for compute_settings, _ in tried} == {4}


def test_all_that_was_tried_is_kept_for_the_record(machine):
    tried = machine(lambda compute_settings, _: 10.0)
    calibrated = found()
    assert calibrated.as_dict()["way"] == calibrated.way.as_dict()
    assert Way.from_dict(calibrated.as_dict()["way"]) == calibrated.way
    assert sum(each.way.jobs for each in calibrated.tried) == len(tried)
    first = calibrated.as_dict()["tried"][0]
    assert first["clips_per_second"] == pytest.approx(10.0)


@pytest.fixture
def asked(monkeypatch):
    """What bounds the timing of each way, limit and short; all train 10 clips per second."""
    bounds = []

    def pretended(bench, configuration, limit, short, line):
        bounds.append((limit, short))
        return bench.plan.batch_size / 10.0, LOSSES

    monkeypatch.setattr(calibration, "time_steps", pretended)
    return bounds


def test_how_slow_is_too_slow_is_told_by_the_fastest_so_far(asked):
    found()
    limits = [limit for limit, _ in asked]
    assert limits[0] is None
    assert limits[1] == pytest.approx(SLOWER * BENCH.plan.batch_size / 10)


def test_only_the_usual_way_may_be_left_after_one_short_step(asked):
    found()
    clips = sum(len(fold.train) for fold in BENCH.split.folds) * BENCH.plan.trials
    steps = clips * BENCH.plan.epochs / BENCH.plan.batch_size
    (_, short), *others = asked
    assert short * steps == pytest.approx(calibration.PAYS_BACK)
    assert others
    assert not any(short for _, short in others)


def test_a_real_calibration_comes_to_a_way():
    calibrated = calibrate(BENCH, SPACE, InThisProcess(), Wishes(threads=1))
    assert calibrated.way in [each.way for each in calibrated.tried]
    assert calibrated.way.compute_settings.threads == 1
    assert all(each.clips_per_second > 0 for each in calibrated.tried)
