"""The emotion of each label of a scan, and the emotions that are kept."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from serbench.data.corpus import Corpus, Recording
from serbench.data.emotions import (
    EMOTIONS,
    SHARED_EMOTIONS,
    canonical_emotion,
    in_order,
    label_key,
    nearest_emotion,
    own_emotion,
)
from serbench.data.names import shortened
from serbench.data.scan_options import ALL, ScanOptions
from serbench.errors import UnknownNameError, UsageError

SHOWN = 50
"""At most this many unknown labels are listed; the number of further ones is given."""


class Labels:
    """The translation of labels that the options of a scan and its corpora give.

    A label is translated by the first of these that applies: ``--map`` from the label; its name in
    ``--emotions``, if the vocabulary does not have it; the translation by the corpus; the
    vocabulary. ``--map`` from an emotion applies to the result of the last two.

    Raises:
        UsageError: ``--map`` gives an emotion that is neither in the vocabulary nor in
            ``--emotions``.
    """

    def __init__(self, options: ScanOptions, corpora: Iterable[Corpus]) -> None:
        self._labels = options.labels
        registered = {emotion for corpus in corpora for emotion in corpus.own_emotions}
        self._mapped = {
            label_key(label): _target(label, emotion) for label, emotion in options.labels.items()
        }
        targets = set(self._mapped.values())
        named = [] if options.emotions is None else options.emotions
        chosen = {_emotion(name, targets | registered) for name in named if label_key(name) != ALL}
        everything = any(label_key(name) == ALL for name in named)
        canonical = targets.intersection(EMOTIONS)
        kept = {*SHARED_EMOTIONS, *canonical} if options.emotions is None else chosen
        self._wanted = None if everything else kept
        self._own = {label_key(name): name for name in chosen.difference(EMOTIONS)}
        self._known = targets | registered
        for label, emotion in options.labels.items():
            target = self._mapped[label_key(label)]
            if not (everything or target in kept or target in EMOTIONS):
                listed = ",".join(in_order({*kept, target}))
                raise UsageError(
                    f"--map {label}={emotion}: '{emotion}' is not an emotion of serbench's "
                    f"vocabulary ({', '.join(EMOTIONS)}): to keep it as a class of its own, add "
                    f"--emotions {listed}",
                    label=label,
                    emotion=emotion,
                )

    def emotion(self, recording: Recording) -> str | None:
        """The emotion of a recording; None if its label cannot be translated."""
        key = label_key(recording.label)
        if key in self._mapped:
            return self._mapped[key]
        if key in self._own:
            return self._own[key]
        known = recording.emotion or canonical_emotion(recording.label)
        return None if known is None else self._mapped.get(label_key(known), known)

    def wanted(self, emotion: str) -> bool:
        """Whether recordings of an emotion are kept."""
        return self._wanted is None or emotion in self._wanted

    def check_names(self, recordings: Iterable[Recording]) -> None:
        """Check that each class in ``--emotions`` is a label of a recording, a corpus or ``--map``.

        Raises:
            UnknownNameError: a name in ``--emotions`` is none of these.
        """
        if missing := {key: name for key, name in self._own.items() if name not in self._known}:
            labels = {label_key(recording.label): recording.label for recording in recordings}
            for key, name in missing.items():
                if key not in labels:
                    raise UnknownNameError("emotion", name, [*EMOTIONS, *labels.values()])

    def unused(self, recordings: Sequence[Recording]) -> list[str]:
        """A sentence for each ``--map`` from a label or an emotion that no recording has."""
        labels = {recording.label for recording in recordings}
        emotions = {recording.emotion for recording in recordings if recording.emotion}
        known = {canonical_emotion(label) for label in labels}
        keys = {label_key(name) for name in {*labels, *emotions, *known} if name is not None}
        return [
            f"--map {label}={emotion} changed nothing, since no recording has the label or "
            f"emotion '{label}'"
            for label, emotion in self._labels.items()
            if label_key(label) not in keys
        ]


def _emotion(name: str, known: set[str]) -> str:
    own = own_emotion(name)
    return own if own in known else canonical_emotion(name) or own


def _target(label: str, emotion: str) -> str:
    """The emotion TO of ``--map``; ``joy=joy`` keeps a word that the vocabulary would translate."""
    if label_key(label) == label_key(emotion) and label_key(emotion) not in EMOTIONS:
        return own_emotion(emotion)
    return canonical_emotion(emotion) or own_emotion(emotion)


def normalised(recording: Recording) -> Recording:
    """The recording with one Unicode form and single spaces in speaker, label and sentence."""
    return replace(
        recording,
        speaker=_tidy(recording.speaker),
        label=_tidy(recording.label),
        sentence=None if recording.sentence is None else _tidy(recording.sentence) or None,
    )


def _tidy(text: str) -> str:
    return unicodedata.normalize("NFC", " ".join(text.split()))


def unknown_sentence(counts: Mapping[str, int]) -> str:
    """A sentence with all unknown labels, their counts and the options that translate them."""
    first, *_ = counts = {shortened(label): count for label, count in counts.items()}
    own = ",".join(own_emotion(label) for label in list(counts)[:SHOWN])
    listed = ", ".join(f"'{label}' × {count:,}" for label, count in list(counts.items())[:SHOWN])
    more = f" and {len(counts) - SHOWN:,} more" if len(counts) > SHOWN else ""
    return (
        f"labels without a known emotion: {listed}{more}; translate a label with --map, such as "
        f"--map '{first}={nearest_emotion(first)}', or keep these labels as classes of their own "
        f"with --emotions '{ALL},{own}'"
    )
