"""Speakers with similar names, who may be the same person."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from serbench.data.doctor.finding import Finding
from serbench.data.emotions import label_key
from serbench.data.manifest import Manifest

SPACES = re.compile(r"(?<!\d) | (?!\d)")
"""Separators, except those between two numbers, since speaker 1-1 is not speaker 11."""


def people_findings(manifest: Manifest) -> Iterator[Finding]:
    """A note for each group of speakers with names that differ only in case or separators."""
    alike: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for utterance in manifest.utterances:
        name = utterance.speaker.partition("/")[2]
        alike[utterance.corpus, SPACES.sub("", label_key(name))].add(utterance.speaker)
    for (_, key), speakers in alike.items():
        if key and len(speakers) > 1:
            yield Finding(
                "speakers-alike",
                "note",
                ", ".join(sorted(speakers)),
                tuple(u.path for u in manifest.utterances if u.speaker in speakers),
                "names that differ only in case, accents or separators; if they are one person, "
                "this person may be in both training and test",
                "look at",
            )
