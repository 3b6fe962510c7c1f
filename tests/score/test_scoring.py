"""Every metric of a test, with its interval; over folds, with its spread."""

import math

import numpy as np
import pytest
import written_out
from error_facts import value_error
from hypothesis import given, settings
from hypothesis import strategies as st

from serbench.builtin.metrics import register_metrics
from serbench.errors import PluginError
from serbench.score.confusion import COUNT_METRICS, confusion_of, recalls, tally
from serbench.score.intervals import tally_interval
from serbench.score.metric import Ratios, Score
from serbench.score.resampling import RESAMPLES, RESCORED, draws, resampled, resampled_scores
from serbench.score.scoring import score_folds, score_holdout, score_pooled

METRICS = []
register_metrics(METRICS.append)
UAR = METRICS[0]

EXPECTED_VALUES = {
    "uar": 0.7182706707980597,
    "accuracy": 0.725,
    "macro_f1": 0.7138825809186424,
    "ece": 0.18180357417026752,
}
EXPECTED_INTERVALS = {
    "uar": (0.6633170861195006, 0.7673999804661317),
    "accuracy": (0.66375736809935, 0.7788052465294321),
    "macro_f1": (0.6556967844447644, 0.7657481791231978),
}
EXPECTED_CV = (0.6991102947219461, 0.072029919652195)

quick = settings(max_examples=15, deadline=None)


def clips_of(seed=0, speakers=8, each=30, classes=4, skill=1.0):
    """Logits ``[n, C]``, targets and speakers of different difficulty."""
    random = np.random.default_rng(seed)
    n = speakers * each
    targets = np.arange(n) % classes
    names = np.array([f"s{number // each:02}" for number in range(n)])
    strength = np.repeat(random.normal(skill, 0.5, speakers), each)
    logits = random.normal(size=(n, classes))
    logits[np.arange(n), targets] += strength
    return logits.astype(np.float32), targets, names


