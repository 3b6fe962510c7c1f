"""Speakers who may be one person under two names."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from serbench.data.doctor.finding import Finding
from serbench.data.emotions import label_key
from serbench.data.manifest import Manifest

SPACES = re.compile(r"(?<!\d) | (?!\d)")
"""Separators, but for those between two numbers: speaker 1-1 is not speaker 11."""


def people_findings(manifest: Manifest) -> Iterator[Finding]:
    """A note for each group of speakers whose names differ in case, accents or separators only."""
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
                "names differ in case, accents or separators only; one person under two names "
                "may be trained and tested on",
                "look at",
            )
