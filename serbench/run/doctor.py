"""What this machine has for serbench, and what to do about each shortcoming."""

from __future__ import annotations

import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

from serbench.errors import MissingPackageError, StorageError
from serbench.model.hub import SECONDS_TO_CONNECT, is_reachable
from serbench.model.machine import this_machine
from serbench.plugins import Plugins
from serbench.run.requirements import PURPOSES, missing_of_extras, missing_packages
from serbench.store.database import Database
from serbench.store.datasets import Datasets
from serbench.store.entries import entry_names
from serbench.store.housekeeping import check_writable, database_info
from serbench.store.urls import shown_url, sqlite_file
from serbench.workspace import CACHE_VARIABLE, FEATURE_LIMIT_VARIABLE, Workspace, feature_limit

OK, NOTE, MISSING, BROKEN = "ok", "note", "missing", "broken"
"""States of a check: as it should be; works, but slower or with less; an optional part that is not
there; a required part that does not work."""

LEAST_FREE = 100e6
"""Bytes of free disk space below which no study can be stored."""

LOW_FREE = 5e9
"""Bytes of free disk space below which a note is given."""

BF16_FLAGS = {"avx512_bf16", "amx_bf16", "bf16"}
"""Features in /proc/cpuinfo of processors that multiply bf16 numbers in hardware."""


@dataclass(frozen=True)
class Check:
    """One property of this machine.

    Attributes:
        name: what was checked.
        state: ``ok``; ``note`` (works, but slower or with less); ``missing`` (an optional part);
            or ``broken`` (a required part).
        found: what was found.
        advice: what to do; empty where nothing has to be done.
    """

    name: str
    state: str
    found: str
    advice: str = ""


def examine(workspace: Workspace, database: Database, plugins: Plugins) -> Iterator[Check]:
    """Check this machine; takes a few seconds.

    Args:
        workspace: folders of the cache and of the weights.
        database: the database, which may not exist yet.
        plugins: the installed plugins.
    """
    yield Check("Python", OK, f"{platform.python_version()} on {platform.platform()}")
    yield from _packages()
    yield Check("machine", OK, this_machine().name)
    yield from _computing()
    yield from _runtimes(plugins)
    yield from _extras()
    yield _plugins(plugins)
    yield _disk("cache", workspace.cache, f"set {CACHE_VARIABLE} to a folder on another disk")
    yield from _database(database, workspace)
    yield _hub()


def _packages() -> Iterator[Check]:
    """The packages that serbench requires, in the versions that it requires."""
    missing = missing_packages()
    if missing:
        advice = f"pip install {' '.join(repr(each) for each in missing)}"
        yield Check("packages", BROKEN, f"missing or too old: {', '.join(missing)}", advice)
    else:
        yield Check("packages", OK, "all required packages are installed")


def _computing() -> Iterator[Check]:
    """PyTorch, its threads, bf16, and a GPU."""
    import torch

    from serbench.model.training import pick_device

    yield Check("PyTorch", OK, str(torch.__version__))
    cores, threads = this_machine().cores, torch.get_num_threads()
    if threads < cores:
        limited = "OMP_NUM_THREADS" in os.environ
        yield Check(
            "threads",
            NOTE,
            f"{threads} of {cores} cores",
            "unset OMP_NUM_THREADS, so that trainings use all cores"
            if limited
            else "PyTorch uses one thread for each physical core; --threads changes this",
        )
    else:
        yield Check("threads", OK, f"{threads}, one for each core")
    yield _bf16()
    if pick_device().type == "cuda":
        name = torch.cuda.get_device_name()
        yield Check("CUDA", OK, f"{torch.version.cuda}, {name}; trainings use it")
    elif torch.version.cuda is None:
        found = "this build of PyTorch has no CUDA; trainings use the CPU"
        advice = "with an NVIDIA GPU, install a CUDA build of PyTorch (pytorch.org)"
        yield Check("CUDA", NOTE, found, advice)
    else:
        yield Check(
            "CUDA",
            NOTE,
            "no GPU is available; trainings use the CPU",
            "if this machine has an NVIDIA GPU, update its driver",
        )


def _bf16() -> Check:
    import torch

    if torch.cuda.is_available():
        has = torch.cuda.is_bf16_supported()
        return Check("bf16", OK if has else NOTE, "in the GPU" if has else "not in this GPU")
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return Check("bf16", OK, "not known; speed tuning measures whether it is faster")
    flags = sorted(BF16_FLAGS & set(text.split()))
    if flags:
        return Check("bf16", OK, f"in the processor ({', '.join(flags)})")
    found = "not in this processor; trainings use fp32, as speed tuning finds it faster"
    return Check("bf16", NOTE, found)


