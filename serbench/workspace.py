"""Where things are kept: the database, prepared clips, trained weights."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from serbench.errors import UsageError

DATABASE_VARIABLE = "SERBENCH_DB"
CACHE_VARIABLE = "SERBENCH_CACHE"
FEATURE_LIMIT_VARIABLE = "SERBENCH_FEATURE_LIMIT"
FEATURE_LIMIT = 20.0
"""Gigabytes of features of frozen backbones that are kept."""

DATABASE_FILE = "serbench.db"


@dataclass(frozen=True)
class Workspace:
    """The places one command works with.

    Attributes:
        database_url: an SQLAlchemy URL; by default SQLite in ``serbench.db`` here.
        cache: prepared clips and generated corpora; all of it can be made again.
        artifacts: trained weights, beside the database that refers to them: ``my-artifacts`` of
            ``my.db``; of a server, ``serbench-artifacts`` in the current folder.
    """

    database_url: str
    cache: Path
    artifacts: Path

    @property
    def clips(self) -> Path:
        """The folder of prepared clips."""
        return self.cache / "clips"

    @property
    def corpora(self) -> Path:
        """The folder of corpora that serbench itself fetched or made."""
        return self.cache / "corpora"


def find_workspace(database: str | None = None) -> Workspace:
    """The workspace for a ``--db`` option (a URL or a file name), or the environment's.

    ``SERBENCH_DB`` names the database and ``SERBENCH_CACHE`` the cache folder; without them the
    database is ``serbench.db`` in the current folder and the cache is the platform's own.
    """
    named = database or os.environ.get(DATABASE_VARIABLE) or DATABASE_FILE
    if "://" in named:
        url = named
        file = re.match(r"sqlite(?:\+\w+)?:///(?:file:)?([^?]+)", url)
        path = Path(file[1] if file else DATABASE_FILE).absolute()
    else:
        path = Path(named).expanduser().absolute()
        url = f"sqlite:///{path}"
    # Studies with the same plan have files of the same names, so each database has its own folder.
    artifacts = path.parent / f"{path.name.removesuffix('.db')}-artifacts"
    return Workspace(database_url=url, cache=cache_folder(), artifacts=artifacts)


def cache_folder() -> Path:
    """``SERBENCH_CACHE``, or serbench's folder in the platform's cache."""
    named = os.environ.get(CACHE_VARIABLE)
    if named:
        return Path(named).expanduser().absolute()
    return platformdirs.user_cache_path("serbench")


def feature_limit() -> int:
    """Greatest size in bytes of all features that are kept, ``SERBENCH_FEATURE_LIMIT`` in GB.

    Raises:
        UsageError: the variable contains no number of 0 or more.
    """
    named = os.environ.get(FEATURE_LIMIT_VARIABLE, str(FEATURE_LIMIT))
    try:
        gigabytes = float(named)
    except ValueError:
        gigabytes = -1.0
    if not 0 <= gigabytes < float("inf"):
        raise UsageError(
            f"{FEATURE_LIMIT_VARIABLE} is '{named}': set it to a number of gigabytes, such as 20, "
            "or to 0 to keep no features",
            variable=FEATURE_LIMIT_VARIABLE,
            value=named,
        )
    return int(gigabytes * 1e9)
