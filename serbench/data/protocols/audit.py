"""Leaks between training and test: some are refused, others are reported."""

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
"""Row in training, row in test, similarity."""


@dataclass(frozen=True)
class Overlap:
    """The overlap of training and test in one fold.

    Attributes:
        outer_fold: number of the outer fold, from 0.
        fold: number of the fold, from 0, or ``holdout``.
        speakers: speakers in both training and test.
        identical: test rows with audio that is also in training.
        near_identical: pairs of a training and a test row with near-identical audio, or None if
            fingerprints were not computed.
        sentences: share of the test clips with a sentence that is also in training, among clips of
            corpora that name their sentences; None if there are none.
    """

    outer_fold: int
    fold: int | str
    speakers: tuple[str, ...]
    identical: tuple[int, ...]
    near_identical: tuple[Pair, ...] | None
    sentences: float | None

    @property
    def near_identical_clips(self) -> int | None:
        """Number of test clips that are near-identical to a training clip."""
        if self.near_identical is None:
            return None
        return len({tested for _, tested, _ in self.near_identical})


@dataclass(frozen=True)
class Audit:
    """The overlaps of all outer folds: for each, first the holdout if there is one."""

    overlaps: tuple[Overlap, ...]


def audit(
    manifest: Manifest, split: Split, fingerprints: npt.NDArray[np.float32] | None = None
) -> Audit:
    """Compare training and test of every holdout and every fold.

    Nothing is refused here: ``split_dataset`` refuses shared speakers and identical audio under a
    speaker-independent protocol; near-identical audio and sentences are only reported.

    Args:
        manifest: the dataset.
        split: any split of it.
        fingerprints: of every recording, ``[N, D]``, as ``serbench.data.fingerprint`` makes them.
    """
    from serbench.data.fingerprint import near_identical  # slow to import, and rarely needed

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
        if len(part.holdout.test):
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
    """The pairs without identical ones."""
    hashes = manifest.audio_hashes
    return [pair for pair in pairs if hashes[pair[0]] != hashes[pair[1]]]


def _across(pairs: Sequence[Pair], fold: Fold) -> tuple[Pair, ...]:
    trained, tested = set(fold.train.tolist()), set(fold.test.tolist())
    both_ways = ((*rows, how) for one, other, how in pairs for rows in ((one, other), (other, one)))
    return tuple(pair for pair in both_ways if pair[0] in trained and pair[1] in tested)


def _sentences(manifest: Manifest, fold: Fold) -> float | None:
    """Share of test sentences in training; equal names in two corpora are different sentences."""

    def sentences(rows: npt.NDArray[np.int64]) -> list[tuple[str, str]]:
        clips = (manifest.utterances[row] for row in rows.tolist())
        return [(clip.corpus, clip.sentence) for clip in clips if clip.sentence is not None]

    trained, tested = set(sentences(fold.train)), sentences(fold.test)
    return sum(sentence in trained for sentence in tested) / len(tested) if tested else None


def check_outer_fold(manifest: Manifest, protocol: Protocol, part: OuterFold) -> None:
    """Refuse an outer fold that leaks, or that cannot be scored.

    Raises:
        LeakError: as ``check_fold``, for the holdout and every fold; or a fold has a row that is
            not in the dev part.
        DatasetError: as ``check_fold``.
    """
    for fold in (part.holdout, *part.folds) if len(part.holdout.test) else part.folds:
        check_fold(manifest, protocol, fold)
    for fold in part.folds:
        beyond = np.setdiff1d(np.concatenate([fold.train, fold.test]), part.holdout.train)
        if len(beyond):
            raise LeakError(
                f"protocol {protocol.name} on dataset '{manifest.name}' leaks: row {beyond[0]} is "
                "in both the search and the holdout; use another protocol, such as speaker-5",
                protocol=protocol.name,
                dataset=manifest.name,
                what="row",
                value=int(beyond[0]),
            )


def check_fold(manifest: Manifest, protocol: Protocol, fold: Fold) -> None:
    """Refuse a fold with an overlap of training and test, or one that cannot be scored.

    Raises:
        LeakError: a speaker or identical audio is in both training and test of a
            speaker-independent protocol, or a row is in both of any protocol.
        DatasetError: there are no test clips, or an emotion has no training clips.
    """
    sides: list[tuple[str, npt.NDArray[np.generic]]] = [("row", np.arange(len(manifest)))]
    if protocol.speaker_disjoint:
        sides += [("speaker", manifest.speakers), ("audio", manifest.audio_hashes)]
    for what, values in sides:
        both = np.intersect1d(values[fold.train], values[fold.test])
        if len(both):
            raise LeakError(
                f"protocol {protocol.name} on dataset '{manifest.name}' leaks: {what} {both[0]} "
                f"is in both training and test; {_advice(protocol)}",
                protocol=protocol.name,
                dataset=manifest.name,
                what=what,
                value=both[0].item(),
            )
    if len(fold.test) == 0:
        raise DatasetError(
            f"protocol {protocol.name} makes a fold without test clips on dataset "
            f"'{manifest.name}': use fewer folds, such as speaker-2",
            protocol=protocol.name,
            dataset=manifest.name,
        )
    untrained = set(manifest.targets.tolist()) - set(manifest.targets[fold.train].tolist())
    if untrained:
        rare = ", ".join(manifest.emotions[code] for code in sorted(untrained))

        raise DatasetError(
            f"protocol {protocol.name} on dataset '{manifest.name}' has a fold without training "
            f"clips of {rare}, since too few speakers express it: scan again with --emotions to "
            "leave it out, or use fewer folds",
            protocol=protocol.name,
            dataset=manifest.name,
            emotions=tuple(manifest.emotions[code] for code in sorted(untrained)),
        )


def _advice(protocol: Protocol) -> str:
    if protocol.file is not None and protocol.speaker_disjoint:
        return (
            "correct the file, or give --protocol random-folds:FILE, which marks the result as "
            "speaker-dependent"
        )
    return "use another protocol, such as speaker-5"
