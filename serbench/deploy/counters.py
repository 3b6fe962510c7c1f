"""Energy counters of the processor."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path


class Energy:
    """The energy counters of the processor, where Linux lets this user read them (powercap, RAPL).

    They count what all programs and the idle processor use.
    """

    def __init__(self, root: Path = Path("/sys/class/powercap")) -> None:
        domains = sorted(root.glob("*:*")) if root.is_dir() else []
        self._packages = [
            domain for domain in domains if _text(domain / "name").startswith("package")
        ]

    def read(self) -> list[int] | None:
        """Microjoules of each package; None where they cannot be read."""
        found = [_text(package / "energy_uj").strip() for package in self._packages]
        return [int(each) for each in found] if found and all(map(str.isdecimal, found)) else None

    def spent(self, before: list[int] | None) -> float | None:
        """Millijoules since an earlier reading; a counter that begins again at zero is handled."""
        now = self.read()
        if now is None or before is None or len(now) != len(before):
            return None
        ranges = [_text(package / "max_energy_range_uj").strip() for package in self._packages]
        differences = [
            end - start + (int(largest or 0) if end < start else 0)
            for start, end, largest in zip(before, now, ranges, strict=True)
        ]
        return sum(differences) / 1000


def per_query(energies: Iterable[float | None], queries: int) -> float | None:
    """Millijoules of one query, given those of all blocks; None where one is not known."""
    known = list(energies)
    found = [each for each in known if each is not None]
    return sum(found) / queries if len(found) == len(known) else None


def _text(path: Path) -> str:
    """A file's text; empty where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
