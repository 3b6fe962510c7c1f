"""Leaks between training and testing: what is refused, and what is reported."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from serbench.data.manifest import Manifest
from serbench.data.protocols.names import Protocol
from serbench.data.protocols.units import HOLDOUT, Fold, OuterFold, Split
from serbench.errors import DatasetError, LeakError

Pair = tuple[int, int, float]
"""Row in training, row in testing, similarity."""


@dataclass(frozen=True)
class Overlap:
    """What one fold's training and testing have in common.

    Attributes:
        outer fold: number of the outer fold, from 0.
        fold: number of the fold, from 0, or ``holdout``.
        speakers: who is heard on both sides.
        identical: rows that are tested and whose very audio is trained on.
        near_identical: pairs across the sides that sound alike without being identical, or None
            where nobody listened.
        sentences: share of the tested clips whose sentence is trained on too, of those whose
            corpus names its sentences; None where none does.
    """

    outer_fold: int
    fold: int | str
    speakers: tuple[str, ...]
    identical: tuple[int, ...]
    near_identical: tuple[Pair, ...] | None
    sentences: float | None

    @property
    def near_identical_clips(self) -> int | None:
        """How many tested clips sound like one in training."""
        if self.near_identical is None:
            return None
        return len({tested for _, tested, _ in self.near_identical})


@dataclass(frozen=True)
class Audit:
    """The overlaps of every outer fold: its holdout first, then its folds."""

    overlaps: tuple[Overlap, ...]


def audit(
    manifest: Manifest, split: Split, fingerprints: npt.NDArray[np.float32] | None = None
) -> Audit:
    """Compare both sides of every holdout and every fold.

    Nothing is refused here: speakers and identical audio are refused by ``split_dataset``, where
    the protocol promises to keep them apart; near-identical audio and sentences are for people to
    judge.

    Args:
        manifest: the dataset.
        split: any split of it.
        fingerprints: of every recording, ``[N, D]``, as ``serbench.data.fingerprint`` makes them.
    """
    from serbench.data.fingerprint import near_identical  # slow to import, and seldom needed

    alike = None if fingerprints is None else _alike(manifest, near_identical(fingerprints))
    return Audit(
        tuple(
            Overlap(
                outer_fold=number,
                fold=name,
                speakers=tuple(np.intersect1d(*_sides(manifest.speakers, fold)).tolist()),
                identical=_on_both_sides(manifest.audio_hashes, fold),
                near_identical=None if alike is None else _across(alike, fold),
                sentences=_sentences(manifest, fold),
            )
            for number, name, fold in _folds(split)
        )
    )


def _folds(split: Split) -> Iterator[tuple[int, int | str, Fold]]:
    for number, part in enumerate(split.outer_folds):
        yield number, HOLDOUT, part.holdout
        for place, fold in enumerate(part.folds):
            yield number, place, fold


def _sides(
    values: npt.NDArray[np.str_], fold: Fold
) -> tuple[npt.NDArray[np.str_], npt.NDArray[np.str_]]:
    return values[fold.train], values[fold.test]


def _on_both_sides(values: npt.NDArray[np.str_], fold: Fold) -> tuple[int, ...]:
    trained, tested = _sides(values, fold)
    return tuple(fold.test[np.isin(tested, trained)].tolist())


def _alike(manifest: Manifest, pairs: Sequence[Pair]) -> list[Pair]:
    """The pairs that are not identical anyway."""
    hashes = manifest.audio_hashes
    return [pair for pair in pairs if hashes[pair[0]] != hashes[pair[1]]]


def _across(pairs: Sequence[Pair], fold: Fold) -> tuple[Pair, ...]:
    trained, tested = set(fold.train.tolist()), set(fold.test.tolist())
    both_ways = ((*rows, how) for one, other, how in pairs for rows in ((one, other), (other, one)))
    return tuple(pair for pair in both_ways if pair[0] in trained and pair[1] in tested)


def _sentences(manifest: Manifest, fold: Fold) -> float | None:
    """Two corpora's sentences of one name are not the same sentence."""

    def said(rows: npt.NDArray[np.int64]) -> list[tuple[str, str]]:
        clips = (manifest.utterances[row] for row in rows.tolist())
        return [(clip.corpus, clip.sentence) for clip in clips if clip.sentence is not None]

    trained, tested = set(said(fold.train)), said(fold.test)
    return sum(sentence in trained for sentence in tested) / len(tested) if tested else None


def check_outer_fold(manifest: Manifest, protocol: Protocol, part: OuterFold) -> None:
    """Refuse a outer fold that leaks anywhere, or cannot be scored.

    Raises:
        LeakError: as ``check_fold``, of the holdout and of every fold; or a fold that holds a row
            from outside the dev part.
        DatasetError: as ``check_fold``.
    """
    for fold in (part.holdout, *part.folds):
        check_fold(manifest, protocol, fold)
    for fold in part.folds:
        beyond = np.setdiff1d(np.concatenate([fold.train, fold.test]), part.holdout.train)
        if len(beyond):
            raise LeakError(
                f"{protocol.name} on dataset '{manifest.name}' leaks: row {beyond[0]} is in the "
                "search and in the holdout; use a split that keeps them apart",
                protocol=protocol.name,
                dataset=manifest.name,
                what="row",
                value=int(beyond[0]),
            )


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
                f"is in training and in testing; {_advice(protocol)}",
                protocol=protocol.name,
                dataset=manifest.name,
                what=what,
                value=both[0].item(),
            )
    if len(fold.test) == 0:
        raise DatasetError(
            f"{protocol.name} leaves a fold of dataset '{manifest.name}' without clips: "
            "ask for fewer folds",
            protocol=protocol.name,
            dataset=manifest.name,
        )
    untrained = set(manifest.targets.tolist()) - set(manifest.targets[fold.train].tolist())
    if untrained:
        lone = ", ".join(manifest.emotions[code] for code in sorted(untrained))
        raise DatasetError(
            f"{protocol.name} on dataset '{manifest.name}' leaves a fold without training clips "
            f"of {lone}: too few speakers express it; scan with --emotions to leave it out",
            protocol=protocol.name,
            dataset=manifest.name,
            emotions=tuple(manifest.emotions[code] for code in sorted(untrained)),
        )


def _advice(protocol: Protocol) -> str:
    if protocol.file is not None and protocol.speaker_disjoint:
        return "correct the file, or mark the result as speaker-dependent by random-folds:FILE"
    return "use a split that keeps them apart"
