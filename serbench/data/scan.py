"""The scan of folders: recognise and decode recordings, make a manifest, count all files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from serbench.data.audio import SCALED, channel_index
from serbench.data.claims import claim
from serbench.data.conflicts import Conflict, find_conflicts
from serbench.data.corpus import Corpus, Recording, Remark
from serbench.data.exclusions import Exclusion, ExclusionList
from serbench.data.folders import list_files, without_steps_up
from serbench.data.formats import is_recording_name, unread_name
from serbench.data.labels import Labels, unknown_sentence
from serbench.data.licence import UNKNOWN_LICENCE, Licence, Speech
from serbench.data.manifest import Manifest, Utterance, make_manifest
from serbench.data.names import check_name, is_utf8, name_problem
from serbench.data.scan_options import DEFAULT_OPTIONS, ScanOptions
from serbench.data.scan_reading import Progress, Skipped, read_all
from serbench.errors import DatasetError

NO_CORPUS = "file name of no registered corpus"

UNKNOWN_EMOTION = "label without a known emotion"


@dataclass(frozen=True)
class Scan:
    """The result of a scan; ``found`` is the number of kept plus skipped files.

    ``unknown`` counts the labels without a known emotion, most frequent first; ``speech`` and
    ``licences`` are by corpus; ``files`` identifies the scanned files, if it was
    computed (`listing_hash`).
    """

    manifest: Manifest
    found: int
    skipped: tuple[Skipped, ...]
    conflicts: tuple[Conflict, ...]
    exclusions: tuple[Exclusion, ...] = ()
    unknown: Mapping[str, int] = field(default_factory=dict)
    remarks: tuple[Remark, ...] = ()
    speech: Mapping[str, Speech] = field(default_factory=dict)
    licences: Mapping[str, Licence] = field(default_factory=dict)
    files: str = ""

    def skipped_by_reason(self) -> dict[str, int]:
        """The number of files left out for each reason, most frequent first."""
        return dict(Counter(skip.reason for skip in self.skipped).most_common())

    def summary(self) -> dict[str, object]:
        """The manifest's summary and the account of the scan."""
        return {
            "name": self.manifest.name,
            **self.manifest.summary(),
            "speech": dict(self.speech),
            "licences": {name: asdict(each) for name, each in self.licences.items()},
            "files": self.files,
            "found": self.found,
            "skipped": self.skipped_by_reason(),
            "conflicts": [
                {"recordings": list(conflict.recordings), "evidence": conflict.evidence}
                for conflict in self.conflicts
            ],
            "defects": [_defect(skip) for skip in self.skipped if skip.defective],
            "exclusions": [asdict(exclusion) for exclusion in self.exclusions],
            "remarks": [f"{_printable(str(each.path))}: {each.text}" for each in self.remarks]
            + ([unknown_sentence(self.unknown)] if self.unknown else []),
        }


def scan(
    paths: Sequence[Path],
    name: str,
    corpora: Iterable[Corpus],
    options: ScanOptions = DEFAULT_OPTIONS,
    progress: Progress = lambda done, total: None,
) -> Scan:
    """Recognise the recordings in ``paths`` and decode each once.

    Args:
        paths: folders in any nesting, or files.
        name: name of the dataset.
        corpora: the corpora that may recognise files.
        options: the options of the scan: emotions, columns, exclusions and more.
        progress: called while reading.

    Raises:
        UsageError: a path does not exist, an emotion is unknown, or the name is not allowed.
        DatasetError: no usable recording was found, or two corpora recognise the same file.
    """
    check_name("dataset", name)
    channel_index(options.channel)
    paths = [without_steps_up(path) for path in paths]
    options = replace(options, paths=paths)
    chosen = list(corpora)
    labels = Labels(options, chosen)
    listing = list_files(paths)
    claims, refused, remarks = claim(listing.files, chosen, options, labels)
    labels.check_names(recording for _, recording in claims)
    remarks += [
        Remark(paths[0], sentence) for sentence in labels.unused([each for _, each in claims])
    ]
    claimed = {recording.path for _, recording in claims}
    skipped = [
        Skipped(str(path), reason, defective=True) for path, reason in listing.unread.items()
    ]
    explained = {each.path: each for each in reversed(refused)}
    skipped += [
        Skipped(str(path), unread, defective=True, kind="format")
        if (unread := unread_name(path))
        else Skipped(str(path), NO_CORPUS, defective=True, kind="unknown-name")
        for path in listing.files
        if _may_be_recording(path) and path not in claimed and path not in explained
    ]
    skipped += [
        Skipped(str(path), each.reason, True, each.detail, each.kind)
        for path, each in explained.items()
    ]
    if options.failed_plugins and any(skip.reason == NO_CORPUS for skip in skipped):
        remarks += [Remark(paths[0], sentence) for sentence in options.failed_plugins]
    found = len(skipped) + len(claims)
    wanted: list[tuple[Corpus, Recording]] = []
    unknown: Counter[str] = Counter()
    for corpus, recording in claims:
        reason = _left_out(recording, labels)
        if reason == UNKNOWN_EMOTION:
            unknown[recording.label] += 1
        if reason is None:
            wanted.append((corpus, recording))
        else:
            skipped.append(Skipped(str(recording.path), reason))
    scaled: list[Path] = []
    outcomes = read_all(wanted, options.channel, scaled, progress)
    kept: dict[tuple[str, ...], Utterance] = {}
    excluded = ExclusionList(options.exclusions)
    for outcome in outcomes:
        if isinstance(outcome, Skipped):
            skipped.append(outcome)
        elif (why := excluded.reason(outcome.path, outcome.audio_hash)) is not None:
            skipped.append(Skipped(outcome.path, excluded_because(why)))
        elif (key := outcome.identity) in kept:
            kept[key], copy = sorted((kept[key], outcome), key=_by_name)
            skipped.append(Skipped(copy.path, "copy of a recording that is already in the dataset"))
        else:
            kept[key] = outcome
    if scaled:
        remarks.append(
            Remark(min(scaled), f"{SCALED}; recordings for which this was done: {len(scaled):,}")
        )
    if not kept:
        raise DatasetError(_nothing_found(paths, found, skipped, remarks, unknown))
    synthetic = any(corpus.synthetic for corpus, _ in wanted)
    manifest = make_manifest(name, kept.values(), synthetic)
    known = {corpus.name: corpus for corpus, _ in wanted}
    conflicts = tuple(find_conflicts(manifest, known))
    return Scan(
        manifest,
        found,
        tuple(skipped),
        conflicts,
        tuple(options.exclusions),
        dict(unknown.most_common()),
        tuple(remarks),
        {name: _stated(known[name].speech, options.speech) for name in sorted(known)},
        {name: _licence(known[name].licence, options.licence) for name in sorted(known)},
    )


