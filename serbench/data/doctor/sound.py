"""Defects of single recordings: silence, clipping, offset, container, missing files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from serbench.data.decoding_more import PYAV
from serbench.data.doctor.finding import Finding, Suggestion
from serbench.data.doctor.measuring import CHANGED, MeasuredRecording, Sound
from serbench.data.formats import UNREAD_EXTENSIONS

SILENT = -60.0
"""Decibels below full scale; the quietest recordings of RAVDESS reach −56."""

CLIPPED = 1e-4
"""Fraction of the samples; 11 of 1,002 recordings of CREMA-D have more."""

LOUD = 0.1
"""With a lower peak, equal successive samples are due to coarse resolution, not to clipping."""

OFFSET = 0.005
"""Magnitude of the mean, full scale 1; RAVDESS, TESS and CREMA-D stay below 0.001."""

WAV = frozenset({"WAV", "WAVEX", "RF64"})
CONTAINERS: Mapping[str, frozenset[str]] = {
    ".wav": WAV,
    ".rf64": WAV,
    ".flac": frozenset({"FLAC"}),
    ".mp3": frozenset({"MP3"}),
    ".sph": frozenset({"NIST"}),
    ".w64": frozenset({"W64"}),
    ".caf": frozenset({"CAF"}),
    ".voc": frozenset({"VOC"}),
    **dict.fromkeys((".ogg", ".oga", ".opus"), frozenset({"OGG"})),
    **dict.fromkeys((".aif", ".aiff", ".aifc"), frozenset({"AIFF"})),
    **dict.fromkeys((".au", ".snd"), frozenset({"AU"})),
}
"""Suffix → formats that libsndfile finds in files with this suffix."""


UNKNOWN_NAME = "unknown-name"
"""Kind of defect of a file that no corpus recognises."""

SKIPPED_SO: Mapping[str, Suggestion] = {
    "lfs-pointer": "get again",
    "format": "convert",
    "channels-cancel": "convert",
    "channel": "convert",
    "scale": "convert",
    "silence": "get again",
    "table": "look at",
    "unusable": "get again",
}
"""Kind of defect of a file that the scan skipped → suggestion."""


def sound_findings(measured: Iterable[MeasuredRecording]) -> Iterator[Finding]:
    """Findings about single recordings."""
    for each in measured:
        if each.sound is None:
            yield _lost(each)
        else:
            yield from _remarks(each.utterance.path, each.sound)
            yield from _levels(each.utterance.path, each.sound)
            yield from _container(each.utterance.path, each.sound)


def defect_findings(defects: Iterable[Mapping[str, str]]) -> Iterator[Finding]:
    """Findings about files that the scan skipped.

    Args:
        defects: ``path``, ``reason``, ``kind`` and optionally ``detail`` of each, from the account
            of the dataset.
    """
    unknown: dict[Path, list[str]] = {}
    for defect in defects:
        path, reason = Path(defect["path"]), defect["reason"]
        if defect.get("kind") == UNKNOWN_NAME:
            unknown.setdefault(path.parent, []).append(str(path))
        else:
            kind = defect.get("kind", "unusable")
            facts = (reason, defect.get("detail"), "skipped by the scan")
            measured = "; ".join(filter(None, facts))
            yield Finding(
                kind, "warning", path.name, (str(path),), measured, SKIPPED_SO.get(kind, "look at")
            )
    for folder, paths in unknown.items():
        first = Path(paths[0]).name
        more = f" and {len(paths) - 1:,} more in {folder.name}" if len(paths) > 1 else ""
        measured = "file name of no registered corpus; skipped by the scan"
        yield Finding(UNKNOWN_NAME, "note", first + more, tuple(paths), measured, "look at")


def _remarks(path: str, sound: Sound) -> Iterator[Finding]:
    for remark in sound.remarks:
        suggestion: Suggestion = "look at" if remark.kind == "dead-channel" else "convert"
        name = Path(path).stem
        yield Finding(remark.kind, "warning", name, (path,), remark.text, suggestion)


def _lost(measured: MeasuredRecording) -> Finding:
    kind = "changed" if measured.problem == CHANGED else measured.kind
    path = measured.utterance.path
    problem = f"{measured.problem}; scan again after it is corrected"
    return Finding(kind, "error", Path(path).stem, (path,), problem, "get again")


def _levels(path: str, sound: Sound) -> Iterator[Finding]:
    name = Path(path).stem
    if sound.loudest < SILENT:
        measured = f"loudest part at {sound.loudest:.0f} dB of full scale (limit {SILENT:.0f})"
        yield Finding("silence", "error", name, (path,), measured, "leave out")
    elif sound.clipped > CLIPPED and sound.peak > LOUD:
        measured = f"{sound.clipped:.2%} of the samples clipped at {sound.peak:.2f} of full scale"
        yield Finding("clipping", "warning", name, (path,), measured, "look at")
    if sound.offset > OFFSET:
        measured = f"mean of {sound.offset:.3f} of full scale (limit {OFFSET})"
        yield Finding("dc-offset", "note", name, (path,), measured, "convert")


def _container(path: str, sound: Sound) -> Iterator[Finding]:
    suffix = Path(path).suffix.lower()
    expected = CONTAINERS.get(suffix)
    unread = suffix in UNREAD_EXTENSIONS and not sound.container.startswith(PYAV)
    if unread or (expected is not None and sound.container not in expected):
        measured = f"suffix {suffix}, but content in the format {sound.container}"
        yield Finding("format", "warning", Path(path).stem, (path,), measured, "convert")
