"""Patterns of paths, such as ``{emotion}/{speaker}/*``, with the fields of a recording."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from serbench.data.formats import AUDIO_EXTENSIONS
from serbench.errors import UnknownNameError, UsageError

FIELDS = ("emotion", "speaker", "sentence", "sex")
TOKEN = re.compile(r"\{(?P<name>[^{}]*)\}|(?P<any>\*\*/?|\*|\?)|(?P<brace>[{}])|(?P<text>[^*?{}]+)")


@dataclass(frozen=True)
class PathPattern:
    """A pattern for the path of a recording below the scanned folder.

    ``{emotion}``, ``{speaker}``, ``{sentence}`` and ``{sex}`` match a folder, or a part of a name,
    with the value of the field; ``{speaker:2}`` matches exactly two characters. A field that occurs
    twice must have the same value in both places. ``*`` matches any characters of one name, ``?``
    matches one character, and ``**/`` matches any number of folders. The suffix of the file is
    ignored unless the pattern ends with a suffix or with ``*``; case is ignored.

    Attributes:
        text: as typed.

    Raises:
        UnknownNameError: a placeholder is none of the four fields.
        UsageError: a brace is unmatched, or nothing separates two placeholders.
    """

    text: str
    _expression: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_expression", _expression(self.text))

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields in the pattern."""
        return tuple(self._expression.groupindex)

    def match(self, path: Path, folders: Sequence[Path]) -> dict[str, str] | None:
        """The fields in the path of a recording; None if the path does not match.

        Args:
            path: absolute path.
            folders: the scanned folders; the pattern begins below one of them.
        """
        for folder in folders:
            if path.is_relative_to(folder) and path != folder:
                relative = unicodedata.normalize("NFC", path.relative_to(folder).as_posix())
                found = self._expression.fullmatch(relative)
                if found is not None:
                    return found.groupdict()
        return None


def _expression(text: str) -> re.Pattern[str]:
    pattern = unicodedata.normalize("NFC", text.strip().replace("\\", "/")).removeprefix("./")
    written: list[str] = []
    seen: set[str] = set()
    open_before = False
    for token in TOKEN.finditer(pattern):
        if token["brace"]:
            raise UsageError(
                f"--pattern {text}: the brace '{token['brace']}' has no matching brace: write "
                "fields as {emotion}, {speaker}, {sentence}, {sex}",
                pattern=text,
            )
        if token["name"] is not None:
            name, _, width = token["name"].partition(":")
            part = _field(text, name.strip(), width.strip(), seen)
            is_open = not width.strip()
            if is_open and open_before:
                raise UsageError(
                    f"--pattern {text}: nothing separates {{{name}}} from the part before it: "
                    f"write a character between them, or a number of characters as {{{name}:2}}",
                    pattern=text,
                )
            written.append(part)
            open_before = is_open
        else:
            is_open = token["any"] in ("*", "**")
            if is_open and open_before:
                raise UsageError(
                    f"--pattern {text}: nothing separates {token['any']} from the field before it: "
                    "write a character between them, or a number of characters as {emotion:3}",
                    pattern=text,
                )
            written.append(_wildcard(token["any"]) if token["any"] else re.escape(token["text"]))
            open_before = is_open
    if not seen:
        raise UsageError(
            f"--pattern {text} has no field: write {{emotion}} and {{speaker}} in the place of the "
            "folders or parts of names with their values, such as '{emotion}/{speaker}/*'",
            pattern=text,
        )
    suffixed = pattern.endswith("*") or pattern.lower().endswith(tuple(AUDIO_EXTENSIONS))
    return re.compile("".join(written) + ("" if suffixed else r"(?:\.[^./]+)?"), re.IGNORECASE)


def _field(pattern: str, name: str, width: str, seen: set[str]) -> str:
    if name not in FIELDS:
        raise UnknownNameError("field in --pattern", f"{{{name}}}", [f"{{{f}}}" for f in FIELDS])
    if width and not (width.isdecimal() and int(width) > 0):
        raise UsageError(
            f"--pattern {pattern}: '{width}' is not a number of characters: write {{{name}:2}}",
            pattern=pattern,
        )
    if name in seen:
        return f"(?P={name})"
    seen.add(name)
    return f"(?P<{name}>[^/]{{{width}}})" if width else f"(?P<{name}>[^/]+?)"


def _wildcard(text: str) -> str:
    if text == "?":
        return "[^/]"
    return {"*": "[^/]*", "**": ".*", "**/": "(?:.*/)?"}[text]
