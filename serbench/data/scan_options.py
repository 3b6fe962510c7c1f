"""What a user may state for a scan, beside the folders and the dataset's name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from serbench.data.exclusions import Exclusion

SIX_EMOTIONS = ("sadness", "anger", "disgust", "fear", "happiness", "neutral")


@dataclass(frozen=True)
class ScanOptions:
    """How recordings are found and labelled; the same for every corpus of a scan.

    Corpora read what concerns the files: ``columns``, ``pattern``, ``root`` and ``paths``. The
    scan itself applies ``emotions``, ``labels`` and ``exclusions``.

    Attributes:
        emotions: emotions to keep, by any name that the vocabulary has, own labels, or ``all``.
        labels: label or emotion → the emotion to count it as; wins over every other translation.
        columns: field of a recording (``path``, ``emotion``, ``speaker``, ``sex``, ``sentence``)
            → the column of a table that holds it.
        pattern: how folders and file names give the fields, such as ``{emotion}/{speaker}/*``.
        root: a folder below which the paths of tables are looked for.
        exclusions: recordings to leave out, and why.
        paths: the folders and files that are scanned; filled in by the scan.
    """

    emotions: Sequence[str] = SIX_EMOTIONS
    labels: Mapping[str, str] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    pattern: str | None = None
    root: Path | None = None
    exclusions: Sequence[Exclusion] = ()
    paths: Sequence[Path] = ()


DEFAULT_OPTIONS = ScanOptions()
"""Nothing is stated: the six shared emotions are kept."""
