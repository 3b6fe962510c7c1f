"""The files of a folder as one corpus recognises them, for the author of its plugin."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from serbench.data.claims import recognised
from serbench.data.corpus import Corpus, Recording, Refused
from serbench.data.emotions import EMOTIONS, canonical_emotion
from serbench.data.folders import list_files
from serbench.data.formats import is_recording_name
from serbench.data.names import name_problem
from serbench.data.scan_options import ScanOptions

NOT_RECOGNISED = "not recognised"


def recognition(corpus: Corpus, folder: Path) -> Iterator[dict[str, Any]]:
    """A row for each recording in a folder, with the fields read by a corpus, or with a problem.

    Raises:
        UsageError: there is no such folder.
        DatasetError: a file of this corpus cannot be read.
    """
    files = list_files([folder]).files
    found = {
        each.path: each
        for each in recognised(corpus, files, ScanOptions(paths=(folder,)))
        if isinstance(each, Recording | Refused)
    }
    for path in files:
        if path in found or is_recording_name(path):
            yield _row(path, found.get(path), corpus)


def _row(path: Path, found: Recording | Refused | None, corpus: Corpus) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(("speaker", "label", "emotion", "sentence", "problem"))
    row |= {"file": str(path), "failed": False}
    if found is None:
        return {**row, "problem": NOT_RECOGNISED}
    if isinstance(found, Refused):
        problem = "; ".join(filter(None, (found.reason, found.detail)))
        return {**row, "problem": problem, "failed": True}
    emotion = found.emotion or canonical_emotion(found.label)
    row |= {"speaker": found.speaker, "label": found.label, "emotion": emotion}
    row |= {"sentence": found.sentence, "problem": found.excluded}
    if found.excluded is None and emotion not in (*EMOTIONS, *corpus.own_emotions):
        row |= {"problem": f"emotion {emotion or 'unknown'}", "failed": True}
    elif (named := name_problem(found.speaker)) is not None:
        row |= {"problem": f"the speaker's name {named}", "failed": True}
    return row
