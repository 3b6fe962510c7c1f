"""A search among candidates, with stand-ins for trainings and for the clock."""

from concurrent.futures import Future
from types import SimpleNamespace

import pytest
from making.entries import LINEAGE, begin, finish, run_trial

from serbench.data.protocols import HOLDOUT
from serbench.errors import DivergedError, SerbenchError, StorageError, WeightsError
from serbench.run import racers
from serbench.run import search as module
from serbench.run.search import Race
from serbench.run.watch import SearchListener, TimeIsUp, Watch, Watched
from serbench.search import racing
from serbench.search.events import TrialEnded
from serbench.search.racing import trials_of
from serbench.search.study import run_trials
from serbench.store.candidates import CandidateRecords
from serbench.store.datasets import Datasets
from serbench.store.schema import LookRow
from serbench.workspace import Workspace

MOST = trials_of(2)

SKILLS = {"weak": 0.0, "strong": 1.5, "middle": 1.0}
"""Candidates that are tried by default; one named slow is as good as the best of them."""


class Said(SearchListener):
    """Keeps the events of a search."""

    def __init__(self):
        self.tried, self.out, self.stopped, self.ranked = [], {}, [], []

    def left_out(self, backbone, reason):
        self.out[backbone] = reason

    def trying(self, backbone, first, last, left):
        self.tried.append((backbone, first, last))

    def interrupted(self, backbone):
        self.stopped.append(backbone)

    def ranking(self, backbone, left):
        self.ranked.append(backbone)


@pytest.fixture
def place(database, artifacts, tmp_path, made, monkeypatch):
    """Three candidates; a trial of each takes 10 s, and ranking one takes 30 s, by the clock."""
    manifest = made.manifest(takes=2)
    Datasets(database).save_scan(made.scanned(manifest))
    state = SimpleNamespace(
        now=1000.0, seconds=dict.fromkeys(SKILLS, 10.0), errors={}, listener=Said()
    )
    plugins = SimpleNamespace(metrics=made.metrics)

    def part_of(plan, plugins, workspace, database, watch, executor, part, parallel):
        if plan.backbone in state.errors:
            raise state.errors[plan.backbone]
        ledger = begin(database, made, manifest, plan, artifacts)
        skill = SKILLS.get(plan.backbone, 1.5)
        if part is not run_trials:
            state.now += 30
            best = max(ledger.history(plan), key=lambda trial: trial.mean_uar or 0.0)
            if (best.number, HOLDOUT) not in ledger.outcomes(plan):
                finish(ledger, made, manifest, plan, best.number, skill)
            ledger.finish(plan)
            return SimpleNamespace(lineage=LINEAGE)
        for trial in range(len(ledger.history(plan)), plan.trials):
            for _ in range(10):
                state.now += state.seconds[plan.backbone] / 10
                watch.epoch(trial, 0, None)
            mean = run_trial(ledger, made, manifest, plan, trial, skill)
            watch.trial_ended(TrialEnded(trial, {}, False, (mean,)))
        return None

    monkeypatch.setattr(racing, "LAST_RUNG", 2)
    monkeypatch.setattr(module, "run_part", part_of)
    monkeypatch.setattr(module, "complete_entry", lambda *_: None)
    monkeypatch.setattr(racers, "is_complete", lambda *_: True)

    def race(minutes=60, protocol="speaker-2", names=tuple(SKILLS), **options):
        plans = {
            name: made.plan(manifest, backbone=name, protocol=protocol, trials=1) for name in names
        }
        state.listener = Said()
        return Race(
            plans,
            minutes,
            options.get("max_latency_ms"),
            plugins,
            Workspace(database.url, tmp_path / "cache", artifacts),
            database,
            state.listener,
            None,
            clock=lambda: state.now,
            began=state.now,
        )

    state.race, state.database, state.plans = race, database, lambda: race().plans
    return state


def test_the_best_gets_most_trials_and_is_first(place):
    placed = place.race().run()
    assert place.listener.tried[:3] == [(name, 1, 1) for name in SKILLS]
    assert placed[0].backbone == "strong"
    assert placed[0].trials == MOST
    assert place.listener.ranked[:3] == ["strong", "middle", "weak"]
    assert [(each.backbone, each.entry) for each in placed] == [
        ("strong", 1),
        ("middle", 2),
        ("weak", 3),
    ]


def test_the_time_of_all_is_recorded_and_a_repeated_command_does_nothing(place):
    place.race(minutes=5).run()
    took = place.now - 1000
    recorded = sum(map(CandidateRecords(place.database).seconds, place.plans().values()))
    assert recorded == pytest.approx(took)
    place.now += 86_400
    before = place.now
    placed = place.race(minutes=5).run()
    assert not place.listener.tried
    assert place.now == before
    assert [each.entry for each in placed] == [1, 2, 3]


def test_the_search_ends_in_time(place):
    for minutes in (2, 3, 5):
        place.race(minutes=minutes).run()
    assert place.now - 1000 <= 5 * 60


def test_more_minutes_continue_it(place):
    first = {each.backbone: each for each in place.race(minutes=3).run()}
    second = {each.backbone: each for each in place.race(minutes=20).run()}
    assert second["strong"].trials > first["strong"].trials
    assert second["strong"].entry == first["strong"].entry
    name, begun, _ = place.listener.tried[0]
    assert begun == first[name].trials + 1


