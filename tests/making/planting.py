"""Modules in a folder that must not be imported from it."""

from pathlib import Path

NAMES = ("numpy", "pickle", "signal", "torch", "json", "loky", "tempfile", "threading", "random")

CODE = """
from pathlib import Path
Path(__file__).with_suffix(".ran").touch()
raise SystemExit("the current folder was imported from")
"""


def plant(folder: Path) -> None:
    """Write modules that create a file when they are imported."""
    for name in NAMES:
        (folder / f"{name}.py").write_text(CODE)


def planted(folder: Path) -> list[str]:
    """Names of the modules that were imported."""
    return sorted(path.stem for path in folder.glob("*.ran"))
