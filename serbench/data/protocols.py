"""Who is trained on and who is tested."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.model_selection import LeaveOneGroupOut, StratifiedGroupKFold, StratifiedKFold

from serbench.data.manifest import Manifest
from serbench.data.seeds import derive_seed
from serbench.errors import DatasetError, LeakError, UnknownNameError, UsageError

Rows = npt.NDArray[np.int64]

EXAM = "exam"
"""The exam's place among the folds, in seeds and records."""

EXAM_SHARE = 5
"""One speaker in five is set aside for the exam."""

VALIDATION_SHARE = 7
"""One training speaker in seven decides when to stop."""


@dataclass(frozen=True)
class Fold:
    """Rows of the manifest to train on and to test on."""

    train: Rows
    test: Rows


@dataclass(frozen=True)
class Split:
    """The exam, which no search ever sees, and the folds of the dev part."""

    exam: Fold
    folds: tuple[Fold, ...]


@dataclass(frozen=True)
class Protocol:
    """A rule for splitting, with a name.

    Attributes:
        rule: ``speaker``, ``random`` or ``corpus``.
        k: number of folds; for ``corpus`` the corpora decide and it is None.
        seed: which of the rule's many splits.
    """

    rule: str
    k: int | None
    seed: int = 0

    @property
    def name(self) -> str:
        """As typed on the command line."""
        folds = "" if self.k is None else f"-{self.k}"
        return f"{self.rule}{folds}" + (f"@{self.seed}" if self.seed else "")

    @property
    def speaker_disjoint(self) -> bool:
        """True where nobody is heard both in training and in testing."""
        return self.rule != "random"

    @property
    def note(self) -> str:
        """What a reader of a result must know, or an empty string."""
        return "" if self.speaker_disjoint else "speaker-dependent"


def parse_protocol(text: str) -> Protocol:
    """Read ``speaker-5``, ``random-10``, ``corpus``, each with an optional ``@seed``.

    Raises:
        UnknownNameError: no rule of that name.
        UsageError: fewer than two folds.
    """
    match = re.fullmatch(r"(?:(speaker|random)-(\d+)|(corpus))(?:@(\d+))?", text)
    if match is None:
        raise UnknownNameError(
            "protocol", text, ("speaker-5", "speaker-10", "random-5", "random-10", "corpus")
        )
    rule, k, corpus, seed = match.groups()
    if k is not None and int(k) < 2:
        raise UsageError(f"protocol '{text}' has fewer than two folds: try {rule}-5")
    return Protocol(corpus or rule, None if k is None else int(k), int(seed or 0))


def split_dataset(manifest: Manifest, protocol: Protocol) -> Split:
    """Set the exam aside, fold the rest, and check that nothing leaks.

    Raises:
        DatasetError: one emotion only; fewer speakers (or corpora, or clips) than folds; a fold
            that would train without one of the emotions.
        LeakError: a speaker or identical audio on both sides of a speaker-disjoint split.
    """
    if len(manifest.emotions) < 2:
        raise DatasetError(
            f"dataset '{manifest.name}' has one emotion only "
            f"({', '.join(manifest.emotions) or 'none'}): a classifier needs at least two"
        )
    everyone: Rows = np.arange(len(manifest))
    units = linked_speakers(manifest) if protocol.speaker_disjoint else everyone
    strata = manifest.corpora if protocol.speaker_disjoint else manifest.targets
    exam = np.isin(units, _one_in(EXAM_SHARE, units, strata, protocol.seed))
    dev: Rows = everyone[~exam]
    _check_enough(manifest, protocol, units, dev)
    folds = tuple(
        Fold(dev[train], dev[test]) for train, test in _folds(manifest, protocol, units, dev)
    )
    split = Split(Fold(dev, everyone[exam]), folds)
    for fold in (split.exam, *split.folds):
        check_fold(manifest, protocol, fold)
    return split


def linked_speakers(manifest: Manifest) -> Rows:
    """A group number for each utterance, ``[N]``; speakers who share identical audio share it."""
    _, speaker = np.unique(manifest.speakers, return_inverse=True)
    _, audio = np.unique(manifest.audio_hashes, return_inverse=True)
    n_speakers = int(speaker.max()) + 1
    size = n_speakers + int(audio.max()) + 1
    links = coo_array((np.ones(len(manifest)), (speaker, n_speakers + audio)), shape=(size, size))
    _, component = connected_components(links, directed=False)
    return np.asarray(component[speaker], dtype=np.int64)


def check_fold(manifest: Manifest, protocol: Protocol, fold: Fold) -> None:
    """Refuse a fold that tests on what it trained on, or cannot be scored.

    Raises:
        LeakError: a speaker or identical audio on both sides of a speaker-disjoint protocol, or
            the same row on both sides of any.
        DatasetError: nothing to test, or an emotion that is tested but never trained.
    """
    sides: list[tuple[str, npt.NDArray[np.generic]]] = [("row", np.arange(len(manifest)))]
    if protocol.speaker_disjoint:
        sides += [("speaker", manifest.speakers), ("audio", manifest.audio_hashes)]
    for what, values in sides:
        both = np.intersect1d(values[fold.train], values[fold.test])
        if len(both):
            raise LeakError(
                f"{protocol.name} on dataset '{manifest.name}' leaks: {what} {both[0]} "
                "is in training and in testing; use a split that keeps them apart"
            )
    if len(fold.test) == 0:
        raise DatasetError(
            f"{protocol.name} leaves a fold of dataset '{manifest.name}' without clips: "
            "ask for fewer folds"
        )
    untrained = set(manifest.targets.tolist()) - set(manifest.targets[fold.train].tolist())
    if untrained:
        lone = ", ".join(manifest.emotions[code] for code in sorted(untrained))
        raise DatasetError(
            f"{protocol.name} on dataset '{manifest.name}' leaves a fold without training clips "
            f"of {lone}: too few speakers express it; scan with --emotions to leave it out"
        )


