"""Writes a site into a folder, and replaces an earlier one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from threadpoolctl import threadpool_limits

from serbench import __version__
from serbench.errors import StorageError, UsageError
from serbench.views.site.site import Site
from serbench.views.site.workers import FEWEST, Made, pages_in_processes

MARKER = "serbench-site.json"
"""The file by which a folder is recognised as a site; it lists its files."""

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Published:
    """What was written.

    Attributes:
        index: the first page.
        files: number of files.
        megabytes: their size together.
    """

    index: Path
    files: int
    megabytes: float


def require_site_folder(folder: Path) -> None:
    """Check that a folder may be written into: it is missing, empty, or a site of serbench.

    Raises:
        UsageError: it is a file, or contains anything else.
    """
    if folder.is_dir():
        if (folder / MARKER).is_file() or not any(folder.iterdir()):
            return
        problem = "is not empty and was not made by `serbench publish`"
    elif folder.exists():
        problem = "is a file"
    else:
        return
    raise UsageError(
        f"{folder} {problem}, so that nothing is written: give a new folder", path=folder
    )


def publish(
    site: Site,
    folder: Path,
    progress: Progress = lambda done, total: None,
    processes: int | None = None,
) -> Published:
    """Write all files of a site, and delete those of an earlier one that it no longer has.

    Args:
        site: the site.
        folder: where it is written; its parents are made.
        progress: called with files done and files in all.
        processes: number of processes that make the pages of entries; by default several where
            there are many entries.

    Raises:
        UsageError: the folder may not be written into, see `require_site_folder`.
        StorageError: a file cannot be written.
    """
    require_site_folder(folder)
    before = _listed(folder)
    sizes: dict[str, int] = {}
    specifications: dict[str, bytes] = {}

    def write(path: str, content: bytes) -> None:
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        sizes[path] = len(content)

    try:
        folder.mkdir(parents=True, exist_ok=True)
        # The list first: a stopped command leaves a folder that the next one may replace.
        paths = site.paths
        _mark(folder, {*before, *paths})
        for made, charts in _parts(site, processes):
            for path, content in made.items():
                write(path, content)
                progress(min(len(sizes), len(paths)), len(paths))
            specifications.update(charts)
        for path, content in specifications.items():
            write(path, content)
        for path in before - sizes.keys():
            (folder / path).unlink(missing_ok=True)
        _mark(folder, sizes)
    except OSError as error:
        raise StorageError(
            f"the site cannot be written to {folder} ({error.strerror}): free the disk or give "
            "another folder",
            path=folder,
        ) from error
    return Published(folder / "index.html", len(sizes) + 1, sum(sizes.values()) / 1e6)


def _parts(site: Site, processes: int | None) -> Iterator[Made]:
    """The files of a site in parts: many pages of entries by several processes."""
    pages = site.entry_pages
    several = (processes or 0) > 1 or (processes is None and len(pages) >= FEWEST)
    # The matrices are small, so that several threads only take time from other processes.
    with threadpool_limits(1):
        alone = [path for path in site.paths if not several or path not in pages]
        for path in alone:
            yield {path: site.read(path)}, site.charts
        if several:
            yield from pages_in_processes(site.url, list(site.playable), pages, processes)


def _mark(folder: Path, paths: Iterable[str]) -> None:
    data = {"made_by": f"serbench {__version__}", "files": sorted(paths)}
    (folder / MARKER).write_text(json.dumps(data, indent=1), encoding="utf-8")


def _listed(folder: Path) -> set[str]:
    """The files of an earlier site, all inside of the folder."""
    marker = folder / MARKER
    if not marker.is_file():
        return set()
    try:
        listed = json.loads(marker.read_text(encoding="utf-8"))["files"]
    except (ValueError, KeyError, TypeError):
        return set()
    inside = folder.resolve()
    return {
        path
        for path in map(str, listed)
        if (inside / path).resolve().is_relative_to(inside) and path != MARKER
    }
