"""The corpus of each file of a scan."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from serbench.data.corpus import Corpus, Recording, Refused, Remark, failed
from serbench.data.formats import is_recording_name
from serbench.data.labels import Labels, normalised
from serbench.data.scan_options import ScanOptions
from serbench.errors import DatasetError, SerbenchError

Claim = tuple[Corpus, Recording]


def claim(
    files: Sequence[Path], corpora: Sequence[Corpus], options: ScanOptions, labels: Labels
) -> tuple[list[Claim], list[Refused], list[Remark]]:
    """Let each corpus recognise its files, and translate each label into its emotion.

    Returns:
        the recordings with their corpora, the tables and lists that cannot be used, and remarks.

    Raises:
        DatasetError: the names of one file, or options of the scan, assign it to two corpora.
    """
    claims: dict[Path, list[Claim]] = {}
    refused: list[Refused] = []
    remarks: list[Remark] = []
    disguised: list[tuple[set[Path], list[Remark]]] = []
    for corpus in corpora:
        alike: set[Path] = set()
        about: list[Remark] = []
        for found in recognised(corpus, files, options):
            if isinstance(found, Refused):
                refused.append(found)
                alike.update({found.path} if found.kind == "look-alike" else ())
            elif isinstance(found, Remark):
                about.append(found)
            else:
                recording = normalised(replace(found, emotion=labels.emotion(found)))
                claims.setdefault(found.path, []).append((corpus, recording))
        disguised.append((alike, about))
    for alike, about in disguised:
        if not alike or not alike <= claims.keys():  # else a pattern or a table gives them all
            remarks += about
    refused = [each for each in refused if each.path not in claims]
    known = {path.stem.casefold() for path in claims}
    unneeded = [each for each in refused if each.listed and known.issuperset(_stems(each))]
    settled: list[Claim] = []
    doubled: dict[tuple[str, str], list[Path]] = defaultdict(list)
    differing: Counter[tuple[str, str]] = Counter()
    named = {
        path.stem.casefold()
        for path, rivals in claims.items()
        if any(recording.source == "names" for _, recording in rivals)
    }
    for path, rivals in claims.items():
        only_tables = all(recording.source == "table" for _, recording in rivals)
        if only_tables and path.stem.casefold() in named and not os.path.exists(path):  # noqa: PTH110
            continue  # the path is another machine's, and the recording is recognised by its name
        kept = _settle(path, rivals)
        settled += kept
        keeper, emotions = kept[0][0].name, {recording.emotion for _, recording in kept}
        for corpus, recording in rivals:
            if corpus.name != keeper:
                doubled[keeper, corpus.name].append(path)
                differs = recording.emotion is not None and recording.emotion not in emotions
                differing[keeper, corpus.name] += differs and recording.excluded is None
    for (keeper, other), paths in doubled.items():
        differ = differing[keeper, other]
        remarks.append(
            Remark(
                paths[0],
                f"corpus '{keeper}' and corpus '{other}' both recognise {len(set(paths)):,} "
                "recordings"
                + (f", and '{other}' gives {differ:,} another emotion" if differ else "")
                + f"; they count as '{keeper}', unless --corpus {other} is given",
            )
        )
    if unneeded:
        remarks.append(
            Remark(
                unneeded[0].path,
                f"tables that are not used: {len(unneeded):,}, this one as {unneeded[0].reason}; "
                "the recordings that they list are recognised without them",
            )
        )
    return settled, [each for each in refused if each not in unneeded], remarks


def _stems(table: Refused) -> set[str]:
    """Names of listed recordings without folders and endings."""
    return {Path(text.replace("\\", "/")).stem.casefold() for text in table.listed}


def recognised(
    corpus: Corpus, files: Sequence[Path], options: ScanOptions
) -> Iterator[Recording | Refused | Remark]:
    """The files that a corpus recognises; a file on which its plugin fails is refused alone."""
    try:
        found = list(corpus.recognise(files, options))
    except SerbenchError:
        raise
    except Exception:  # noqa: BLE001 (a plugin may raise anything)
        lists = [path for path in files if not is_recording_name(path)]
        for path in filter(is_recording_name, files):
            try:
                alone = list(corpus.recognise([path, *lists], options))
            except Exception as error:  # noqa: BLE001
                yield failed(corpus.name, path, error)
            else:
                yield from alone
    else:
        yield from found


def _settle(path: Path, rivals: list[Claim]) -> list[Claim]:
    """The claims of one corpus on one file."""
    names = {corpus.name for corpus, _ in rivals}
    if len(names) == 1:
        return rivals
    for source in ("option", "names"):
        best = [rival for rival in rivals if rival[1].source == source]
        if len({corpus.name for corpus, _ in best}) == 1:
            return best
    listed = " and ".join(f"'{name}'" for name in sorted(names))
    choices = " or ".join(f"--corpus {name}" for name in sorted(names))
    raise DatasetError(
        f"{path} is recognised by corpora {listed}, with different emotions: choose one with "
        f"{choices}",
        path=path,
        corpora=tuple(sorted(names)),
    )
