"""Another corpus behind the names of a known one, unmasked by names that the known one lacks."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

FEW = 0.01
"""Share of names that a corpus cannot have, below which they are single misnamed files of it."""


@dataclass(frozen=True, slots=True)
class Named:
    """A file whose name has the form of a corpus.

    Attributes:
        path: the file.
        speaker: as its name gives it.
        label: likewise.
        problem: what in its name the corpus cannot have, such as ``speaker 34``; None where the
            name is one of the corpus's own.
    """

    path: Path
    speaker: str
    label: str
    problem: str | None


def foreign_collections(names: Sequence[Named]) -> dict[Path, list[Named]]:
    """Folders that hold another corpus, each with the names that show it.

    The collection of a file is the nearest folder above it below which names have two speakers
    and two labels: corpora often have a folder for each speaker or for each emotion. A folder in
    which fewer than one name in a hundred shows another corpus holds none.
    """
    strangers = [each for each in names if each.problem is not None]
    if not strangers:
        return {}
    speakers, labels = defaultdict(set), defaultdict(set)
    counts: Counter[Path] = Counter()
    for each in names:
        for folder in each.path.parents:
            speakers[folder].add(each.speaker)
            labels[folder].add(each.label)
            counts[folder] += 1
    found: dict[Path, list[Named]] = defaultdict(list)
    for each in strangers:
        parents = each.path.parents
        whole = (one for one in parents if len(speakers[one]) > 1 and len(labels[one]) > 1)
        found[next(whole, parents[-1])].append(each)
    return {folder: some for folder, some in found.items() if len(some) >= FEW * counts[folder]}


def collection_of(path: Path, foreign: dict[Path, list[Named]]) -> Path | None:
    """The folder of ``foreign`` that a file lies in, the nearest of several, or None."""
    return next((folder for folder in path.parents if folder in foreign), None)


def evidence(strangers: Sequence[Named], most: int = 3) -> str:
    """What shows another corpus, for people: the most frequent problems with a file each."""
    examples: dict[str, str] = {}
    for each in strangers:
        examples.setdefault(str(each.problem), each.path.name)
    counts = Counter(str(each.problem) for each in strangers).most_common(most)
    return ", ".join(f"{problem} ({examples[problem]})" for problem, _ in counts)
