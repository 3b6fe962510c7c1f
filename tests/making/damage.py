"""Damages of a file that serbench refers to."""

from pathlib import Path


def lost(path: Path) -> None:
    """Delete it."""
    path.unlink(missing_ok=True)


def emptied(path: Path) -> None:
    """Remove its content, as after a power failure."""
    path.write_bytes(b"")


def cut(path: Path) -> None:
    """Keep only the first half of it."""
    content = path.read_bytes() if path.exists() else b""
    path.write_bytes(content[: len(content) // 2])


def swapped(path: Path) -> None:
    """Replace it by another readable weights file."""
    import numpy as np
    import safetensors.numpy

    path.write_bytes(safetensors.numpy.save({"head.bias": np.full(6, 9, np.float32)}))


DAMAGES = {each.__name__: each for each in (lost, emptied, cut, swapped)}
"""Name → function of the path."""
