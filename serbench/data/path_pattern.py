"""Patterns of paths, such as ``{emotion}/{speaker}/*``, with the fields of a recording."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from serbench.data.formats import AUDIO_EXTENSIONS
from serbench.errors import UnknownNameError, UsageError

FIELDS = ("emotion", "speaker", "sentence", "sex")
LONGEST = 500
"""Characters of a pattern, and states of a match for each of its characters and one of a path."""

SUFFIX = re.compile(r"\.[^./]+")
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
        UsageError: a brace is unmatched, nothing separates two placeholders, or the pattern has
            more than 500 characters.
    """

    text: str
    _parts: tuple[_Part, ...] = field(init=False, repr=False, compare=False)
    _suffixed: bool = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        text = unicodedata.normalize("NFC", self.text.strip().replace("\\", "/"))
        text = text.removeprefix("./")
        object.__setattr__(self, "_parts", tuple(_parts(self.text, text)))
        suffixed = text.endswith("*") or text.lower().endswith(tuple(AUDIO_EXTENSIONS))
        object.__setattr__(self, "_suffixed", suffixed)

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields in the pattern."""
        return tuple(dict.fromkeys(part.name for part in self._parts if part.name))

    def match(self, path: Path, folders: Sequence[Path]) -> dict[str, str] | None:
        """The fields in the path of a recording; None if the path does not match.

        Args:
            path: absolute path.
            folders: the scanned folders; the pattern begins below one of them.

        Raises:
            UsageError: the pattern has the same field twice and may fit in too many ways.
        """
        for folder in folders:
            if path.is_relative_to(folder) and path != folder:
                relative = unicodedata.normalize("NFC", path.relative_to(folder).as_posix())
                found = self._fields_of(relative)
                if found is not None:
                    return {name: relative[start:end] for name, start, end in found}
        return None

    def _fields_of(self, path: str) -> tuple[_Found, ...] | None:
        """The place of each field, of the first way in which a path fits.

        Ways are tried in an order that is part of what a pattern means: fields are as short as
        possible, and ``*`` is as long as possible, from the left to the right. Each state of a
        match is tried once, so that the time grows with the product of both lengths only.
        """
        text = _folded(path)
        names = [part.name for part in self._parts if part.name]
        repeated = {name for name in names if names.count(name) > 1}
        seen: set[tuple[object, ...]] = set()
        ways: list[tuple[int, int, int, tuple[_Found, ...]]] = [(0, 0, 0, ())]
        while ways:
            number, at, start, found = ways.pop()
            bound = tuple(each for each in found if each[0] in repeated)
            state = (number, at, start if repeated else at > start, bound)
            if state in seen:
                continue
            seen.add(state)
            if len(seen) > LONGEST * (len(text) + 1) * 2:
                raise UsageError(
                    f"--pattern {self.text} may fit {path[:LONGEST]} in too many ways; write each "
                    "field once",
                    pattern=self.text,
                )
            if number == len(self._parts):
                if at == len(text) or (not self._suffixed and SUFFIX.fullmatch(text, at)):
                    return found
                continue
            part = self._parts[number]
            same = next((text[a:b] for name, a, b in found if name == part.name), None)
            if part.text or same is not None:
                fixed = part.text or str(same)
                if text.startswith(fixed, at):
                    end = at + len(fixed)
                    ways.append((number + 1, end, end, found))
            elif part.width:
                end = at + part.width
                if end <= len(text) and "/" not in text[at:end]:
                    ways.append((number + 1, end, end, part.found(found, at, end)))
            else:
                on = (number, at + 1, start, found)
                off = (number + 1, at, at, part.found(found, start, at))
                may_go_on = at < len(text) and (part.folders or text[at] != "/")
                may_stop = at > start or not part.name
                if part.whole_folders:
                    may_stop = at == start or text[at - 1] == "/"
                next_ways = [*([off] if may_stop else []), *([on] if may_go_on else [])]
                ways += reversed(next_ways) if part.name else next_ways  # the last is tried first
        return None


_Found = tuple[str, int, int]
"""A field, and from where to where in a path it is."""


@dataclass(frozen=True)
class _Part:
    """A part of a pattern: fixed text, a field, ``?``, ``*``, ``**`` or ``**/``.

    Attributes:
        text: fixed text, folded; empty for all others.
        name: of the field.
        width: number of characters; 0 where any number is possible.
        folders: whether it may contain ``/``.
        whole_folders: whether it ends only between folders.
    """

    text: str = ""
    name: str = ""
    width: int = 0
    folders: bool = False
    whole_folders: bool = False

    def found(self, before: tuple[_Found, ...], start: int, end: int) -> tuple[_Found, ...]:
        return (*before, (self.name, start, end)) if self.name else before


WILDCARDS = {
    "?": _Part(width=1),
    "*": _Part(),
    "**": _Part(folders=True),
    "**/": _Part(folders=True, whole_folders=True),
}


def _folded(text: str) -> str:
    """The same without case, character by character."""
    lower = ((each, each.lower()) for each in text)
    return "".join(small if len(small) == 1 else each for each, small in lower)


def _parts(text: str, pattern: str) -> Iterator[_Part]:
    if len(pattern) > LONGEST:
        raise UsageError(
            f"--pattern has {len(pattern)} characters, and {LONGEST} are the most", pattern=text
        )
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
            part = _field(text, name.strip(), width.strip())
            seen.add(part.name)
            is_open = not width.strip()
            if is_open and open_before:
                raise UsageError(
                    f"--pattern {text}: nothing separates {{{name}}} from the part before it: "
                    f"write a character between them, or a number of characters as {{{name}:2}}",
                    pattern=text,
                )
            yield part
            open_before = is_open
        else:
            is_open = token["any"] in ("*", "**")
            if is_open and open_before:
                raise UsageError(
                    f"--pattern {text}: nothing separates {token['any']} from the field before it: "
                    "write a character between them, or a number of characters as {emotion:3}",
                    pattern=text,
                )
            yield WILDCARDS[token["any"]] if token["any"] else _Part(_folded(token["text"]))
            open_before = is_open
    if not seen:
        raise UsageError(
            f"--pattern {text} has no field: write {{emotion}} and {{speaker}} in the place of the "
            "folders or parts of names with their values, such as '{emotion}/{speaker}/*'",
            pattern=text,
        )


def _field(pattern: str, name: str, width: str) -> _Part:
    if name not in FIELDS:
        raise UnknownNameError("field in --pattern", f"{{{name}}}", [f"{{{f}}}" for f in FIELDS])
    if width and not (width.isdecimal() and int(width) > 0):
        raise UsageError(
            f"--pattern {pattern}: '{width}' is not a number of characters: write {{{name}:2}}",
            pattern=pattern,
        )
    return _Part(name=name, width=int(width or 0))