def test_a_candidate_that_takes_too_long_is_stopped_within_its_trial(place):
    place.seconds["weak"] = 10_000
    placed = place.race(minutes=20).run()
    assert "weak" in place.listener.stopped
    assert [each.backbone for each in placed] == ["strong", "middle", "weak"]
    assert placed[2].entry is None
    assert placed[2].reason
    assert placed[2].trials == 0
    assert placed[2].uar is None
    assert place.now - 1000 <= 20 * 60 + 1000, "a stop is only possible after an epoch"


def test_with_the_times_measured_on_ravdess_three_entries_are_made_in_30_minutes(place):
    place.seconds |= {"weak": 180, "strong": 30, "middle": 135, "slow": 3000}
    placed = place.race(minutes=30, names=(*SKILLS, "slow")).run()
    assert [(each.backbone, each.entry) for each in placed[:2]] == [("strong", 1), ("middle", 2)]
    assert sorted(each.entry or 0 for each in placed) == [0, 1, 2, 3]
    assert placed[3].backbone == "slow"
    assert place.now - 1000 <= 30 * 60


def test_a_candidate_that_fails_is_left_out(place):
    place.errors["middle"] = WeightsError("no file")
    placed = place.race().run()
    assert place.listener.out == {"middle": "no file"}
    assert {each.backbone: each.reason for each in placed}["middle"] == "no file"
    assert place.listener.ranked[:2] == ["strong", "weak"]


def test_if_all_fail_the_reasons_are_named(place):
    for name in SKILLS:
        place.errors[name] = DivergedError(f"{name} diverged")
    with pytest.raises(SerbenchError) as error:
        place.race().run()
    assert error.value.facts["failed"] == {name: f"{name} diverged" for name in SKILLS}


def test_if_no_winner_can_be_trained_the_reasons_are_named(place, monkeypatch):
    def refused(*_):
        raise StorageError("full disk")

    monkeypatch.setattr(module, "complete_entry", refused)
    monkeypatch.setattr(racers, "is_complete", lambda *_: False)
    monkeypatch.setattr(module, "Systems", lambda _: SimpleNamespace(rank=refused))
    with pytest.raises(SerbenchError) as error:
        place.race().run()
    assert error.value.facts["failed"] == dict.fromkeys(SKILLS, "full disk")


def test_with_too_few_minutes_nothing_is_ranked(place):
    with pytest.raises(SerbenchError) as error:
        place.race(minutes=0.4).run()
    assert error.value.facts == {"minutes": 0.4}


def test_candidates_are_tested_on_the_holdout_once_after_all_trials(place):
    placed = place.race(protocol="speaker-2:holdout").run()
    with place.database.session() as session:
        looks = session.query(LookRow).count()
    assert looks == sum(each.entry is not None for each in placed) == len(SKILLS)


class Stop(BaseException):
    """The end of a process."""


@pytest.mark.parametrize("stopped_at", [1, 3, 5, 12])
def test_stopped_after_any_trial_it_has_the_same_candidates(place, monkeypatch, stopped_at):
    ended = []

    def stop(self, event):
        ended.append(event)
        if len(ended) == stopped_at:
            raise Stop

    with monkeypatch.context() as patch:
        patch.setattr(Said, "trial_ended", stop)
        with pytest.raises(Stop):
            place.race().run()
    placed = place.race().run()
    assert [(each.backbone, each.trials, each.entry) for each in placed] == [
        ("strong", MOST, 1),
        ("middle", MOST, 2),
        ("weak", 1, 3),
    ]


def test_a_watch_records_the_time_also_if_it_is_left_by_an_error(database, made):
    plan, records = made.plan(made.manifest()), CandidateRecords(database)
    times = iter([10.0, 12.0, 12.0, 40.0, 40.0, 40.0, 41.0])
    watch = Watch(SearchListener(), plan, records, lambda: next(times), 30.0)
    with watch:
        watch.epoch(0, 0, None)
        with pytest.raises(TimeIsUp):
            watch.epoch(0, 0, None)
    assert records.seconds(plan) == 31.0
    watch.epoch(0, 0, None)  # of a job that is being cancelled


class Endless:
    """An executor whose jobs never end; its clock is moved on while it waits."""

    def __init__(self, state):
        self.state, self.cancelled = state, []

    def wait(self, futures, seconds=None):
        self.state.now += seconds

    def cancel(self, future):
        self.cancelled.append(future)


def test_a_job_is_stopped_in_time_although_it_sends_no_message(place, database, made):
    plan, records = made.plan(made.manifest()), CandidateRecords(database)
    executor, futures = Endless(place), [Future(), Future()]
    watch = Watch(SearchListener(), plan, records, lambda: place.now, place.now + 12)
    with pytest.raises(TimeIsUp), watch:
        Watched(executor, watch.check).wait(futures)
    assert executor.cancelled == futures
    assert place.now == pytest.approx(1012)
    assert records.seconds(plan) == pytest.approx(12)


def test_a_job_that_has_ended_is_not_lost_when_the_time_is_over(place):
    future = Future()

    class Ends(Endless):
        def wait(self, futures, seconds=None):
            future.set_result("ended")

    def over():
        raise TimeIsUp

    Watched(Ends(place), over).wait([future])
    assert future.result() == "ended"


def test_the_latency_of_a_candidate_is_kept_for_each_machine(database, made):
    plan, records = made.plan(made.manifest()), CandidateRecords(database)
    records.save_latency(plan, "here", 4.0)
    records.save_latency(plan, "there", 9.0)
    records.add_seconds(plan, 2.0)
    assert [records.latency(plan, machine) for machine in ("here", "there", "nowhere")] == [
        4.0,
        9.0,
        None,
    ]
