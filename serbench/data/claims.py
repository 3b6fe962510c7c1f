"""The corpus of each file of a scan."""

from __future__ import annotations

from collections import Counter
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
        DatasetError: two corpora give one file different emotions, and no option chooses a corpus.
    """
    claims: dict[Path, list[Claim]] = {}
    refused: list[Refused] = []
    remarks: list[Remark] = []
    for corpus in corpora:
        for found in recognised(corpus, files, options):
            if isinstance(found, Refused):
                refused.append(found)
            elif isinstance(found, Remark):
                remarks.append(found)
            else:
                recording = normalised(replace(found, emotion=labels.emotion(found)))
                claims.setdefault(found.path, []).append((corpus, recording))
    refused = [each for each in refused if each.path not in claims]
    settled: list[Claim] = []
    doubled: Counter[tuple[str, str]] = Counter()
    examples: dict[tuple[str, str], Path] = {}
    for path, rivals in claims.items():
        kept = _settle(path, rivals)
        settled += kept
        for other in {rival.name for rival, _ in rivals} - {kept[0][0].name}:
            doubled[kept[0][0].name, other] += 1
            examples.setdefault((kept[0][0].name, other), path)
    for (keeper, other), count in doubled.items():
        remarks.append(
            Remark(
                examples[keeper, other],
                f"this file and {count - 1:,} more are recognised by corpus '{keeper}' and by "
                f"'{other}'; they count as '{keeper}', unless --corpus {other} is given",
            )
        )
    return settled, refused, remarks


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
        agreed = source == "option" or len({recording.emotion for _, recording in rivals}) == 1
        if agreed and len({corpus.name for corpus, _ in best}) == 1:
            return best
    listed = " and ".join(f"'{name}'" for name in sorted(names))
    choices = " or ".join(f"--corpus {name}" for name in sorted(names))
    raise DatasetError(
        f"{path} is recognised by corpora {listed}, with different emotions: choose one with "
        f"{choices}",
        path=path,
        corpora=tuple(sorted(names)),
    )