def validation_part(manifest: Manifest, protocol: Protocol, train: Rows, seed: int) -> Fold:
    """Part the training rows: who is learnt from, and who decides when to stop.

    Whole speakers are held out where the protocol keeps speakers apart and there are at least
    three of them; otherwise clips are, evenly over the emotions. Nobody is held out who alone
    expresses an emotion: it could not be learnt.

    Returns:
        a fold whose ``test`` is the validation part.
    """
    targets = manifest.targets[train]
    speakers = linked_speakers(manifest)[train]
    clips: Rows = np.arange(len(train))
    held_out = np.zeros(len(train), dtype=bool)
    if protocol.speaker_disjoint and len(set(speakers.tolist())) > 2:
        held_out = _spare_units(speakers, manifest.corpora[train], targets, seed)
    if not held_out.any():
        held_out = _spare_units(clips, targets, targets, seed)
    if not held_out.any():
        held_out = clips == derive_seed(seed) % len(train)
    return Fold(train[~held_out], train[held_out])


def _spare_units(
    units: Rows, strata: npt.NDArray[np.generic], targets: Rows, seed: int
) -> npt.NDArray[np.bool_]:
    """Mark the rows of every ``VALIDATION_SHARE``-th unit, but of none that alone has an emotion.

    Where all the drawn ones do, another takes their place; nothing is marked where all units do.
    """
    emotions = set(targets.tolist())
    drawn = _one_in(VALIDATION_SHARE, units, strata, seed)
    others = np.random.default_rng(seed).permutation(np.setdiff1d(units, drawn))
    held_out = np.zeros(len(units), dtype=bool)
    for place, unit in enumerate((*drawn, *others)):
        if place >= len(drawn) and held_out.any():
            break
        extended = held_out | (units == unit)
        if set(targets[~extended].tolist()) == emotions:
            held_out = extended
    return held_out


def _one_in(share: int, units: Rows, strata: npt.NDArray[np.generic], seed: int) -> Rows:
    """Every ``share``-th unit of a shuffled order in which the strata stand one after another.

    Systematic sampling, so that each corpus (or emotion) gives its part.
    """
    members, first = np.unique(units, return_index=True)
    shuffled = np.random.default_rng(seed).permutation(len(members))
    order = shuffled[np.argsort(strata[first][shuffled], kind="stable")]
    chosen = order[share // 2 :: share]
    if len(chosen) == 0:
        chosen = order[-1:]
    return np.asarray(members[chosen], dtype=np.int64)


def _check_enough(manifest: Manifest, protocol: Protocol, units: Rows, dev: Rows) -> None:
    if protocol.rule == "corpus":
        corpora = len(set(manifest.corpora[dev].tolist()))
        if corpora < 2:
            raise DatasetError(
                f"protocol 'corpus' needs at least two corpora, dataset '{manifest.name}' has "
                f"{corpora}: scan more folders or use speaker-5"
            )
        return
    assert protocol.k is not None
    what = "speakers" if protocol.speaker_disjoint else "clips"
    total, left = len(set(units.tolist())), len(set(units[dev].tolist()))
    if left < protocol.k:
        raise DatasetError(
            f"dataset '{manifest.name}' has {total} {what}, {left} without the exam, fewer than "
            f"the {protocol.k} folds of {protocol.name}: "
            + (f"use {protocol.rule}-{left} or " if left > 1 else "")
            + f"add {what}"
        )


def _folds(
    manifest: Manifest, protocol: Protocol, units: Rows, dev: Rows
) -> Iterator[tuple[Rows, Rows]]:
    targets = manifest.targets[dev]
    if protocol.rule == "corpus":
        return iter(LeaveOneGroupOut().split(dev, targets, manifest.corpora[dev]))
    codes, counts = np.unique(targets, return_counts=True)
    rarest = manifest.emotions[codes[counts.argmin()]]
    assert protocol.k is not None
    if counts.min() < protocol.k:
        raise DatasetError(
            f"emotion '{rarest}' of dataset '{manifest.name}' has {counts.min()} clips without "
            f"the exam, fewer than the {protocol.k} folds of {protocol.name}: ask for fewer folds "
            "or scan with --emotions to leave it out"
        )
    shuffled = {"n_splits": protocol.k, "shuffle": True, "random_state": protocol.seed}
    if protocol.speaker_disjoint:
        return iter(StratifiedGroupKFold(**shuffled).split(dev, targets, units[dev]))
    return iter(StratifiedKFold(**shuffled).split(dev, targets))
