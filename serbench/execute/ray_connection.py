"""The optional package Ray, and the connection to a cluster or to a Ray on this machine."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Iterable
from typing import Any

import loky

from serbench.errors import MissingPackageError, UsageError

REACHED = 5.0
"""Seconds within which a cluster must accept a connection."""

OF_ONE_MACHINE = {
    # Ray listens on 127.0.0.1; despite its name, the variable has this effect on Linux too.
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    # Trainings have the priority of this process; by default Ray's workers have a lower one.
    "RAY_worker_niceness": "0",
}
"""Environment variables of a Ray that is started on this machine."""


def import_ray(alone: bool) -> Any:
    """The package; ``alone`` if it will be started on this machine."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if alone:
        for name, value in OF_ONE_MACHINE.items():
            os.environ.setdefault(name, value)
    try:
        import ray
    except ImportError as error:
        raise MissingPackageError(
            f"--executor ray needs Ray, which is not installed ({error}): run `pip install "
            "'serbench[ray]'`, or choose --executor processes",
            extra="ray",
        ) from error
    return ray


class _NoFolders(list[str]):
    """A list to which Ray cannot add the current folder, whose modules workers must not import."""

    def extend(self, folders: Iterable[str]) -> None:
        """Add nothing."""


def connect(ray: Any, address: str | None) -> None:
    """Connect to a cluster, or start Ray on this machine.

    Raises:
        UsageError: the cluster cannot be reached.
    """
    from ray.job_config import JobConfig

    job = JobConfig()
    job._py_driver_sys_path = _NoFolders()
    quiet = {"job_config": job, "log_to_driver": False, "logging_level": logging.ERROR}
    if address is None:
        # Without dashboard; the number of CPUs is that which this process may use.
        ray.init("local", num_cpus=loky.cpu_count(), include_dashboard=False, **quiet)
        return
    try:
        host, colon, port = address.rpartition(":")
        if colon and port.isdecimal():
            socket.create_connection((host.rpartition("/")[2], int(port)), REACHED).close()
        ray.init(address, **quiet)
    except Exception as error:  # Ray raises many classes of errors here
        raise UsageError(
            f"no Ray cluster can be reached at {address} ({first_line(error)}): start one with "
            "`ray start --head`, and run serbench on one of its machines",
            address=address,
        ) from error


def first_line(error: Exception) -> str:
    """The first line of an error's message, or its class, without the full stop."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
