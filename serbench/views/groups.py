"""Scores of an entry in groups of clips: by sex, corpus, language or intensity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from serbench.data.corpus import Corpus
from serbench.data.manifest import Manifest
from serbench.data.traits import TRAITS, Trait, traits_of
from serbench.score.comparison import Difference
from serbench.score.confusion import Tally, score_counts, tally
from serbench.score.groups import group_difference
from serbench.score.intervals import CONFIDENCE, Interval, tally_interval
from serbench.score.resampling import draws
from serbench.store.database import Database
from serbench.store.predictions import Predictions
from serbench.store.systems import all_tested, find_system, manifest_of

NOT_KNOWN = "not known"
"""The group of the clips of which a trait is not known."""


@dataclass(frozen=True)
class GroupScore:
    """An entry's score on one group of its tested clips.

    Attributes:
        entry: number of the entry.
        trait: ``sex``, ``corpus``, ``language`` or ``intensity``.
        group: value of the trait, or ``not known``.
        clips: number of its tested clips.
        speakers: number of their speakers.
        emotions: number of their emotions, over which UA is averaged.
        uar: unweighted average recall, not corrected for the selection of a winner.
        uar_ci: its 95 % interval over speakers, or None.
        difference: UA of the group minus that of all other groups together, on the emotions that
            occur in both; None of ``not known``, and where no emotion occurs in both.
        difference_ci: its interval; those of all groups of a trait hold together at 95 %.
        smallest: whether it is the group with the fewest speakers, or of several such groups the
            one with the fewest clips.
    """

    entry: int
    trait: Trait
    group: str
    clips: int
    speakers: int
    emotions: int
    uar: float
    uar_ci: tuple[float, float] | None
    difference: float | None
    difference_ci: tuple[float, float] | None
    smallest: bool

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return dict(vars(self))

    def as_flat_dict(self) -> dict[str, Any]:
        """Plain data of one value each, the line of ``--format csv``."""
        flat: dict[str, Any] = {}
        for name, value in vars(self).items():
            if name.endswith("_ci"):
                flat[f"{name}_low"], flat[f"{name}_high"] = value or (None, None)
            else:
                flat[name] = int(value) if isinstance(value, bool) else value
        return flat


def group_scores(
    database: Database,
    numbers: Sequence[int],
    corpora: Mapping[str, Corpus],
    traits: Sequence[Trait] = TRAITS,
) -> list[GroupScore]:
    """The scores of entries of one protocol in groups, by trait and entry.

    A trait of which the tested clips have only one known value makes no groups.

    Args:
        database: the database with the entries.
        numbers: the entries.
        corpora: the registered corpora by name, which know language and intensity.
        traits: the traits to divide by.

    Raises:
        UsageError: there is no such entry.
    """
    tested: dict[int, Predictions] = {}
    with database.session() as session:
        manifest: Manifest | None = None
        for number in numbers:
            system = find_system(session, number)
            manifest = manifest or manifest_of(database, system.protocol)
            tested[number] = all_tested(session, system)
    if manifest is None:
        return []
    known = [traits_of(utterance, corpora) for utterance in manifest.utterances]
    return [
        score
        for trait in traits
        for number, predictions in tested.items()
        for score in _scores(
            number,
            trait,
            manifest,
            predictions,
            np.array([known[row][trait] or NOT_KNOWN for row in predictions.rows]),
        )
    ]


def _scores(
    entry: int,
    trait: Trait,
    manifest: Manifest,
    tested: Predictions,
    names: npt.NDArray[np.str_],
) -> list[GroupScore]:
    """The groups of one trait, the best known first; none if fewer than two are known."""

    def counted(inside: npt.NDArray[np.bool_]) -> Tally:
        rows = tested.rows[inside]
        return tally(tested.logits[inside], manifest.targets[rows], manifest.speakers[rows])

    known = sorted(set(names.tolist()) - {NOT_KNOWN})
    if len(known) < 2:
        return []
    groups = {name: counted(names == name) for name in known}
    smallest = min(known, key=lambda name: (len(groups[name].speakers), groups[name].clips.sum()))
    apart: dict[str, Difference | None] = {}
    for name in known:
        if len(known) == 2 and apart:
            apart[name] = _negative(apart[known[0]])
            break
        rest = counted((names != name) & (names != NOT_KNOWN))
        compared = 1 if len(known) == 2 else len(known)
        apart[name] = group_difference(groups[name], rest, 1 - (1 - CONFIDENCE) / compared)
    if NOT_KNOWN in names:
        groups[NOT_KNOWN] = counted(names == NOT_KNOWN)
    found = []
    for name, group in groups.items():
        difference = apart.get(name)
        found.append(
            GroupScore(
                entry=entry,
                trait=trait,
                group=name,
                clips=int(group.clips.sum()),
                speakers=len(group.speakers),
                emotions=int((group.clips.sum(axis=0) > 0).sum()),
                uar=score_counts(group.confusion, "uar"),
                uar_ci=tally_interval(group, "uar", draws(group.clips)),
                difference=None if difference is None else difference.difference,
                difference_ci=None if difference is None else difference.interval,
                smallest=name == smallest,
            )
        )
    return found


def _negative(found: Difference | None) -> Difference | None:
    """The same difference of the other one of two groups."""
    if found is None:
        return None
    ends = found.interval
    interval = None if ends is None else Interval(-ends.high, -ends.low)
    return replace(found, difference=-found.difference, interval=interval)
