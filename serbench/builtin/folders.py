"""The user's own recordings, with emotion and speaker in the names of folders and files.

They are described by ``--pattern '{emotion}/{speaker}/*'``; see ``serbench.data.path_pattern``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from serbench import hookimpl
from serbench.data.columns import sex_of
from serbench.data.corpus import Corpus, Recording, Refused, Remark
from serbench.data.formats import is_recording_name
from serbench.data.licence import UNKNOWN_LICENCE, Licence, Speech
from serbench.data.scan_options import DEFAULT_OPTIONS, ScanOptions
from serbench.data.tables import TABLE_SUFFIXES
from serbench.errors import DatasetError, UsageError


@dataclass(frozen=True)
class OwnRecordings:
    """The facts of a corpus that is the user's own recordings: the user states them in a scan."""

    licence: Licence = UNKNOWN_LICENCE
    speech: Speech = "unknown"
    synthetic: bool = False
    own_emotions: tuple[str, ...] = ()
    known_conflicts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Folders(OwnRecordings):
    """The recordings with paths that match the user's pattern."""

    name: str = "folders"
    title: str = "Your own recordings, with emotion and speaker in their folders or names"
    home: str = "folders of recordings, and `--pattern '{emotion}/{speaker}/*'` that describes them"

    def recognise(
        self, files: Sequence[Path], options: ScanOptions = DEFAULT_OPTIONS
    ) -> Iterator[Recording | Refused | Remark]:
        """All files with a matching path; none without a pattern.

        Raises:
            UsageError: the pattern has no emotion or no speaker, and there is no table.
        """
        pattern = options.pattern
        if pattern is None:
            return
        lacking = [f"{{{name}}}" for name in ("emotion", "speaker") if name not in pattern.fields]
        if lacking:
            if not any(path.suffix.lower() in TABLE_SUFFIXES for path in files):
                raise UsageError(
                    f"--pattern {pattern.text} has no {' and no '.join(lacking)}: each recording "
                    "needs both, such as in '{emotion}/{speaker}/*'",
                    pattern=pattern.text,
                    lacking=tuple(lacking),
                )
            return
        folders = [path.absolute() for path in options.paths]
        recordings = [path for path in files if is_recording_name(path)]
        fitting = 0
        for path in recordings:
            fields = pattern.match(path, folders)
            if fields is not None:
                fitting += 1
                yield Recording(
                    path=path,
                    speaker=fields["speaker"],
                    label=fields["emotion"],
                    emotion=None,
                    sex=sex_of(fields.get("sex", "")),
                    sentence=fields.get("sentence"),
                    source="option",
                )
        if recordings and not fitting:
            first = recordings[0]
            below = [first.relative_to(each) for each in folders if first.is_relative_to(each)]
            yield Remark(
                first,
                f"no recording matches --pattern {pattern.text}: the path of this one in the "
                f"scanned folder is '{below[0] if below else first.name}'; '**/' at the beginning "
                "of a pattern matches any folders",
            )

    def fetch(self, folder: Path) -> None:
        """Refuse, since only the user has these recordings."""
        raise DatasetError(
            f"serbench cannot download your own recordings: put them into {folder}, then run "
            f"`serbench corpus scan {folder} --dataset NAME --pattern '{{emotion}}/{{speaker}}/*'`"
        )


@hookimpl
def register_corpora(register: Callable[[Corpus], None]) -> None:
    """Register folders that a pattern describes."""
    register(Folders())
