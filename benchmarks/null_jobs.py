"""A job that does nothing, in a module that worker processes can import."""

from __future__ import annotations

from serbench.execute.executor import Channel, JobContext


def do_nothing(job: int, context: JobContext, channel: Channel) -> int:
    """Return the number of the job."""
    return job
