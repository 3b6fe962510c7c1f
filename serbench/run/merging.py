"""Merging of a database or a backup into the database of a command."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from serbench.store.backup import DATABASE, opened_backup
from serbench.store.database import Database
from serbench.store.merging import Merged, merge
from serbench.workspace import Workspace, find_workspace

TAR = ".tar"


def merge_other(named: str, database: Database, workspace: Workspace) -> Merged:
    """Add what another database has and this one has not, with its weights files.

    Args:
        named: file name or URL of the other database, or the folder or tar file of a backup.
        database: the database that receives it.
        workspace: folder of its weights files.

    Raises:
        UsageError: both are the same database, a protocol has other splits in it, or a folder or
            tar file is no backup.
        StorageError: a database or a folder cannot be read or written.
    """
    with ExitStack() as stack:
        path = Path(named).expanduser()
        if "://" not in named and (path.suffix == TAR or path.is_dir()):
            named = str(stack.enter_context(opened_backup(path)) / DATABASE)
        other = find_workspace(named)
        opened = Database(other.database_url, create=False)
        try:
            return merge(database, workspace.artifacts, opened, other.artifacts)
        finally:
            if opened.exists:
                opened.engine.dispose()