def _stated(declared: Speech, own: Speech) -> Speech:
    return own if declared == "unknown" else declared


def _licence(declared: Licence, own: Licence) -> Licence:
    return own if declared == UNKNOWN_LICENCE else declared


def _by_name(utterance: Utterance) -> tuple[str, str]:
    """A sorting key by which the kept one of two copies does not depend on their folders."""
    return Path(utterance.path).name, utterance.path


def excluded_because(reason: str) -> str:
    """Why a recording on an exclusion list was skipped."""
    return reason if reason.startswith("excluded") else f"excluded: {reason or 'no reason given'}"


def _may_be_recording(path: Path) -> bool:
    """Whether a file has the name of a recording, perhaps in a format that cannot be read."""
    return bool(unread_name(path)) or is_recording_name(path)


def _defect(skip: Skipped) -> dict[str, str]:
    defect = {"path": _printable(skip.path), "reason": skip.reason, "kind": skip.kind}
    return {**defect, "detail": skip.detail} if skip.detail else defect


def _printable(path: str) -> str:
    """A path for any database and terminal, even if it is not UTF-8."""
    return path.encode(errors="backslashreplace").decode()


def _left_out(recording: Recording, labels: Labels) -> str | None:
    if recording.excluded is not None:
        return recording.excluded
    if not is_utf8(str(recording.path)):
        return "path that is not UTF-8: rename it"
    if (problem := name_problem(recording.speaker)) is not None:
        return f"the name of its speaker {problem}"
    if recording.emotion is None:
        return UNKNOWN_EMOTION
    if not labels.wanted(recording.emotion):
        return f"emotion '{recording.emotion}' is not in --emotions"
    return None


def _nothing_found(
    paths: Sequence[Path],
    found: int,
    skipped: Sequence[Skipped],
    remarks: Sequence[Remark],
    unknown: Mapping[str, int],
) -> str:
    where = ", ".join(str(path) for path in paths)
    if found == 0:
        return (
            f"there are no recordings in {where}: give a folder of audio files, or a table of them "
            "(CSV, TSV, JSON lines, Parquet) with the columns path, emotion, speaker"
        )
    reasons = Counter(skip.reason for skip in skipped).most_common(3)
    listed = ", ".join(f"{count} × {reason}" for reason, count in reasons)
    details = [f"{skip.path}: {skip.detail}" for skip in skipped if skip.detail][:1]
    details += [f"{remark.path}: {remark.text}" for remark in remarks]
    if unknown:
        details.append(unknown_sentence(unknown))
    advice = "; ".join(details) or (
        "`serbench plugins list` shows the registered corpora; for your own files give "
        "--pattern '{emotion}/{speaker}/*', or a table with the columns path, emotion, speaker"
    )
    recordings = found - sum(not _may_be_recording(Path(skip.path)) for skip in skipped)
    if not recordings:
        return f"nothing in {where} can be used ({listed}): {advice}"
    number = f"{recordings:,} recording" + ("" if recordings == 1 else "s")
    return f"{number} found in {where}, and none can be used ({listed}): {advice}"
