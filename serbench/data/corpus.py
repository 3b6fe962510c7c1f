"""The interface of corpus plugins: file names, labels, licence, home page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from serbench.data.formats import is_recording_name, is_video_name
from serbench.data.licence import Licence, Speech
from serbench.data.lookalikes import (
    Named,
    collection_of,
    evidence,
    foreign_collections,
    named_parts,
)
from serbench.data.scan_options import DEFAULT_OPTIONS, ScanOptions
from serbench.errors import DatasetError, PluginError

FOREIGN = "named like a recording of {}, in a folder with names that do not occur in that corpus"
VIDEO_FILE = "a video; published corpora have its sound in audio files too"
OUT_OF_RANGE = "named like a recording of {}, but such a name does not occur in that corpus"

Source = Literal["names", "table", "option"]


@dataclass(frozen=True, slots=True)
class Recording:
    """The description of one file by a corpus, before the file is decoded.

    Attributes:
        path: the audio file.
        speaker: name of the speaker in the corpus.
        label: label in the corpus.
        emotion: emotion of the label according to the documentation of the corpus: canonical, or
            one of ``own_emotions``. None if the vocabulary translates the label.
        sex: ``female`` or ``male``, or None if the corpus does not state it.
        sentence: name of the spoken sentence in the corpus, or None.
        excluded: why the corpus itself leaves the file out (no majority label, song, …), or None.
        source: source of the label. If two corpora recognise one file, an ``option`` of this scan
            has priority; ``names`` of files have priority over a ``table``.
    """

    path: Path
    speaker: str
    label: str
    emotion: str | None
    sex: str | None = None
    sentence: str | None = None
    excluded: str | None = None
    source: Source = "names"


@dataclass(frozen=True, slots=True)
class Remark:
    """A sentence for the user about a file, table or list that was used, with its path."""

    path: Path
    text: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A table, list or recording that belongs to a corpus and cannot be used.

    Attributes:
        path: the file.
        reason: why, in a few words; skipped files are counted by it.
        detail: the problem of this file, and the correction.
        kind: ``table``, ``look-alike`` for a name like those of another corpus, or ``unusable``.
        listed: recordings that a table names; if all are recognised without it, a remark is enough.
    """

    path: Path
    reason: str
    detail: str = ""
    kind: str = "table"
    listed: tuple[str, ...] = ()


class Corpus(Protocol):
    """A published collection of recordings. ``synthetic`` corpora are always labelled as such."""

    @property
    def name(self) -> str:
        """Lower-case, as typed on the command line."""

    @property
    def title(self) -> str:
        """The full name, with publisher and year."""

    @property
    def licence(self) -> Licence:
        """The licence, and whether it allows commercial use."""

    @property
    def speech(self) -> Speech:
        """``acted``, ``elicited``, ``natural`` or ``synthetic``; ``unknown`` for own recordings."""

    @property
    def home(self) -> str:
        """The source of the corpus: an address or a sentence."""

    @property
    def synthetic(self) -> bool:
        """True if the speech is synthetic."""

    @property
    def own_emotions(self) -> tuple[str, ...]:
        """Emotions of its recordings that are not in the vocabulary; usually none."""

    @property
    def known_conflicts(self) -> Mapping[str, str]:
        """Published duplicates: file stem → stem of the same audio with another label."""

    def recognise(
        self, files: Sequence[Path], options: ScanOptions = DEFAULT_OPTIONS
    ) -> Iterable[Recording | Refused | Remark]:
        """The recordings of this corpus among ``files`` (of any type, in any nesting).

        Args:
            files: all files of the scan.
            options: the options of the scan; most corpora need none of them.

        Raises:
            DatasetError: a file that belongs to this corpus cannot be understood.
        """

    def fetch(self, folder: Path) -> None:
        """Download or make the corpus in ``folder``, if its licence lets a program do so.

        Raises:
            DatasetError: a person has to obtain it; the message names the source.
        """


