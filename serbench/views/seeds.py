"""The scores of an entry's winner with several seeds: variance of training and of speakers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from serbench.data.manifest import Manifest
from serbench.score.confusion import Tally, score_counts, tally
from serbench.score.metric import CORRECTED
from serbench.score.variance import Groups, SeedVariance, seed_variance
from serbench.store.database import Database
from serbench.store.repetitions import SeededRun, SeededRuns, seeded_runs
from serbench.store.schema import SystemRow
from serbench.store.systems import Systems, find_system, manifest_of


@dataclass(frozen=True)
class SeedScore:
    """The score with one seed.

    Attributes:
        seed: number of the seed, from 1, which is that of the entry.
        uar: UA on all clips that the entry's score comes from, without a correction for the
            selection; None if a training diverged.
        seconds: training time.
        failure: why a training diverged, else empty.
    """

    seed: int
    uar: float | None
    seconds: float
    failure: str


@dataclass(frozen=True)
class SeedsView:
    """All seeds of an entry.

    Attributes:
        seeds: the score with each seed.
        identical: whether another seed changes nothing.
        variance: variance between seeds and between speakers; None if a seed changes nothing, or
            fewer than two seeds have a score.
        networks: number of networks with each seed, which test different clips.
        selected: whether the winner was selected by the clips of these scores, which are not
            corrected for it.
    """

    seeds: tuple[SeedScore, ...]
    identical: bool
    variance: SeedVariance | None
    networks: int
    selected: bool

    @property
    def sentences(self) -> tuple[str, ...]:
        """The result in plain sentences, in points of UA; none without a second seed."""
        if len(self.seeds) < 2:
            return ()
        failed = [each for each in self.seeds if each.failure]
        notes = [f"the training with seed {each.seed} failed: {each.failure}" for each in failed]
        if self.identical:
            notes.append(
                "the training of this head has no random numbers: all seeds give the same result"
            )
        if self.variance is not None:
            notes += self._sentences(self.variance)
        return tuple(notes)

    def _sentences(self, found: SeedVariance) -> list[str]:
        """Variation between seeds, then between speakers."""
        scores = ", ".join(f"{100 * score:.1f}" for score in found.scores)
        if self.selected:
            scores += " (on the folds, not corrected for the selection)"
        sd = f"{_points(found.sd)} points"
        if found.sd_interval is not None:
            sd += " (95 % {}–{})".format(*map(_points, found.sd_interval))
        if self.networks > 1 and found.components is not None:
            alone = _points(sqrt(found.components.seed))
            sd += f", of one of the {self.networks} networks alone {alone}"
        training = (
            f"training: UA with {len(found.scores)} seeds {scores}; standard deviation between "
            f"seeds {sd}"
        )
        if found.standard_error is None or found.interval is None:
            return [training, "speakers: no standard error over speakers can be estimated"]
        low, high = found.interval
        return [
            training,
            f"speakers: standard error of the mean UA {100 * found.mean:.1f} over "
            f"{found.speakers} speakers {_points(found.standard_error)} points (95 % "
            f"{100 * low:.1f}–{100 * high:.1f}); seeds do not count as speakers, so that more "
            "seeds do not make this interval narrower",
        ]

    @property
    def components(self) -> str | None:
        """The components of the variance as a sentence, or None."""
        found = None if self.variance is None else self.variance.components
        if found is None:
            return None
        shown = ", ".join(
            f"{name} {_points(sqrt(getattr(found, name)))}"
            for name in ("speaker", "seed", "interaction")
        )
        zero = f" ({' and '.join(found.negative)}: estimated below 0 and set to 0)"
        return (
            "standard deviations of the UA of one speaker tested by one network, in points: "
            f"{shown}{zero if found.negative else ''}"
        )

    def as_dict(self) -> dict[str, Any] | None:
        """Plain data, with shares; None without a second seed."""
        if len(self.seeds) < 2:
            return None
        found = self.variance
        parts = None if found is None else found.components
        return {
            "scores": [vars(each) for each in self.seeds],
            "identical": self.identical,
            "mean": None if found is None else found.mean,
            "mean_ci": None if found is None else found.interval,
            "standard_error": None if found is None else found.standard_error,
            "sd": None if found is None else found.sd,
            "sd_ci": None if found is None else found.sd_interval,
            "speakers": None if found is None else found.speakers,
            "components": None
            if parts is None
            else {
                "speaker_sd": sqrt(parts.speaker),
                "seed_sd": sqrt(parts.seed),
                "interaction_sd": sqrt(parts.interaction),
                "set_to_zero": list(parts.negative),
            },
            "sentences": list(self.sentences),
        }


def seeds_of(session: Session, system: SystemRow, manifest: Manifest) -> SeedsView:
    """The scores of an entry with each of its seeds.

    Args:
        session: session of the database.
        system: the entry; an import has no seeds.
        manifest: its dataset.
    """
    found = seeded_runs(session, system)
    tallies = {run.number: _tally(run, manifest) for run in found.runs}
    tested = [each for each in tallies.values() if each is not None]
    varies = len(tested) > 1 and not found.identical
    return SeedsView(
        tuple(_score(run, tallies[run.number]) for run in found.runs),
        found.identical,
        seed_variance(tested, _networks(tested[0], found, manifest)) if varies else None,
        len(found.tests),
        system.protocol.evidence == CORRECTED,
    )


def seeds_view(database: Database, number: int) -> SeedsView:
    """The scores of an entry with each of its seeds.

    Raises:
        UsageError: there is no such entry.
    """
    with database.session() as session:
        system = find_system(session, number)
        return seeds_of(session, system, manifest_of(database, system.protocol))


def seed_scores(database: Database) -> Iterator[tuple[int, str, SeedScore]]:
    """Number and backbone of each entry that was trained here, with its score with each seed."""
    manifests: dict[int, Manifest] = {}
    with database.session() as session:
        for number in Systems(database).numbers():
            system = find_system(session, number)
            dataset = system.protocol.dataset_id
            if dataset not in manifests:
                manifests[dataset] = manifest_of(database, system.protocol)
            for run in seeded_runs(session, system).runs:
                yield number, system.name, _score(run, _tally(run, manifests[dataset]))


def _networks(tested: Tally, found: SeededRuns, manifest: Manifest) -> Groups | None:
    """The network that tests each speaker ``[S]``; None if several test the same speaker."""
    place = {speaker: number for number, speaker in enumerate(tested.speakers)}
    networks = np.full(len(place), -1)
    for network, rows in enumerate(found.tests):
        inside = [place[str(speaker)] for speaker in np.unique(manifest.speakers[rows])]
        if (networks[inside] >= 0).any():
            return None
        networks[inside] = network
    return networks


def _tally(run: SeededRun, manifest: Manifest) -> Tally | None:
    if run.tested is None:
        return None
    rows = run.tested.rows
    return tally(run.tested.logits, manifest.targets[rows], manifest.speakers[rows])


def _score(run: SeededRun, counted: Tally | None) -> SeedScore:
    uar = None if counted is None else score_counts(counted.confusion, "uar")
    return SeedScore(run.number, uar, run.seconds, run.failure)


def _points(share: float) -> str:
    """A standard deviation or error in points."""
    return f"{100 * share:.1f}"
