"""The options of a scan, in addition to the folders and the name of the dataset."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from serbench.data.audio import MEAN
from serbench.data.exclusions import Exclusion
from serbench.data.licence import UNKNOWN_LICENCE, Licence, Speech
from serbench.data.path_pattern import PathPattern
from serbench.errors import UsageError

ALL = "all"
"""The value of ``--emotions`` that keeps every recognised emotion."""


@dataclass(frozen=True)
class ScanOptions:
    """Options for the recognition and the labels of recordings, for all corpora of a scan.

    Corpora use the options for files: ``columns``, ``pattern``, ``root`` and ``paths``. The scan
    itself applies ``emotions``, ``labels`` and ``exclusions``.

    Attributes:
        emotions: emotions to keep, by any word of the vocabulary, own labels, or ``all``. None
            stands for the six emotions that RAVDESS, CREMA-D, SAVEE and TESS share, and the
            canonical emotions in ``labels``.
        labels: label or emotion → its emotion; it has priority over every other translation.
        columns: field of a recording (``path``, ``emotion``, ``speaker``, ``sex``, ``sentence``)
            → its column in tables.
        pattern: pattern of the fields in folders and file names.
        root: a folder below which the paths of tables are searched for.
        exclusions: recordings to leave out, with reasons.
        paths: the scanned folders and files; set by the scan.
        corpora: corpora that the user named, whose file names are recognised without a check.
        channel: the channel used of several: ``mean``, ``left``, ``right``, or a number.
        speech: type of speech of the user's own recordings.
        licence: licence of the user's own recordings.
        failed_plugins: a sentence for each plugin that could not be loaded, for a remark if files
            are not recognised.
    """

    emotions: Sequence[str] | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    pattern: PathPattern | None = None
    root: Path | None = None
    exclusions: Sequence[Exclusion] = ()
    paths: Sequence[Path] = ()
    corpora: Sequence[str] = ()
    channel: str = MEAN
    speech: Speech = "unknown"
    licence: Licence = UNKNOWN_LICENCE
    failed_plugins: Sequence[str] = ()


def pairs(option: str, texts: Sequence[str]) -> dict[str, str]:
    """The pairs of an option such as ``A=B,C=D``, which may be given several times.

    Args:
        option: its name, for errors.
        texts: as typed; commas separate pairs, but a comma before the first ``=`` is text.

    Raises:
        UsageError: a pair lacks a side, or one left side has two right sides.
    """
    found: dict[str, str] = {}
    for pair in (pair for text in texts for pair in PAIR.findall(text) or [text]):
        left, _, right = (part.strip() for part in pair.partition("="))
        if not left or not right:
            raise UsageError(
                f"{option} {pair} is not a pair: write two names with = between them, such as "
                f"{EXAMPLES.get(option, 'FROM=TO')}",
                option=option,
                pair=pair,
            )
        if found.setdefault(left, right) != right:
            raise UsageError(
                f"{option} has both '{found[left]}' and '{right}' for '{left}': give only one of "
                "them",
                option=option,
                pair=pair,
            )
    return found


EXAMPLES = {"--map": "--map excited=happiness", "--columns": "--columns path=file,speaker=actor"}

PAIR = re.compile(r"(?:^|(?<=,))[^=]*=[^,]*")

DEFAULT_OPTIONS = ScanOptions()
"""The default options, which keep the six shared emotions."""