@dataclass(frozen=True)
class NamedFiles:
    """A corpus with speaker and label in the names of its files, as most corpora have.

    Other corpora use names of the same form with other meanings. Therefore ``pattern`` may match
    more names than the corpus has, and ``ranges`` and ``impossible`` define the names that it has.
    One name outside of them shows that the files around it belong to another corpus; all of them
    are skipped unless the user names this corpus (``--corpus``).

    Subclasses override ``speaker``, ``sex`` or ``excluded`` if a name does not contain them
    literally.

    Attributes:
        pattern: matched against the end of ``folder/stem`` after a path separator, ignoring case,
            with named groups ``speaker`` and ``label``, optionally ``sentence`` and others.
        emotions: label in lower case → emotion.
        ranges: named group → regular expression of all its values in the corpus.
        impossible: combinations that do not occur although each value is in its range: named group
            → regular expression.
        language: language of all recordings, such as ``English``; empty if it is unknown.
        intensities: value of the named group ``intensity`` → its name, such as ``strong``.
    """

    name: str
    title: str
    licence: Licence
    home: str
    pattern: str
    emotions: Mapping[str, str]
    sexes: Mapping[str, str] = field(default_factory=dict)
    synthetic: bool = False
    own_emotions: tuple[str, ...] = ()
    known_conflicts: Mapping[str, str] = field(default_factory=dict)
    ranges: Mapping[str, str] = field(default_factory=dict)
    impossible: tuple[Mapping[str, str], ...] = ()
    speech: Speech = "unknown"
    language: str = ""
    intensities: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse declarations that cannot recognise any file.

        Raises:
            PluginError: the pattern lacks a group, or is not a regular expression.
        """
        try:
            groups = set(re.compile(self.pattern).groupindex)
            needed = {"label", *self.ranges, *(name for each in self.impossible for name in each)}
            if type(self).speaker is NamedFiles.speaker:
                needed.add("speaker")
            for expression in self.ranges.values():
                re.compile(expression)
        except re.error as error:
            raise PluginError(
                f"corpus '{self.name}': correct an invalid regular expression in it ({error})",
                corpus=self.name,
            ) from error
        if missing := sorted(needed - groups):
            raise PluginError(
                f"corpus '{self.name}': add the named group (?P<{missing[0]}>…) to its pattern",
                corpus=self.name,
                groups=missing,
            )

    def recognise(
        self, files: Sequence[Path], options: ScanOptions = DEFAULT_OPTIONS
    ) -> Iterator[Recording | Refused | Remark]:
        """The files with matching names, in their order; files of similar corpora are refused."""
        matches: list[tuple[Named, re.Match[str]]] = []
        for path in files:
            match = named_parts(self.pattern, path)
            if match is None or not is_recording_name(path):
                continue
            try:
                named = Named(path, self.speaker(match), match["label"], self.problem(match))
                matches.append((named, match))
            except Exception as error:  # noqa: BLE001 (a plugin may raise anything)
                yield failed(self.name, path, error)
        forced = self.name in options.corpora
        foreign = {} if forced else foreign_collections([named for named, _ in matches])
        taken = {collection_of(each.path, foreign) for each, _ in matches if each.problem is None}
        refused: dict[Path, int] = {}
        for named, match in matches:
            folder = collection_of(named.path, foreign)
            if folder is not None and folder in taken:
                refused[folder] = refused.get(folder, 0) + 1
                yield Refused(
                    named.path, FOREIGN.format(self.name), named.problem or "", "look-alike"
                )
            elif named.problem is None:
                try:
                    yield self.recording(named.path, match)
                except Exception as error:  # noqa: BLE001
                    yield failed(self.name, named.path, error)
            elif forced:
                reason = OUT_OF_RANGE.format(self.name)
                yield Refused(named.path, reason, named.problem, "look-alike")
        for folder, count in refused.items():
            yield Remark(
                folder,
                f"{count} files are named like those of {self.name}, but {self.name} has no "
                f"{evidence(foreign[folder])}, so they were skipped as files of another corpus: "
                "give their labels with --pattern or a table (and --map), or add --corpus "
                f"{self.name} if they are from {self.name}",
            )

    def problem(self, match: re.Match[str]) -> str | None:
        """The part of a name that does not occur in the corpus, such as ``speaker 34``, or None."""
        groups = {name: value or "" for name, value in match.groupdict().items()}
        for name, expression in self.ranges.items():
            if not re.fullmatch(expression, groups[name], re.IGNORECASE):
                return f"{name} {groups[name]}"
        for combination in self.impossible:
            if all(
                re.fullmatch(expression, groups[name], re.IGNORECASE)
                for name, expression in combination.items()
            ):
                return " with ".join(f"{name} {groups[name]}" for name in combination)
        return None

    def recording(self, path: Path, match: re.Match[str]) -> Recording:
        """The recording that a matching file name describes."""
        groups = match.groupdict()
        label = groups["label"].lower()
        speaker = self.speaker(match)
        return Recording(
            path=path,
            speaker=speaker,
            label=label,
            emotion=self.emotions.get(label),
            sex=self.sex(speaker),
            sentence=groups.get("sentence"),
            excluded=self.excluded(match) or (VIDEO_FILE if is_video_name(path) else None),
        )

    def speaker(self, match: re.Match[str]) -> str:
        """The speaker."""
        return match["speaker"]

    def sex(self, speaker: str) -> str | None:
        """The sex of the speaker, if the corpus publishes it."""
        return self.sexes.get(speaker)

    def excluded(self, match: re.Match[str]) -> str | None:
        """Why the corpus leaves this file out, or None."""
        return None

    def fetch(self, folder: Path) -> None:
        """Refuse, since a person has to accept the licence of the publisher."""
        raise DatasetError(
            f"serbench cannot download {self.title}: obtain it from its publisher ({self.home}), "
            f"then run `serbench corpus scan FOLDER --dataset {self.name}`"
        )


def failed(corpus: str, path: Path, error: Exception) -> Refused:
    """A file on which a corpus plugin raised an exception."""
    reason = f"{type(error).__name__}: {error}".strip().partition("\n")[0]
    return Refused(path, f"corpus plugin '{corpus}' failed on this file", reason, "unusable")
