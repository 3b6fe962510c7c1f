"""The standalone program that measures an exported network on a device."""

from __future__ import annotations

from pathlib import Path

from serbench.deploy import bench
from serbench.errors import StorageError

PROGRAM = "bench.py"


def write_bench(folder: Path) -> Path:
    """Write ``bench.py``, which measures an exported file and needs only numpy and onnxruntime.

    The exported file needs the key ``serbench`` in its ``metadata_props``: JSON with ``entry``,
    ``dataset``, ``protocol_id``, ``precision``, ``seconds``, and ``sha256`` of the weights.

    Raises:
        StorageError: the folder cannot be written to.
    """
    path = folder / PROGRAM
    try:
        path.write_bytes(Path(bench.__file__).read_bytes())
    except OSError as error:
        raise StorageError(
            f"{path} cannot be written ({error.strerror}): choose another folder", path=path
        ) from error
    return path
