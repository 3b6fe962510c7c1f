"""What a user may state for a scan, beside the folders and the dataset's name."""

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
"""In place of emotions: every emotion that labels are recognised as."""


@dataclass(frozen=True)
class ScanOptions:
    """How recordings are found and labelled; the same for every corpus of a scan.

    Corpora read what concerns the files: ``columns``, ``pattern``, ``root`` and ``paths``. The
    scan itself applies ``emotions``, ``labels`` and ``exclusions``.

    Attributes:
        emotions: emotions to keep, by any name that the vocabulary has, own labels, or ``all``.
            None stands for the six that RAVDESS, CREMA-D, SAVEE and TESS share, and the canonical
            emotions that ``labels`` leads to.
        labels: label or emotion → the emotion to count it as; wins over every other translation.
        columns: field of a recording (``path``, ``emotion``, ``speaker``, ``sex``, ``sentence``)
            → the column of a table that holds it.
        pattern: how folders and file names give the fields.
        root: a folder below which the paths of tables are looked for.
        exclusions: recordings to leave out, and why.
        paths: the folders and files that are scanned; filled in by the scan.
        corpora: corpora that the user named: their names are believed.
        channel: what is used of several channels: ``mean``, ``left``, ``right``, or a number.
        speech: type of the user's own recordings, those of no published corpus.
        licence: theirs.
        failed_plugins: a sentence for each plugin that could not be loaded, to be mentioned
            where files are not recognised.
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
    """What ``A=B,C=D`` states, given once or several times.

    Args:
        option: its name, for errors.
        texts: as typed; a comma separates pairs, and in front of the first ``=`` it is text.

    Raises:
        UsageError: a pair lacks a side, or one left side is given two right sides.
    """
    found: dict[str, str] = {}
    for pair in (pair for text in texts for pair in PAIR.findall(text) or [text]):
        left, _, right = (part.strip() for part in pair.partition("="))
        if not left or not right:
            raise UsageError(
                f"{option} {pair}: write a name, = and another name, such as "
                f"{EXAMPLES.get(option, 'FROM=TO')}",
                option=option,
                pair=pair,
            )
        if found.setdefault(left, right) != right:
            raise UsageError(
                f"{option} gives '{left}' both '{found[left]}' and '{right}': give one of them",
                option=option,
                pair=pair,
            )
    return found


EXAMPLES = {"--map": "--map excited=happiness", "--columns": "--columns path=file,speaker=actor"}

PAIR = re.compile(r"(?:^|(?<=,))[^=]*=[^,]*")

DEFAULT_OPTIONS = ScanOptions()
"""Nothing is stated: the six shared emotions are kept."""