def fixed_clips():
    """240 clips of eight speakers with unequal numbers of clips, made without random numbers."""
    number = np.arange(240)
    targets = (number * number + number // 9) % 5 % 4
    speakers = np.array([f"s{each}" for each in np.sqrt(number).astype(int) // 2])
    right = (number * 7 + number // 30 * 5) % 11 < 6 + (number // 30) % 3
    predicted = np.where(right, targets, (number // 3) % 4)
    logits = np.eye(4, dtype=np.float32)[predicted] * (1 + number % 5)[:, None]
    return logits.astype(np.float32), targets, speakers


def rows_of(clips, rows):
    return tuple(each[rows] for each in clips)


def test_scores_and_intervals_are_those_of_the_first_edition():
    """Golden values of its `results/standing.py`, before metrics were plugins."""
    found = score_holdout(METRICS, *fixed_clips())
    assert {name: found[name].value for name in EXPECTED_VALUES} == pytest.approx(
        EXPECTED_VALUES, abs=1e-12
    )
    for name, ends in EXPECTED_INTERVALS.items():
        assert found[name].interval == pytest.approx(ends, abs=1e-12)
    thirds = [rows_of(fixed_clips(), slice(first, None, 3)) for first in range(3)]
    uar = score_folds(METRICS, thirds)["uar"]
    assert (uar.value, uar.spread) == pytest.approx(EXPECTED_CV, abs=1e-12)
    pooled = score_pooled(METRICS, thirds)["uar"]
    assert pooled.value == pytest.approx(EXPECTED_VALUES["uar"], abs=1e-12)
    assert pooled.interval == pytest.approx(EXPECTED_INTERVALS["uar"], abs=1e-12)


def test_every_metric_has_its_score_inside_its_interval():
    found = score_holdout(METRICS, *clips_of())
    assert list(found) == [metric.name for metric in METRICS]
    for score in found.values():
        assert score.low < score.value < score.high
        assert score.interval == (score.low, score.high)


@quick
@given(st.integers(0, 10**6), st.integers(2, 12), st.integers(4, 40), st.floats(-2, 6))
def test_for_all_tests_scores_are_inside_their_intervals(seed, speakers, each, skill):
    found = score_holdout(METRICS, *clips_of(seed, speakers, each, skill=skill))
    for metric in METRICS:
        score = found[metric.name]
        assert math.isfinite(score.value)
        if score.interval is not None:
            assert score.low <= score.value <= score.high
            assert not metric.share or 0 <= score.low <= score.high <= 1


def test_count_metrics_have_the_interval_of_the_tally():
    logits, targets, speakers = clips_of()
    found = score_holdout(METRICS, logits, targets, speakers)
    counted = tally(logits, targets, speakers)
    drawn = draws(counted.clips)
    for name in COUNT_METRICS:
        assert found[name].interval == tally_interval(counted, name, drawn)


def test_the_interval_of_the_log_loss_is_the_one_written_out():
    """Student's t about the mean, with the losses summed for one draw at a time."""
    logits, targets, speakers = clips_of(speakers=4, each=12)
    loss = [
        math.log(math.fsum(math.exp(each) for each in row)) - row[target]
        for row, target in zip(logits.tolist(), targets.tolist(), strict=True)
    ]
    values = []
    for row in draws(tally(logits, targets, speakers).clips):
        losses, often = zip(
            *[(times * each, times) for each, times in zip(loss, np.repeat(row, 12), strict=True)],
            strict=True,
        )
        values.append(math.fsum(losses) / sum(often))
    assert len(values) == RESAMPLES
    mean = math.fsum(loss) / len(loss)
    half = written_out.student.ppf(0.975, 3) * written_out.standard_error(values, 4)
    found = score_holdout(METRICS, logits, targets, speakers)["log_loss"]
    assert found.value == pytest.approx(mean)
    assert found.interval == pytest.approx((mean - half, mean + half))


class Plain:
    """Another metric without its ratios."""

    def __init__(self, metric):
        self.name, self.label, self.share = "plain", "plain", metric.share
        self.higher_is_better, self.score = metric.higher_is_better, metric.score

    def ratios(self, logits, targets, speakers):
        """None."""


@pytest.mark.parametrize("name", ["uar", "accuracy", "macro_f1", "log_loss"])
def test_without_ratios_the_interval_is_about_that_from_ratios(name):
    metric = next(each for each in METRICS if each.name == name)
    found = score_holdout([metric, Plain(metric)], *clips_of())
    one, other = found[name], found["plain"]
    assert one.value == other.value
    # The tolerance is four standard errors of a standard error from 400 draws.
    assert other.high - other.low == pytest.approx(one.high - one.low, rel=4 / math.sqrt(2 * 400))


@pytest.mark.parametrize("name", ["uar", "accuracy", "macro_f1", "log_loss"])
def test_on_each_draw_a_metric_computed_from_logits_equals_that_from_ratios(name):
    metric = next(each for each in METRICS if each.name == name)
    logits, targets, speakers = clips_of()
    drawn = draws(tally(logits, targets, speakers).clips)
    anew = resampled_scores(Plain(metric), logits, targets, speakers, drawn)
    assert len(anew) == RESCORED
    from_ratios = resampled(metric.ratios(logits, targets, speakers), drawn[:RESCORED])
    assert anew == pytest.approx(from_ratios, abs=1e-9)


def test_one_speaker_has_scores_and_no_intervals():
    found = score_holdout(METRICS, *clips_of(speakers=1))
    assert all(score.interval is None for score in found.values())


def test_the_names_of_speakers_and_the_order_of_clips_do_not_matter():
    clips = clips_of()
    logits, targets, speakers = rows_of(clips, np.random.default_rng(1).permutation(240))
    one = score_holdout(METRICS, *clips)
    other = score_holdout(METRICS, logits, targets, np.char.add("x", speakers))
    for name in one:
        assert other[name].value == pytest.approx(one[name].value, abs=1e-9)
        assert other[name].interval == pytest.approx(one[name].interval, abs=1e-9)


def test_speakers_of_another_order_have_about_the_same_intervals():
    """The draws are then different, and the intervals differ like those of two bootstraps."""
    logits, targets, speakers = clips_of()
    renamed = np.array([f"s{(int(name[1:]) * 3 + 1) % 8:02}" for name in speakers])
    one = score_holdout(METRICS, logits, targets, speakers)
    other = score_holdout(METRICS, logits, targets, renamed)
    for name in one:
        assert other[name].value == pytest.approx(one[name].value, abs=1e-9)
        close = 0.25 if name in ("ece", "auc") else 0.08  # for 400 draws, and for 4,000
        widths = [score.high - score.low for score in (one[name], other[name])]
        assert widths[0] == pytest.approx(widths[1], rel=close)
        assert widths[0] != widths[1]


def test_over_folds_the_mean_and_its_spread():
    folds = [clips_of(seed, each=20 + 10 * seed) for seed in range(3)]
    found = score_folds(METRICS, folds)
    for metric in METRICS:
        each = [metric.score(*fold[:2]) for fold in folds]
        assert found[metric.name].value == pytest.approx(np.mean(each))
        assert found[metric.name].spread == pytest.approx(np.std(each, ddof=1))
        assert found[metric.name].interval is None


def test_over_pooled_folds_the_score_of_their_clips_with_its_interval():
    folds = [clips_of(seed, each=20 + 10 * seed) for seed in range(3)]
    together = tuple(np.concatenate(parts) for parts in zip(*folds, strict=True))
    found = score_pooled(METRICS, folds)
    assert found == score_holdout(METRICS, *together)
    for metric in METRICS:
        assert found[metric.name].value == pytest.approx(metric.score(*together[:2]))
    means = score_folds(METRICS, folds)
    assert found["uar"].value != pytest.approx(means["uar"].value, abs=1e-4), "two numbers"
    with pytest.raises(ValueError, match="no folds"):
        score_pooled(METRICS, [])


def test_one_fold_has_no_spread_and_none_no_score():
    assert score_folds(METRICS, [clips_of()])["uar"].spread is None
    with value_error():
        score_folds(METRICS, [])


class WorstRecall:
    """A metric of a plugin: the lowest recall of an emotion."""

    name, label, higher_is_better, share = "worst_recall", "worst recall", True, True

    def score(self, logits, targets):
        return float(np.nanmin(recalls(confusion_of(logits, targets))))

    def ratios(self, logits, targets, speakers):
        return None


def test_a_metric_of_ten_lines_has_its_value_and_its_interval():
    logits, targets, speakers = clips_of()
    found = score_holdout([WorstRecall()], logits, targets, speakers)["worst_recall"]
    predicted = logits.argmax(axis=1)
    expected = min(float((predicted[targets == each] == each).mean()) for each in range(4))
    assert found.value == pytest.approx(expected)
    assert 0 < found.low < found.value < found.high < 1
    over = score_folds([WorstRecall()], [clips_of(seed) for seed in range(2)])
    assert isinstance(over["worst_recall"], Score)


class Broken(WorstRecall):
    """A metric that is NaN or infinite, for all clips or for many draws."""

    name = "broken"

    def __init__(self, value, only_resampled):
        self.value, self.fine = value, only_resampled

    def score(self, logits, targets):
        fine, self.fine = self.fine, False
        return 0.5 if fine else self.value


class Undefined(WorstRecall):
    """The precision of an emotion that is predicted for only one speaker."""

    name = "broken"

    def ratios(self, logits, targets, speakers):
        rows = np.arange(len(np.unique(speakers))) == 0
        return Ratios(rows[:, None] * 1.0, rows[:, None] * 2.0)


@pytest.mark.parametrize(
    "metric",
    [
        *[Broken(value, False) for value in (math.nan, math.inf)],
        *[Broken(value, True) for value in (math.nan, math.inf)],
        Undefined(),
    ],
)
def test_a_metric_that_is_nan_or_infinite_is_an_error(metric):
    with pytest.raises(PluginError) as raised:
        score_holdout([metric], *clips_of())
    assert raised.value.facts == {"metric": "broken"}


def test_a_metric_without_bounds_has_no_interval_where_one_speaker_has_nearly_all_clips():
    logits, targets, speakers = clips_of(speakers=1, each=600)
    speakers[:4] = "s01"
    found = score_holdout(METRICS, logits, targets, speakers)
    assert found["uar"].interval == pytest.approx((0, 1))
    assert found["log_loss"].interval is None
