"""Parquet files as rows of plain values, read by pyarrow, which is imported only for them.

For Hugging Face datasets, the numbers of classes are replaced by their names, and the paths of
recordings are read instead of their bytes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from serbench.errors import DatasetError


class ParquetFile:
    """One Parquet file.

    Raises:
        DatasetError: the file is not Parquet, or pyarrow is not installed.
        OSError: the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        try:
            import pyarrow as pa
            import pyarrow.parquet as pq
        except ModuleNotFoundError:
            raise DatasetError(
                f"{path}: pyarrow is needed to read Parquet: run `pip install pyarrow`", path=path
            ) from None
        try:
            self._file: Any = pq.ParquetFile(path)
        except pa.ArrowException as error:
            raise DatasetError(
                f"{path} is not a Parquet file ({error}): save it again as Parquet or CSV",
                path=path,
            ) from error
        self._schema = self._file.schema_arrow
        self._classes = _class_names(self._schema.metadata or {})

    @property
    def header(self) -> tuple[str, ...]:
        """The names of the columns."""
        return tuple(self._schema.names)

    def embeds(self, column: str) -> bool:
        """Whether a column contains the bytes of recordings, as in Hugging Face datasets."""
        leaves = {self._file.schema.column(n).path: n for n in range(len(self._file.schema))}
        place = leaves.get(f"{column}.bytes")
        if place is None:
            return False
        metadata = self._file.metadata
        groups = [metadata.row_group(n) for n in range(metadata.num_row_groups)]
        statistics = [(group.num_rows, group.column(place).statistics) for group in groups]
        return any(
            each is None or not each.has_null_count or each.null_count < count
            for count, each in statistics
        )

    def rows(self, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
        """The rows, with the given columns."""
        selected = list(dict.fromkeys(map(self._selected, columns)))
        for batch in self._file.iter_batches(columns=selected):
            for row in batch.to_pylist():
                yield {name: self._named(name, value) for name, value in row.items()}

    def _selected(self, column: str) -> str:
        kind = self._schema.field(column).type
        inner = [kind.field(n).name for n in range(getattr(kind, "num_fields", 0))]
        return f"{column}.path" if "path" in inner else column

    def _named(self, column: str, value: object) -> object:
        names = self._classes.get(column, ())
        return names[value] if isinstance(value, int) and 0 <= value < len(names) else value


def _class_names(metadata: Mapping[bytes, bytes]) -> dict[str, list[str]]:
    """Column → names of its classes, if the file was written by Hugging Face datasets."""
    try:
        features = json.loads(metadata.get(b"huggingface", b"{}"))["info"]["features"]
    except (ValueError, KeyError, TypeError):
        return {}
    return {
        column: feature["names"]
        for column, feature in features.items()
        if isinstance(feature, dict) and isinstance(feature.get("names"), list)
    }
