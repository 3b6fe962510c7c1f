"""How a study is trained: measured once, recorded, used again."""

from dataclasses import replace

import pytest
import torch

from serbench.data.clips import ClipFormat
from serbench.data.preparation import prepare_clips
from serbench.data.protocols import parse_protocol, split_dataset
from serbench.deploy import ways
from serbench.execute.executor import InThisProcess
from serbench.execute.fold import Bench
from serbench.model.compute import ComputeSettings
from serbench.plugins import Plugins
from serbench.run.compute_settings import settle_way
from serbench.run.speed_tuning import Calibration, Timed, Way
from serbench.store.studies import Studies
from serbench.views.study import show_study

PLUGINS = Plugins()
FOUND = Way(ComputeSettings(1, "bf16"), jobs=1, prefetch=True)


class SideBySide(InThisProcess):
    parallel = True


@pytest.fixture
def bench(plan, tiny_manifest, tmp_path):
    plan = replace(plan, clip_format=ClipFormat(8000, 0.25))
    protocol = parse_protocol(plan.protocol)
    return Bench(
        plan=plan,
        manifest=tiny_manifest,
        clips=prepare_clips(tiny_manifest, tmp_path, plan.clip_format),
        protocol=protocol,
        split=split_dataset(tiny_manifest, protocol).outer_folds[0],
        backbone=PLUGINS.backbones.get("homebrew"),
        front_end=PLUGINS.front_ends.get("mel"),
        scheduler=PLUGINS.schedulers.get("half-cycle"),
        augmentations=(),
    )


@pytest.fixture
def measured(monkeypatch):
    """Every plan that a calibration was made for; each comes to its ``answer``."""

    class Measured(list):
        answer = FOUND

    plans = Measured()

    def pretended(bench, space, executor, wishes):
        plans.append(bench.plan)
        timed = Timed(plans.answer, 12.5, (1.0,))
        return Calibration(plans.answer, (timed, timed))

    monkeypatch.setattr(ways, "calibrate", pretended)
    return plans


def settle(bench, database, jobs=None, executor=None, told=lambda plan: None, recalibrate=False):
    return settle_way(bench, database, executor or InThisProcess(), jobs, told, recalibrate)


def test_a_study_is_measured_before_it_begins_and_keeps_the_record(bench, database, measured):
    told = []
    assert settle(bench, database, told=told.append) == FOUND
    assert told == measured == [bench.plan]
    shown = show_study(database, 1)
    assert shown["compute_settings"] == FOUND.compute_settings.as_dict()
    assert shown["calibration"]["tried"][0]["clips_per_second"] == 12.5


def test_what_compared_nothing_is_not_kept_for_others(bench, database, monkeypatch):
    usual = Way(ComputeSettings(1))
    found = Calibration(usual, (Timed(usual, 12.5, (1.0,)),))
    monkeypatch.setattr(ways, "calibrate", lambda *_: found)
    assert settle(bench, database) == usual
    assert show_study(database, 1)["calibration"] is None


def test_another_study_of_the_same_backbone_is_not_measured_again(bench, database, measured):
    settle(bench, database)
    other = replace(bench, plan=replace(bench.plan, seed=1, trials=7))
    assert settle(other, database) == FOUND
    assert len(measured) == 1
    assert show_study(database, 2)["calibration"] is not None


@pytest.mark.parametrize(
    "change", [{"batch_size": 4}, {"backbone": "resnet18"}, {"precision": "fp32"}, {"threads": 1}]
)
def test_what_takes_another_time_is_measured_for_itself(bench, database, measured, change):
    settle(bench, database)
    other = replace(bench, plan=replace(bench.plan, **change))
    settle(other, database)
    assert measured == [bench.plan, other.plan]


def test_another_machine_is_measured_for_itself(bench, database, measured, monkeypatch):
    settle(bench, database)
    machine = replace(ways_machine(), cpu="another")
    monkeypatch.setattr("serbench.store.speed_tunings.this_machine", lambda: machine)
    settle(replace(bench, plan=replace(bench.plan, seed=1)), database)
    assert len(measured) == 2


def ways_machine():
    from serbench.store.machines import this_machine

    return this_machine()


def test_measured_again_on_demand_for_this_study_and_later_ones(bench, database, measured):
    settle(bench, database)
    other = replace(bench, plan=replace(bench.plan, seed=1))
    measured.answer = replace(FOUND, prefetch=False)
    assert settle(other, database, recalibrate=True) == measured.answer
    assert show_study(database, 1)["calibration"]["way"]["prefetch"] is True
    assert show_study(database, 2)["calibration"]["way"]["prefetch"] is False
    later = replace(bench, plan=replace(bench.plan, seed=2))
    assert settle(later, database) == measured.answer
    assert len(measured) == 2


def test_what_was_measured_before_stands_where_measuring_again_compared_nothing(
    bench, database, measured, monkeypatch
):
    settle(bench, database)
    usual = Way(ComputeSettings(1))
    found = Calibration(usual, (Timed(usual, 12.5, (1.0,)),))
    monkeypatch.setattr(ways, "calibrate", lambda *_: found)
    short = replace(bench, plan=replace(bench.plan, seed=1))
    assert settle(short, database, recalibrate=True) == FOUND
    assert show_study(database, 2)["compute_settings"] == FOUND.compute_settings.as_dict()
    assert show_study(database, 2)["calibration"] is not None


def test_measured_again_a_study_that_has_begun_keeps_to_its_compute_settings(
    bench, database, measured
):
    begun = ComputeSettings(1, memory_format="contiguous")
    Studies(database).begin_study(bench.plan, begun)
    assert settle(bench, database, recalibrate=True) == Way(begun, jobs=1, prefetch=True)
    assert measured == [bench.plan]


def test_a_study_that_has_begun_keeps_to_its_compute_settings(bench, database, measured):
    begun = ComputeSettings(1, memory_format="contiguous")
    Studies(database).begin_study(bench.plan, begun)
    assert settle(bench, database).compute_settings == begun
    assert measured == []
    settle(replace(bench, plan=replace(bench.plan, seed=1)), database)  # calibrates
    assert settle(bench, database) == Way(begun, jobs=1, prefetch=True)


def test_what_it_began_with_leaves_the_other_cores_to_other_trainings(bench, database, measured):
    threads = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        Studies(database).begin_study(bench.plan, ComputeSettings(2))
        assert settle(bench, database, executor=SideBySide()).jobs == 2
        assert settle(bench, database, executor=SideBySide(), jobs=3).jobs == 3
        assert settle(bench, database).jobs == 1
    finally:
        torch.set_num_threads(threads)


def test_where_the_user_chose_everything_nothing_is_said(bench, database):
    chosen = replace(bench, plan=replace(bench.plan, precision="bf16", threads=3))
    told = []
    assert settle(chosen, database, told=told.append) == Way(ComputeSettings(3, "bf16"))
    assert told == []
    assert show_study(database, 1)["calibration"] is None
