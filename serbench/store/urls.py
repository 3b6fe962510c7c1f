"""Database URLs: the file of an SQLite database, and removal of secrets."""

from __future__ import annotations

import re
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

HIDDEN = "***"

SECRET = re.compile(r"pass|pwd|secret|token|credential", re.IGNORECASE)
"""Names of URL options with secret values."""

MEMORY = frozenset({"", ":memory:"})
"""SQLAlchemy's names of an SQLite database without a file."""


def sqlite_file(url: str) -> Path | None:
    """The file of an SQLite database; None of any other database, and of one in memory."""
    parsed = _parsed(url)
    if parsed is None or parsed.get_backend_name() != "sqlite":
        return None
    database = (parsed.database or "").removeprefix("file:")
    return None if database in MEMORY else Path(database)


def shown_url(url: str) -> str:
    """Text for users: the file of an SQLite database, else the URL without secrets."""
    parsed = _parsed(url)
    if parsed is None:
        hidden = re.sub(r"(://[^:/@]*:).*@", rf"\1{HIDDEN}@", url)
        return _OPTION.sub(rf"\1{HIDDEN}", hidden)
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        return parsed.database
    for name in parsed.query:
        if SECRET.search(name):
            parsed = parsed.update_query_dict({name: HIDDEN})
    return _OPTION.sub(rf"\1{HIDDEN}", parsed.render_as_string(hide_password=True))


def without_secrets(text: str, url: str) -> str:
    """A driver's message without the secrets of a URL."""
    parsed = _parsed(url)
    if parsed is None:
        return text.replace(url, shown_url(url))
    options = (value for name, value in parsed.query.items() if SECRET.search(name))
    values = [value for option in options for value in _listed(option)]
    for secret in {str(parsed.password or ""), *values} - {""}:
        text = text.replace(secret, HIDDEN)
    return text


_OPTION = re.compile(rf"([?&][^=&]*(?:{SECRET.pattern})[^=&]*=)[^&]*", re.IGNORECASE)


def _listed(option: str | tuple[str, ...]) -> tuple[str, ...]:
    return (option,) if isinstance(option, str) else option


def _parsed(url: str) -> URL | None:
    try:
        return make_url(url)
    except (ArgumentError, ValueError):
        return None
