"""What may happen to a file that serbench refers to."""

from pathlib import Path


def lost(path: Path) -> None:
    """Delete it."""
    path.unlink(missing_ok=True)


def emptied(path: Path) -> None:
    """Leave nothing in it, as after a power cut."""
    path.write_bytes(b"")


def cut(path: Path) -> None:
    """Leave the first half of it."""
    content = path.read_bytes() if path.exists() else b""
    path.write_bytes(content[: len(content) // 2])


def swapped(path: Path) -> None:
    """Put another readable weights file in its place."""
    import numpy as np
    import safetensors.numpy

    path.write_bytes(safetensors.numpy.save({"head.bias": np.full(6, 9, np.float32)}))


DAMAGES = {each.__name__: each for each in (lost, emptied, cut, swapped)}
"""Name → function of the path."""
