"""What a corpus plugin knows: file names, labels, licence, home page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

from serbench.data.formats import is_audio_name
from serbench.data.scan_options import DEFAULT_OPTIONS, ScanOptions
from serbench.errors import DatasetError

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
            scan wins; ``names`` of files win over a ``table`` that gives the same emotion.
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
    """A table or list that describes recordings, none of which can be used.

    Attributes:
        path: the file.
        reason: why, in a few words; skipped files are counted by it.
        detail: what was found in this file, and what to type.
    """

    path: Path
    reason: str
    detail: str = ""


class Corpus(Protocol):
    """A published collection. ``synthetic`` corpora are labelled as such wherever they appear."""

    @property
    def name(self) -> str:
        """Lower-case, as typed on the command line."""

    @property
    def title(self) -> str:
        """The full name, with who published it and when."""

    @property
    def licence(self) -> str:
        """The licence, or the terms of use in a few words."""

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
    """A corpus whose file names say everything: most of them.

    ``pattern`` is matched against the end of ``folder/stem``, from a path separator on, with
    named groups ``speaker`` and ``label``, and optionally ``sentence``. Subclasses override
    ``speaker``, ``sex`` or ``excluded`` where a name needs reading between the lines.
    """

    name: str
    title: str
    licence: str
    home: str
    pattern: str
    emotions: Mapping[str, str]
    sexes: Mapping[str, str] = field(default_factory=dict)
    synthetic: bool = False
    own_emotions: tuple[str, ...] = ()
    known_conflicts: Mapping[str, str] = field(default_factory=dict)

    def recognise(
        self, files: Sequence[Path], options: ScanOptions = DEFAULT_OPTIONS
    ) -> Iterator[Recording]:
        """The files whose names fit, in the order given."""
        expression = re.compile(rf"(?:^|.*/){self.pattern}", re.IGNORECASE)
        for path in files:
            match = expression.fullmatch(f"{path.parent.name}/{path.stem}")
            if match is not None and is_audio_name(path):
                yield self.recording(path, match)

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
            excluded=self.excluded(match),
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
        raise DatasetError(
            f"{self.title} has to be obtained from its publisher: {self.home}; "
            f"then run `serbench corpus scan FOLDER --dataset {self.name}`"
        )
