"""The standalone program that measures an exported network on a device."""

from __future__ import annotations

from pathlib import Path

from serbench.deploy import bench
from serbench.errors import StorageError

PROGRAM = "bench.py"

SUMMARY = str(bench.__doc__).partition("\n")[0]
"""The first line of the program."""


def write_bench(folder: Path) -> Path:
    """Write ``bench.py``, which measures an exported file and needs only numpy and onnxruntime.

    The exported file needs the metadata of `serbench.deploy.model_file.ModelFacts`.

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
