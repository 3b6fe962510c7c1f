"""Tables of predictions: a line for each clip, a column for each emotion."""

from __future__ import annotations

import csv
import hashlib
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from serbench.data.cells import Cell, cell_text, csv_text
from serbench.data.delimited import best_delimiter, delimited_lines
from serbench.data.emotions import canonical_emotion
from serbench.data.manifest import Manifest
from serbench.data.protocols import HOLDOUT
from serbench.data.recording_names import RecordingNames
from serbench.data.regular import check_regular
from serbench.errors import DatasetError, UsageError
from serbench.store.prediction_kinds import Kind, as_logits
from serbench.store.predictions import Predictions


@dataclass(frozen=True)
class PredictionTable:
    """The content of a file.

    Attributes:
        rows: rows of the manifest ``[n]``, without duplicates.
        logits: float32 ``[n, n_classes]``; probabilities are converted to their logarithms.
        folds: ``holdout``, or the name of the fold in the file, ``[n]``.
        latencies: milliseconds ``[n]``, or None.
        digest: SHA-256 of the file, and of the kind where the user states it.
    """

    rows: npt.NDArray[np.int64]
    logits: npt.NDArray[np.float32]
    folds: npt.NDArray[np.str_]
    latencies: npt.NDArray[np.float64] | None
    digest: str

    def logits_of(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """The logits of some rows, in the order of ``rows``; the file must contain all of them."""
        order = np.argsort(self.rows)
        return self.logits[order[np.searchsorted(self.rows, rows, sorter=order)]]


def read_predictions(path: Path, manifest: Manifest, kind: Kind | None = None) -> PredictionTable:
    """Read a table of predictions for clips of a dataset.

    The columns are ``path`` (path of the recording, or enough of its end to be unique) and one for
    each emotion of the dataset, under any of its names, with logits or probabilities (``as_logits``
    decides unless ``kind`` is given). Optional columns are ``fold`` (``holdout``, which is the
    default, or any name, since folds are identified by their clips) and ``latency`` in
    milliseconds.

    Raises:
        UsageError: a column is missing or unknown, or a value is not a number; or the numbers may
            be logits or probabilities.
        DatasetError: a path matches no clip of the dataset or several clips, or two lines match one
            clip.
    """
    content, lines = _lines(path, manifest)
    header = [_column(name, manifest) for name in (lines[0][1] if lines else [])]
    _check_columns(path, header, manifest)
    names = RecordingNames(manifest)
    found: dict[int, int] = {}
    values, folds, latencies = [], [], []
    for number, cells in lines[1:]:
        where = f"{path}, line {number}"
        if len(cells) != len(header):
            raise UsageError(
                f"{where} has {len(cells)} cells, and the first line has {len(header)}: write one "
                "cell for each column",
                path=path,
                line=number,
                cells=len(cells),
            )
        line = dict(zip(header, cells, strict=True))
        line["path"] = cell_text(line["path"])
        row = _row(where, names.rows(line["path"], path.absolute().parent), line["path"], manifest)
        if row in found:
            raise DatasetError(
                f"{where} has the path {line['path']}, as line {found[row]} does: keep one of them",
                path=path,
                line=number,
                clip=line["path"],
                first=found[row],
            )
        found[row] = number
        numbers = [_decimal(line[name]) for name in manifest.emotions]
        for emotion, text in zip(manifest.emotions, numbers, strict=True):
            _number(where, emotion, text)
        values.append(numbers)
        folds.append(line.get("fold") or HOLDOUT)
        if "latency" in line:
            latencies.append(_milliseconds(where, _decimal(line["latency"])))
    if not found:
        raise UsageError(f"{path} has no predictions: write a line for each clip of the holdout")
    return PredictionTable(
        rows=np.array(list(found), dtype=np.int64),
        logits=as_logits(path, values, list(found.values()), kind),
        folds=np.array(folds, dtype=np.str_),
        latencies=np.array(latencies) if latencies else None,
        digest=hashlib.sha256(content + (kind or "").encode()).hexdigest(),
    )


def write_predictions(manifest: Manifest, parts: Iterable[tuple[str, Predictions]]) -> str:
    """The same table for logits of serbench, with all digits of float32.

    Args:
        manifest: the dataset.
        parts: ``holdout`` or the number of a fold from 0, and the predictions in it.
    """
    names = RecordingNames(manifest)
    rows: list[dict[str, Cell]] = []
    for fold, predictions in parts:
        shown = fold if fold == HOLDOUT else str(int(fold) + 1)
        ordered = predictions.by_row()
        for row, logits in zip(ordered.rows, ordered.logits, strict=True):
            # The digits of float32: those of the same number as float64 would be more.
            digits = (float(str(value)) for value in logits)
            cells = dict(zip(manifest.emotions, digits, strict=True))
            rows.append({"path": names.shortest(int(row)), "fold": shown, **cells})
    return csv_text(["path", "fold", *manifest.emotions], rows)


def _lines(path: Path, manifest: Manifest) -> tuple[bytes, list[tuple[int, list[str]]]]:
    """The content, and the number and cells of each line that is not empty."""
    wanted = {"path", "fold", "latency", *manifest.emotions}

    def fits(cells: list[str]) -> tuple[int, ...]:
        return (len(wanted.intersection(_column(cell, manifest) for cell in cells)),)

    try:
        check_regular(path)
        content = path.read_bytes()
        return content, list(delimited_lines(content, best_delimiter(content, fits)))
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read ({error.strerror}): give another file", path=path
        ) from error
    except csv.Error as error:
        raise UsageError(
            f"{path} is not a CSV file ({error}): save it again as CSV", path=path
        ) from error


