"""The whole inspection of a dataset, and the recordings to leave out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from serbench.data.corpus import Corpus
from serbench.data.doctor.balance import balance_findings
from serbench.data.doctor.copies import copy_findings
from serbench.data.doctor.finding import SEVERITIES, Finding
from serbench.data.doctor.measuring import measure_all
from serbench.data.doctor.people import people_findings
from serbench.data.doctor.sound import defect_findings, sound_findings
from serbench.data.doctor.unlike import unlike_findings
from serbench.data.exclusions import Exclusion
from serbench.data.manifest import Manifest


def inspect(
    manifest: Manifest,
    corpora: Mapping[str, Corpus],
    defects: Iterable[Mapping[str, str]] = (),
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> tuple[Finding, ...]:
    """Decode every recording of a dataset and list possible defects.

    Args:
        manifest: the dataset.
        corpora: corpora by name, with their lists of published duplicates.
        defects: ``path`` and ``reason`` of the files that the scan skipped.
        progress: called with recordings done and recordings in all.

    Returns:
        the findings by severity, then by kind and subject.
    """
    measured = list(measure_all(manifest, progress))
    findings = [
        *sound_findings(measured),
        *defect_findings(defects),
        *copy_findings(manifest, corpora, measured),
        *unlike_findings(manifest),
        *balance_findings(manifest),
        *people_findings(manifest),
    ]
    rank = {severity: number for number, severity in enumerate(SEVERITIES)}
    return tuple(sorted(findings, key=lambda f: (rank[f.severity], f.kind, f.subject, f.paths)))


def exclusions(manifest: Manifest, findings: Sequence[Finding]) -> tuple[Exclusion, ...]:
    """The recordings that the findings suggest to leave out, each once, in their order."""
    reasons: dict[str, str] = {}
    for finding in findings:
        if finding.suggestion == "leave out":
            for path in finding.paths:
                reasons.setdefault(path, f"excluded by doctor: {finding.kind}")
    return tuple(
        Exclusion(utterance.path, utterance.audio_hash, reasons[utterance.path])
        for utterance in manifest.utterances
        if utterance.path in reasons
    )
