"""Downloads of published weights, above all from the Hugging Face Hub."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import TypeVar
from urllib.parse import urlsplit
from urllib.request import getproxies

from serbench.errors import WeightsError

SECONDS_TO_CONNECT = 3.0
"""So long the Hugging Face Hub has to accept a connection."""

HUB_CACHE = "the Hugging Face cache (HF_HOME)"
"""Where the client of the hub keeps weights."""

Fetched = TypeVar("Fetched")


def fetch_weights(
    name: str,
    download: Callable[[], Fetched],
    cache: str = HUB_CACHE,
    may_be_random: bool = True,
) -> Fetched:
    """The result of ``download``.

    Args:
        name: of the backbone, for the message.
        download: returns weights, or their path.
        cache: where the client that downloads keeps weights, for the message; by default it is the
            client of the hub.
        may_be_random: whether the default head of the backbone accepts random weights, as heads
            that are fitted do not.

    Raises:
        WeightsError: the download raised an error of any class.
    """
    try:
        with _hub_only_if_reachable() if cache == HUB_CACHE else nullcontext():
            return download()
    # The class of the error of a failed download depends on the hub's client.
    except Exception as error:
        either, random = (
            (", ", ", or start from random weights with --weights none")
            if may_be_random
            else (", or ", "")
        )
        raise WeightsError(
            f"pretrained weights of {name} could not be fetched ({type(error).__name__}): connect "
            f"to the internet or fill {cache}{either}give a file with --weights FILE{random}",
            backbone=name,
        ) from error


@contextmanager
def _hub_only_if_reachable() -> Iterator[None]:
    """Make the client of the hub use cached weights if the hub cannot be reached.

    Otherwise it tries twelve times for more than a minute, even for cached weights. With a proxy,
    the client decides itself.
    """
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE or getproxies() or is_reachable(constants.ENDPOINT):
        yield
        return
    constants.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = False


def is_reachable(url: str) -> bool:
    """Whether a server accepts a connection within `SECONDS_TO_CONNECT`."""
    parts = urlsplit(url)
    port = parts.port or (80 if parts.scheme == "http" else 443)
    try:
        with socket.create_connection((parts.hostname or "", port), SECONDS_TO_CONNECT):
            return True
    except OSError:
        return False
