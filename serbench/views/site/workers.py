"""Files of a large site, made in several processes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from serbench.plugins import Plugins
from serbench.store.database import Database
from serbench.views.site.site import Site

FEWEST, PART = 80, 20
"""Pages of entries from which on processes are started, which takes seconds; pages of a job."""

ENVIRONMENT = {"PYTHONSAFEPATH": "1", "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""Worker processes import nothing from the current folder, and have one thread each."""

Made = tuple[Mapping[str, bytes], Mapping[str, bytes]]
"""Files by address, and specifications of charts by address."""


def pages_in_processes(
    url: str, playable: Sequence[int], paths: Sequence[str], processes: int | None = None
) -> Iterator[Made]:
    """Files of the site of a database, in parts as they are made; the order of paths is kept.

    Args:
        url: of the database, which other processes can open.
        playable: entries that have a page which executes their network.
        paths: addresses of the files.
        processes: number of processes; by default one for each processor core, at most 8.
    """
    from loky import ProcessPoolExecutor

    count = processes or min(os.cpu_count() or 1, 8)
    parts = [paths[start : start + PART] for start in range(0, len(paths), PART)]
    with ProcessPoolExecutor(count, env=ENVIRONMENT) as pool:
        jobs = [pool.submit(_made, url, tuple(playable), part) for part in parts]
        try:
            for job in jobs:
                yield job.result()
        finally:
            for job in jobs:
                job.cancel()


def _made(url: str, playable: tuple[int, ...], paths: Sequence[str]) -> Made:
    site = _site(url, playable)
    return {path: site.read(path) for path in paths}, dict(site.charts)


@lru_cache(1)
def _site(url: str, playable: tuple[int, ...]) -> Site:
    """The site in a worker process, whose jobs are all of one site."""
    return Site(Database(url), list(Plugins().metrics), dict.fromkeys(playable, ""))
