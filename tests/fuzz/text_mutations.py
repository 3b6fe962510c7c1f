"""Random changes of text files."""

from __future__ import annotations

import random

TOKENS = [
    *(
        b"\x00",
        b"\xff",
        b"\xed\xa0\x80",
        b"\xef\xbb\xbf",
        b"\r",
        b"\n\n",
        b"\t",
        b'"',
        b'"""',
        b"'",
    ),
    *(b",", b";", b"=", b"[", b"]", b"{", b"}", b"#", b"\\", b"\\u0000", b"\\ud800", b"$(id)"),
    *(b"nan", b"inf", b"-inf", b"1e999", b"-1", b"0", b"9" * 30, b"9" * 5000, b"0x" + b"f" * 5000),
    *(b"true", b"null", b"1979-05-27T07:32:00Z", b"..", b"../" * 400, b"/dev/null", b"/", b"~"),
    *(b"[" * 5000, b"{" * 5000, b"a." * 5000, b"x" * 300, b"x" * 200_000, b"\x1b[31m", b"=1+1"),
    *("\u2028".encode(), "\u202e".encode(), "日本".encode(), "é".encode("latin-1")),
    *(b"entry:" + b"9" * 50, b"speaker-" + b"9" * 5000, b"folds:", b"speaker-1:nested-0"),
]
"""Texts that are inserted into a file, in addition to single bytes."""


def mutated(content: bytes, chance: random.Random) -> bytes:
    """A file with one to four changes."""
    for _ in range(chance.randint(1, 4)):
        content = chance.choice(CHANGES)(content, chance)
    return content


def _span(content: bytes, chance: random.Random) -> tuple[int, int]:
    start = chance.randint(0, len(content))
    return start, min(len(content), start + chance.randint(0, 40))


def _insert(content: bytes, chance: random.Random) -> bytes:
    place = chance.randint(0, len(content))
    return content[:place] + chance.choice(TOKENS) + content[place:]


def _replace(content: bytes, chance: random.Random) -> bytes:
    start, end = _span(content, chance)
    return content[:start] + chance.choice(TOKENS) + content[end:]


def _delete(content: bytes, chance: random.Random) -> bytes:
    start, end = _span(content, chance)
    return content[:start] + content[end:]


def _flip(content: bytes, chance: random.Random) -> bytes:
    changed = bytearray(content)
    if changed:
        changed[chance.randrange(len(changed))] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _repeat(content: bytes, chance: random.Random) -> bytes:
    start, end = _span(content, chance)
    return content[:start] + content[start:end] * chance.choice([2, 3, 50]) + content[end:]


def _cut(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randint(0, len(content))]


def _shuffle(content: bytes, chance: random.Random) -> bytes:
    lines = content.splitlines(keepends=True)
    chance.shuffle(lines)
    return b"".join(lines)


def _cells(content: bytes, chance: random.Random) -> bytes:
    """Exchange the texts between separators."""
    separator = chance.choice([b",", b"\n", b"="])
    parts = content.split(separator)
    parts[chance.randrange(len(parts))] = chance.choice(TOKENS)
    return separator.join(parts)


def _recode(content: bytes, chance: random.Random) -> bytes:
    text = content.decode(errors="replace")
    return text.encode(chance.choice(["utf-16", "utf-8-sig", "latin-1", "utf-32"]), "replace")


CHANGES = [_insert, _insert, _replace, _replace, _delete, _flip, _repeat, _cut, _shuffle, _cells]
CHANGES += [_cells, _recode]
