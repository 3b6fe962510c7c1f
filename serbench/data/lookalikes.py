"""Corpora with file names like those of a registered corpus, found by names that it lacks."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

FEW = 0.01
"""Share of names that a corpus cannot have, below which they are single misnamed files of it."""


@dataclass(frozen=True, slots=True)
class Named:
    """A file with a name in the form of a corpus.

    Attributes:
        path: the file.
        speaker: speaker in its name.
        label: label in its name.
        problem: the part of its name that does not occur in the corpus, such as ``speaker 34``;
            None if the name occurs in the corpus.
    """

    path: Path
    speaker: str
    label: str
    problem: str | None


def named_parts(pattern: str, path: Path) -> re.Match[str] | None:
    """The parts of a file name by the pattern of a corpus, or None if it does not match."""
    name = f"{path.parent.name}/{path.stem}"
    return re.fullmatch(rf"(?:^|.*/){pattern}", name, re.IGNORECASE)


def foreign_collections(names: Sequence[Named]) -> dict[Path, list[Named]]:
    """Folders with files of another corpus, each with the names that show it.

    The collection of a file is the nearest of its parent folders with files of two speakers and two
    labels, since corpora often have a folder for each speaker or for each emotion. A folder in
    which fewer than one name in a hundred shows another corpus is no such collection.
    """
    others = [each for each in names if each.problem is not None]
    if not others:
        return {}
    speakers, labels = defaultdict(set), defaultdict(set)
    counts: Counter[Path] = Counter()
    for each in names:
        for folder in each.path.parents:
            speakers[folder].add(each.speaker)
            labels[folder].add(each.label)
            counts[folder] += 1
    found: dict[Path, list[Named]] = defaultdict(list)
    for each in others:
        parents = each.path.parents
        whole = (one for one in parents if len(speakers[one]) > 1 and len(labels[one]) > 1)
        found[next(whole, parents[-1])].append(each)
    return {folder: some for folder, some in found.items() if len(some) >= FEW * counts[folder]}


def collection_of(path: Path, foreign: dict[Path, list[Named]]) -> Path | None:
    """The nearest folder of ``foreign`` that contains a file, or None."""
    return next((folder for folder in path.parents if folder in foreign), None)


def evidence(others: Sequence[Named], most: int = 3) -> str:
    """The most frequent problems as text, each with one file, as evidence of another corpus."""
    examples: dict[str, str] = {}
    for each in others:
        examples.setdefault(str(each.problem), each.path.name)
    counts = Counter(str(each.problem) for each in others).most_common(most)
    return ", ".join(f"{problem} ({examples[problem]})" for problem, _ in counts)
