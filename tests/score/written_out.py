"""Reference scores and intervals, computed one clip at a time in plain Python."""

import math
from collections import namedtuple

import numpy as np
from hypothesis import strategies as st
from scipy.stats import t as student

from serbench.score.confusion import COUNT_METRICS, ratios_of_counts, tally
from serbench.score.intervals import clip_interval, tally_interval
from serbench.score.resampling import RESAMPLES, draws, resampled

Clip = namedtuple("Clip", "speaker true predicted")


@st.composite
def tested_clips(draw, systems):
    """Number of emotions, and each system's predictions for the same clips.

    Examples include speakers with one clip, single speakers, and emotions without clips.
    """
    emotions = draw(st.integers(2, 5))
    emotion = st.integers(0, emotions - 1)
    spoken = st.tuples(st.sampled_from("vwxyz"), emotion, *[emotion] * systems)
    clips = draw(st.lists(spoken, min_size=1, max_size=25))
    answers = [
        [Clip(speaker, true, said[system]) for speaker, true, *said in clips]
        for system in range(systems)
    ]
    return emotions, answers


def tally_of(clips, emotions):
    """The package's tally of clips."""
    logits = np.eye(emotions)[[clip.predicted for clip in clips]]
    return tally(logits, np.array([clip.true for clip in clips]), [clip.speaker for clip in clips])


def uar(clips):
    spoken = sorted({clip.true for clip in clips})
    recalls = []
    for emotion in spoken:
        of_it = [clip for clip in clips if clip.true == emotion]
        recalls.append(sum(clip.predicted == emotion for clip in of_it) / len(of_it))
    return sum(recalls) / len(recalls)


def accuracy(clips):
    return sum(clip.true == clip.predicted for clip in clips) / len(clips)


def macro_f1(clips):
    spoken = sorted({clip.true for clip in clips})
    f1s = []
    for emotion in spoken:
        both = sum(clip.true == emotion == clip.predicted for clip in clips)
        either = sum((clip.true == emotion) + (clip.predicted == emotion) for clip in clips)
        f1s.append(2 * both / either)
    return sum(f1s) / len(f1s)


SCORES = {"uar": uar, "accuracy": accuracy, "macro_f1": macro_f1}


def resample(clips, times):
    """The clips of each speaker, repeated by the number of times it was drawn."""
    drawn = []
    for speaker, often in zip(sorted({clip.speaker for clip in clips}), times, strict=True):
        for _ in range(int(often)):
            drawn += [clip for clip in clips if clip.speaker == speaker]
    return drawn


def effective_speakers(clips):
    """(Σn)²/Σn²: the number of equal speakers that give the same precision."""
    names = [clip.speaker for clip in clips]
    return len(clips) ** 2 / sum(names.count(name) ** 2 for name in set(names))


def standard_error(values, speakers):
    mean = math.fsum(values) / len(values)
    spread = math.fsum((value - mean) ** 2 for value in values) / len(values)
    return math.sqrt(spread * speakers / (speakers - 1))


def interval_of_share(point, values, speakers):
    error = standard_error(values, speakers)
    if error < 1e-12 or point in (0, 1):
        return interval_where_all_are_alike(point, speakers, 0)
    half = student.ppf(0.975, speakers - 1) * error / (point * (1 - point))
    middle = math.log(point / (1 - point))
    ends = (max(middle - half, -700), middle + half)  # beyond these limits exp overflows
    return tuple(1 / (1 + math.exp(-end)) for end in ends)


def interval_where_all_are_alike(point, speakers, lowest):
    """The share that differs is such that in 5 % of tests all tested speakers are equal."""
    share = 1 - math.exp(math.log(0.05) / speakers)
    return point - share * (point - lowest), point + share * (1 - point)


def interval_of_difference(point, values, speakers):
    error = standard_error(values, speakers)
    if error < 1e-12:
        return interval_where_all_are_alike(point, speakers, -1)
    half = student.ppf(0.975, speakers - 1) * error
    return max(point - half, -1), min(point + half, 1)


def intervals_on(counted, drawn):
    """The interval of each metric of a tally on given draws; None without draws."""
    if drawn is None:
        return None
    return {metric: tally_interval(counted, metric, drawn) for metric in COUNT_METRICS}


def speaker_intervals(counted, seed=0, resamples=RESAMPLES):
    """The same, with new draws."""
    return intervals_on(counted, draws(counted.clips, seed, resamples))


def clip_intervals(counted, seed=0, resamples=RESAMPLES):
    """The per-clip interval of each metric, or None."""
    found = {metric: clip_interval(counted, metric, seed, resamples) for metric in COUNT_METRICS}
    return None if None in found.values() else found


def resampled_metric(counted, drawn, metric):
    """A metric of each draw."""
    return resampled(ratios_of_counts(counted.counts, metric), drawn)
