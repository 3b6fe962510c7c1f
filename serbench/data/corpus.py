"""What a corpus plugin knows: file names, labels, licence, home page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from serbench.data.formats import is_recording_name, is_video_name
from serbench.data.licence import Licence, Speech
from serbench.data.lookalikes import Named, collection_of, evidence, foreign_collections
from serbench.data.scan_options import DEFAULT_OPTIONS, ScanOptions
from serbench.errors import DatasetError, PluginError

FOREIGN = "named like a recording of {}, in a folder with names that this corpus cannot have"
"""Why a file of a look-alike corpus is skipped."""

VIDEO_FILE = "a video, the sound of which published corpora have in audio files too"

OUT_OF_RANGE = "named like a recording of {}, which cannot have such a name"

Source = Literal["names", "table", "option"]


@dataclass(frozen=True, slots=True)
class Recording:
    """What a corpus says of one file, before anybody has listened to it.

    Attributes:
        path: the audio file.
        speaker: the corpus's own name for who speaks.
        label: the corpus's own label.
        emotion: the emotion that the corpus's own documentation gives for the label: canonical,
            or one of the corpus's ``own_emotions``. None where the vocabulary translates the label.
        sex: ``female`` or ``male``, or None where the corpus does not say.
        sentence: the corpus's own name for what is said, or None.
        excluded: why the corpus itself leaves the file out (no majority label, song, …), or None.
        source: what gives the label. Where two corpora recognise one file, an ``option`` of this
            scan wins; ``names`` of files win over a ``table`` among them.
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
    """What a user should read about a table or list that was used.

    Attributes:
        path: the file.
        text: one sentence.
    """

    path: Path
    text: str


@dataclass(frozen=True, slots=True)
class Refused:
    """A table, list or recording that belongs to a corpus and cannot be used.

    Attributes:
        path: the file.
        reason: why, in a few words; skipped files are counted by it.
        detail: what was found in this file, and what to type.
        kind: ``table``, ``look-alike`` of a recording of another corpus, or ``unusable``.
        listed: recordings that a table names; if all are recognised without it, a remark is enough.
    """

    path: Path
    reason: str
    detail: str = ""
    kind: str = "table"
    listed: tuple[str, ...] = ()


class Corpus(Protocol):
    """A published collection. ``synthetic`` corpora are labelled as such wherever they appear."""

    @property
    def name(self) -> str:
        """Lower-case, as typed on the command line."""

    @property
    def title(self) -> str:
        """The full name, with who published it and when."""

    @property
    def licence(self) -> Licence:
        """The licence, and whether it allows commercial use."""

    @property
    def speech(self) -> Speech:
        """``acted``, ``elicited``, ``natural`` or ``synthetic``; ``unknown`` of own recordings."""

    @property
    def home(self) -> str:
        """Where to get it: an address or a sentence."""

    @property
    def synthetic(self) -> bool:
        """True where no human speaks."""

    @property
    def own_emotions(self) -> tuple[str, ...]:
        """Emotions outside of the vocabulary that its recordings express; mostly none."""

    @property
    def known_conflicts(self) -> Mapping[str, str]:
        """Published twins: file stem → stem of the same audio under another label."""

    def recognise(
        self, files: Sequence[Path], options: ScanOptions = DEFAULT_OPTIONS
    ) -> Iterable[Recording | Refused | Remark]:
        """The recordings of this corpus among ``files`` (of any type, in any nesting).

        Args:
            files: everything that was found.
            options: what the user stated; most corpora need none of it.

        Raises:
            DatasetError: a file that belongs to this corpus cannot be understood.
        """

    def fetch(self, folder: Path) -> None:
        """Put the corpus into ``folder``, where a program may do so.

        Raises:
            DatasetError: it has to be obtained by a person; the message says where.
        """


@dataclass(frozen=True)
class NamedFiles:
    """A corpus whose file names give speaker and label: most of them.

    Other corpora use names of the same form with other meanings. So ``pattern`` may be wider than
    the corpus, and ``ranges`` and ``impossible`` state what the corpus has of it: one name outside
    of them shows that the collection around it is another corpus, whose files are all skipped
    unless the user names this corpus (``--corpus``).

    Subclasses override ``speaker``, ``sex`` or ``excluded`` where a name does not give them as
    they are.

    Attributes:
        pattern: matched against the end of ``folder/stem``, from a path separator on, without
            regard to case, with named groups ``speaker`` and ``label``, optionally ``sentence``
            and others.
        emotions: label in lower case → emotion.
        speech: ``acted``, ``elicited``, ``natural`` or ``synthetic``.
        ranges: named group → regular expression of all values that the corpus has.
        impossible: combinations that it lacks although each value is in its range: named group →
            regular expression.
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

    def __post_init__(self) -> None:
        """Refuse declarations that no file could be recognised by.

        Raises:
            PluginError: the pattern lacks a group, or is no regular expression.
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
                f"corpus '{self.name}': a pattern is no regular expression ({error})",
                corpus=self.name,
            ) from error
        if missing := sorted(needed - groups):
            raise PluginError(
                f"corpus '{self.name}': its pattern lacks the named group (?P<{missing[0]}>…)",
                corpus=self.name,
                groups=missing,
            )

    def recognise(
        self, files: Sequence[Path], options: ScanOptions = DEFAULT_OPTIONS
    ) -> Iterator[Recording | Refused | Remark]:
        """The files whose names fit, in the order given; those of look-alike corpora refused."""
        expression = re.compile(rf"(?:^|.*/){self.pattern}", re.IGNORECASE)
        matches: list[tuple[Named, re.Match[str]]] = []
        for path in files:
            match = expression.fullmatch(f"{path.parent.name}/{path.stem}")
            if match is None or not is_recording_name(path):
                continue
            try:
                named = Named(path, self.speaker(match), match["label"], self.problem(match))
            except Exception as error:  # noqa: BLE001 (a plugin may raise anything)
                yield failed(self.name, path, error)
            else:
                matches.append((named, match))
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
                yield Refused(
                    named.path, OUT_OF_RANGE.format(self.name), named.problem, "look-alike"
                )
        for folder, count in refused.items():
            yield Remark(
                folder,
                f"{count} files are named like those of {self.name}, which has no "
                f"{evidence(foreign[folder])}, so they are taken for another corpus and skipped: "
                "give their labels by --pattern or a table (and --map), or, if they are from "
                f"{self.name}, --corpus {self.name}",
            )

    def problem(self, match: re.Match[str]) -> str | None:
        """What in a name of this form the corpus cannot have, such as ``speaker 34``, or None."""
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
        """Who speaks."""
        return match["speaker"]

    def sex(self, speaker: str) -> str | None:
        """The speaker's sex, where the corpus publishes it."""
        return self.sexes.get(speaker)

    def excluded(self, match: re.Match[str]) -> str | None:
        """Why this file is no emotional speech, or None."""
        return None

    def fetch(self, folder: Path) -> None:
        """A person has to fetch it: the licence is between them and the publisher."""
        then = f"{self.home}; then run `serbench corpus scan FOLDER --dataset {self.name}`"
        raise DatasetError(f"{self.title} has to be obtained from its publisher: {then}")


def failed(corpus: str, path: Path, error: Exception) -> Refused:
    """A file at which a corpus plugin raised something."""
    reason = f"{type(error).__name__}: {error}".strip().partition("\n")[0]
    return Refused(path, f"corpus plugin '{corpus}' failed at it", reason, "unusable")
