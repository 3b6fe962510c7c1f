"""Which utterance each line of a folds file means."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from serbench.data.manifest import Manifest
from serbench.data.protocols.folds_file import FoldsFile, Placed, read_folds
from serbench.data.recording_names import RecordingNames
from serbench.errors import DatasetError


def folds_of(manifest: Manifest, file: FoldsFile) -> npt.NDArray[np.str_]:
    """The fold of each utterance, ``[N]``, as a file gives it.

    A path is absolute, relative to the file, or the end of one recording's path; EmoBox's paths,
    which begin with its authors' folders, mean the recording whose path ends most like theirs.
    What follows the last dot does not count: one keeps FLAC where another keeps WAV.

    Raises:
        UsageError: the file cannot be read or has changed.
        DatasetError: a line means no utterance or several, two lines mean the same one, or an
            utterance has no line.
    """
    names = RecordingNames(manifest)
    found: dict[int, Placed] = {}
    unknown: list[Placed] = []
    for line in read_folds(file):
        rows = names.rows(line.path, Path(file.path).parent, line.tail_only)
        if not rows:
            unknown.append(line)
            continue
        if len(rows) > 1:
            raise DatasetError(
                f"{line.where}: {line.path} may be any of {len(rows)} recordings of dataset "
                f"'{manifest.name}': write more of the folders it lies in"
            )
        first = found.setdefault(rows[0], line)
        if first is not line:
            raise DatasetError(
                f"{line.where}: {line.path} was already placed by {first.where}: keep one of them"
            )
    if unknown:
        raise DatasetError(
            f"{unknown[0].where}: dataset '{manifest.name}' holds no {unknown[0].path}"
            + (f" (nor {len(unknown) - 1} more of the list)" if len(unknown) > 1 else "")
            + ": scan the same recordings with the same emotions, or list only what it holds"
        )
    left_out = sorted(set(range(len(manifest))) - set(found))
    if left_out:
        raise DatasetError(
            f"{file.path} places {len(found):,} of the {len(manifest):,} clips of dataset "
            f"'{manifest.name}'; {manifest.utterances[left_out[0]].path} is the first without a "
            "fold: list every clip"
        )
    return np.array([found[row].fold for row in range(len(manifest))], dtype=np.str_)