def _runtimes(plugins: Plugins) -> Iterator[Check]:
    """The runtimes of all plugins, with the libraries that execute networks."""
    for runtime in plugins.runtimes:
        try:
            identity = runtime.identity
        except MissingPackageError as error:
            needed, _, advice = str(error).partition(": ")
            yield Check(f"runtime {runtime.name}", MISSING, needed, advice)
            continue
        facts = ", ".join(f"{name} {value}" for name, value in identity.items())
        yield Check(f"runtime {runtime.name}", OK, facts)


def _extras() -> Iterator[Check]:
    """The optional packages for users, with what they are needed for."""
    for extra, missing in missing_of_extras().items():
        purpose = f"for {PURPOSES[extra]}"
        if missing:
            advice = f"pip install 'serbench[{extra}]'"
            yield Check(f"extra {extra}", MISSING, f"{', '.join(missing)}, {purpose}", advice)
        else:
            yield Check(f"extra {extra}", OK, purpose)


def _plugins(plugins: Plugins) -> Check:
    """Plugins that could not be loaded."""
    names = sum(len(registry.owners()) for registry in plugins.registries())
    failed = ", ".join(f"{each.plugin} ({each.reason})" for each in plugins.failures)
    if failed:
        advice = "update or remove the packages of these plugins; `serbench plugins list`"
        return Check("plugins", NOTE, f"not loaded: {failed}", advice)
    return Check("plugins", OK, f"{len(plugins.declared)}, with {names:,} names")


def _disk(name: str, folder: Path, elsewhere: str) -> Check:
    """Whether a folder, or the one in which it will be made, can be written to, and its space."""
    there = next(each for each in (folder, *folder.parents) if each.is_dir())
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
        free = shutil.disk_usage(there).free
    except OSError as error:
        found = f"{folder} cannot be written to ({error.strerror})"
        return Check(name, BROKEN, found, f"change its permissions, or {elsewhere}")
    found = f"{folder}, {free / 1e9:.1f} GB free"
    if free < LEAST_FREE:
        return Check(name, BROKEN, found, f"free some space, or {elsewhere}")
    if free < LOW_FREE:
        limit = f"features of frozen encoders may take {feature_limit() / 1e9:g} GB"
        advice = f"{limit}: set {FEATURE_LIMIT_VARIABLE} to fewer gigabytes, or {elsewhere}"
        return Check(name, NOTE, found, advice)
    return Check(name, OK, found)


def _database(database: Database, workspace: Workspace) -> Iterator[Check]:
    """The database and the weights files beside it."""
    another = "name another database with --db or SERBENCH_DB"
    file = sqlite_file(database.url)
    if not database.exists:
        assert file is not None
        yield _disk("disk of the database", file.parent, another)
        advice = "`serbench corpus scan FOLDER --dataset NAME` makes it"
        yield Check("database", NOTE, f"{file} does not exist yet", advice)
        return
    if file is not None:
        yield _disk("disk of the database", workspace.artifacts.parent, another)
    try:
        check_writable(database)
        found = database_info(database, workspace.artifacts)
    except StorageError as error:
        cause, _, advice = str(error).rpartition(": ")
        yield Check("database", BROKEN, cause or str(error), advice or another)
        return
    content = f"datasets: {found.datasets}, studies: {found.studies}, entries: {found.entries}"
    where = f"{shown_url(database.url)} ({found.backend}), can be written"
    yield Check("database", OK, f"{where}; {content}")
    if found.lost_artifacts:
        yield Check(
            "weights files",
            NOTE,
            f"{found.lost_artifacts} of {found.artifacts + found.lost_artifacts} are missing in "
            f"{workspace.artifacts}",
            "copy them back beside the database; `serbench study reproduce ENTRY` makes those of "
            "an entry again",
        )


def next_step(database: Database) -> str:
    """The command that follows, by what a database has."""
    try:
        datasets = Datasets(database).datasets() if database.exists else []
        ranked = bool(datasets and entry_names(database))
    except StorageError:
        datasets, ranked = [], False
    if ranked:
        return "serbench leaderboard"
    if datasets:
        return f"serbench search {datasets[-1]['name']}"
    return "serbench corpus scan FOLDER --dataset NAME"


def _hub() -> Check:
    """Whether published weights can be downloaded."""
    from huggingface_hub import constants

    name, host = "Hugging Face Hub", urlsplit(constants.ENDPOINT).hostname
    offline = "weights that are not in its cache must be given with --weights FILE"
    if constants.HF_HUB_OFFLINE:
        return Check(name, NOTE, "not used, since HF_HUB_OFFLINE is set", offline)
    if getproxies():
        return Check(name, OK, f"{host} through a proxy, which was not tried")
    if is_reachable(constants.ENDPOINT):
        return Check(name, OK, f"{host} can be reached")
    found = f"{host} cannot be reached within {SECONDS_TO_CONNECT:g} s"
    return Check(name, NOTE, found, f"connect to the internet; {offline}")