def _column(name: str, manifest: Manifest) -> str:
    """The name of a column, which for an emotion of the dataset may be any of its names."""
    name = cell_text(name)
    emotion = canonical_emotion(name)
    return emotion if emotion in manifest.emotions and name not in manifest.emotions else name


def _check_columns(path: Path, header: Sequence[str], manifest: Manifest) -> None:
    wanted = {"path", *manifest.emotions}
    missing = sorted(wanted - set(header))
    unknown = sorted(set(header) - wanted - {"fold", "latency"})
    doubled = sorted({name for name in header if header.count(name) > 1})
    for names, problem in ((missing, "has no"), (unknown, "has an unknown"), (doubled, "repeats")):
        if names:
            raise UsageError(
                f"{path} {problem} column {', '.join(names)}: name these columns in its first "
                f"line: path, {', '.join(manifest.emotions)}, and optionally fold and latency",
                path=path,
                problem=problem,
                columns=tuple(names),
            )


def _row(where: str, rows: Sequence[int], path: str, manifest: Manifest) -> int:
    if len(rows) == 1:
        return rows[0]
    if rows:
        raise DatasetError(
            f"{where}: {path} matches {len(rows)} recordings of dataset '{manifest.name}': write "
            "more folders of its path",
            where=where,
            clip=path,
            matches=len(rows),
        )
    raise DatasetError(
        f"{where}: dataset '{manifest.name}' has no recording {path}: correct the path, or remove "
        "the line",
        where=where,
        clip=path,
        matches=0,
    )


def _decimal(text: str) -> str:
    """A number with a point where it was written with a comma."""
    return text.replace(",", ".") if text.count(",") == 1 and "." not in text else text


def _number(where: str, column: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    with np.errstate(over="ignore"):
        kept = np.float32(value)
    if not np.isfinite(kept):
        raise UsageError(
            f"{where}: {column} is '{text}': write a finite number",
            where=where,
            column=column,
            text=text,
        )
    return value


def _milliseconds(where: str, text: str) -> float:
    value = _number(where, "latency", text)
    if value <= 0:
        raise UsageError(
            f"{where}: latency is '{text}': write a positive time in milliseconds",
            where=where,
            column="latency",
            text=text,
        )
    return value
