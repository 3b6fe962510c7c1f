"""The time of a search: who gets trials, how many, and when it ends."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serbench.score.confusion import Tally
from serbench.search.racing import (
    FIRST_SHARE,
    LAST_RUNG,
    LEAST,
    Racer,
    Result,
    finalists,
    next_step,
    survivors,
    trials_of,
)

MOST = trials_of(LAST_RUNG)


@dataclass
class Candidate:
    """A candidate of an invented world: what its trials cost, and what they score."""

    name: str
    seconds: float
    uars: list
    preparation: float = 0.0
    ranking: float = 5.0
    spent: float = 0.0
    done: float = 0.0  # of the trial that was stopped, in seconds
    results: list = field(default_factory=list)

    def racer(self):
        return Racer(
            self.name,
            tuple(self.results),
            self.spent,
            self.seconds if self.results else None,
            self.ranking,
        )

    def run(self, trials, seconds):
        """Run trials until their number or the time is reached; gives the time that they took."""
        took = 0.0
        while len(self.results) < trials:
            needed = self.seconds - self.done + (0 if self.results else self.preparation)
            if took + needed > seconds:
                self.done += seconds - took
                took = seconds
                break
            took += needed
            self.done = 0.0
            self.results.append(Result(self.uars[len(self.results) % len(self.uars)]))
        self.spent += took
        return took


def race(candidates, budget, steps=10_000):
    """Run a search; gives its steps and the time that it took."""
    by_name, taken, clock = {each.name: each for each in candidates}, [], 0.0
    while len(taken) < steps:
        racers = [each.racer() for each in candidates]
        step = next_step(racers, budget - clock, budget)
        if step is None:
            break
        before = len(by_name[step.name].results)
        assert step.trials > before
        assert step.seconds >= LEAST
        clock += by_name[step.name].run(step.trials, step.seconds)
        taken.append((step.name, before, step.trials))
    return taken, clock


def world(*scores, seconds=1.0, **changes):
    return [Candidate(f"c{number}", seconds, [uar], **changes) for number, uar in enumerate(scores)]


candidates = st.lists(
    st.tuples(
        st.floats(0.5, 500),
        st.lists(st.none() | st.floats(0, 1), min_size=1, max_size=6),
        st.floats(0, 300),
        st.floats(0, 60),
    ),
    min_size=1,
    max_size=6,
).map(
    lambda drawn: [
        Candidate(f"c{number}", seconds, uars, preparation, ranking)
        for number, (seconds, uars, preparation, ranking) in enumerate(drawn)
    ]
)


@settings(max_examples=40)
@given(candidates, st.floats(1, 5000))
def test_a_search_ends_and_leaves_the_time_for_ranking(found, budget):
    _, clock = race(found, budget, steps=1000)
    racers = [each.racer() for each in found]
    assert clock <= budget * (1 + 1e-9)
    assert next_step(racers, budget - clock, budget) is None
    reserved = sum(racer.rank_seconds for racer in finalists(racers))
    if len(finalists(racers)) == 1:
        assert clock + reserved <= budget * (1 + 1e-9)


@settings(max_examples=40)
@given(candidates, st.floats(1, 5000))
def test_the_same_world_has_the_same_search(found, budget):
    again = [replace(each, results=[]) for each in found]
    assert race(found, budget) == race(again, budget)


@settings(max_examples=40)
@given(candidates)
def test_with_enough_time_each_candidate_is_tried_and_the_better_half_has_all_trials(found):
    needed = sum(MOST * each.seconds + each.preparation + each.ranking for each in found)
    race(found, needed / FIRST_SHARE)
    assert all(each.results for each in found)
    better = {racer.name for racer in survivors([each.racer() for each in found], 1)}
    for each in found:
        perfect = 1 in [result.uar for result in each.results]
        if each.name in better and not perfect:
            assert len(each.results) == MOST


def test_first_trials_come_in_the_given_order():
    taken, _ = race(world(0.1, 0.9, 0.5), 1000)
    assert taken[:3] == [("c0", 0, 1), ("c1", 0, 1), ("c2", 0, 1)]


def test_the_better_half_gets_more_trials_until_one_is_left():
    taken, _ = race(world(0.5, 0.7, 0.4, 0.8, 0.6), 1000)
    rungs = {}
    for name, _, trials in taken:
        rungs.setdefault(trials, []).append(name)
    assert rungs[1] == ["c0", "c1", "c2", "c3", "c4"]
    assert rungs[4][:3] == ["c1", "c3", "c4"]
    assert rungs[10][:2] == ["c1", "c3"]
    assert rungs[22][0] == "c3"
    assert rungs[46][0] == "c3"


def test_of_equally_good_candidates_the_first_ones_stay():
    racers = [each.racer() for each in run_first(world(0.5, 0.5, 0.5, 0.5))]
    assert [racer.name for racer in survivors(racers, 1)] == ["c0", "c1"]
    assert [racer.name for racer in finalists(racers)] == ["c0", "c1"]


def run_first(found):
    for each in found:
        each.run(1, float("inf"))
    return found


def test_a_rung_is_decided_by_the_trials_of_the_rung_below():
    [one, other] = run_first(world(0.6, 0.5))
    other.results += [Result(0.9)] * 3
    racers = [one.racer(), other.racer()]
    assert [racer.name for racer in survivors(racers, 1)] == ["c0"]


def test_a_candidate_whose_first_trial_failed_gets_no_more():
    taken, _ = race(world(None, 0.4), 1000)
    assert ("c0", 0, 1) in taken
    assert all(name == "c1" for name, before, _ in taken if before)


def test_perfect_candidates_get_no_more_trials():
    taken, _ = race(world(1.0, 0.4), 1000)
    assert taken == [("c0", 0, 1), ("c1", 0, 1)]


def test_a_slow_first_trial_is_stopped_and_continued_last():
    slow = Candidate("slow", 400, [0.9])
    found = [*world(0.5), slow]
    taken, clock = race(found, 1000)
    first = next(number for number, (name, *_) in enumerate(taken) if name == "slow")
    assert taken[first + 1][0] == "c0"
    assert taken[-1][0] == "slow", "it has the time that is left in the end"
    assert slow.results
    assert clock <= 1000


def test_a_slow_first_trial_takes_at_most_its_share_first():
    slow = Candidate("slow", 400, [0.9])
    racers = [each.racer() for each in (*run_first(world(0.5)), slow)]
    step = next_step(racers, 999, 1000)
    assert (step.name, step.seconds) == ("slow", FIRST_SHARE * 1000)


def test_without_any_result_a_trial_may_take_all_time_but_that_of_its_ranking():
    [only] = world(0.5, ranking=30)
    step = next_step([only.racer()], 100, 100)
    assert (step.name, step.trials, step.seconds) == ("c0", 1, 70)
    assert next_step([only.racer()], 30, 100) is None


def test_the_first_trial_of_all_leaves_time_for_those_that_follow():
    found = [Candidate("slow", 800, [0.5]), Candidate("quick", 1, [0.6])]
    taken, clock = race(found, 1000)
    names = [name for name, *_ in taken]
    assert names == ["slow", *["quick"] * (LAST_RUNG + 1), "slow"]
    assert found[0].results, "it is continued in the end"
    assert clock + 10 <= 1000


@pytest.mark.parametrize(("tried", "ranked"), [(1, 1), (2, 2), (3, 2), (4, 2), (5, 3), (6, 3)])
def test_the_better_half_is_ranked_and_at_least_two_candidates(tried, ranked):
    scores = [0.1 * (number + 1) for number in range(tried)]
    racers = [each.racer() for each in run_first(world(*scores))]
    names = [racer.name for racer in finalists(racers)]
    assert names == [f"c{number}" for number in reversed(range(tried - ranked, tried))]


def test_no_more_trials_are_begun_than_fit():
    [only] = run_first(world(0.5, seconds=10, ranking=5))
    assert next_step([only.racer()], 26, 100).trials == 3
    assert next_step([only.racer()], 14, 100) is None


@settings(max_examples=40)
@given(candidates, st.floats(100, 5000), st.data())
def test_after_a_kill_within_a_step_the_same_candidate_continues(found, budget, data):
    steps = data.draw(st.integers(0, 12))
    _, clock = race(found, budget, steps)
    step = next_step([each.racer() for each in found], budget - clock, budget)
    if step is None:
        return
    candidate = next(each for each in found if each.name == step.name)
    part = data.draw(st.integers(len(candidate.results), step.trials))
    clock += candidate.run(part, step.seconds)
    again = next_step([each.racer() for each in found], budget - clock, budget)
    if again is not None and len(candidate.results) < step.trials and candidate.results:
        assert again.name == step.name
        assert again.trials <= trials_above(step.trials)


def trials_above(trials):
    return next(trials_of(rung) for rung in range(LAST_RUNG + 1) if trials_of(rung) >= trials)


def tally_of(right, speakers=8, clips=20):
    """Two emotions; each speaker has about so many clips of each right."""
    random = np.random.default_rng(right)
    counts = np.zeros((speakers, 2, 2), dtype=np.int64)
    for speaker in range(speakers):
        for emotion in (0, 1):
            correct = int(np.clip(right + random.integers(-4, 5), 0, clips))
            counts[speaker, emotion, emotion] = correct
            counts[speaker, emotion, 1 - emotion] = clips - correct
    return Tally(tuple(f"s{number}" for number in range(speakers)), counts)


@pytest.mark.parametrize(("other", "stays"), [(17, True), (9, False)])
def test_a_candidate_that_is_significantly_worse_is_not_continued(other, stays):
    racers = [
        Racer(name, (Result(right / 20, tally_of(right)),), 1.0, 1.0)
        for name, right in (("best", 18), ("other", other), ("third", 5), ("fourth", 4))
    ]
    expected = ["best", "other"] if stays else ["best"]
    assert [racer.name for racer in survivors(racers, 1)] == expected
