"""Everything that is known of one entry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from serbench.data.manifest import Manifest
from serbench.score.calibration import Reliability, reliability
from serbench.score.intervals import clip_intervals
from serbench.score.metrics import score
from serbench.score.standing import TUNING, plain
from serbench.score.tally import METRICS, Tally
from serbench.store.database import Database
from serbench.store.entry_rows import manifest_of, scored_entry
from serbench.store.predictions import Said, joined, read_holdouts
from serbench.store.schema import EntryRow


def show_entry(database: Database, number: int) -> dict[str, Any]:
    """An entry as plain data: scores, for whom they hold, and what made them.

    ``speakers``, ``sexes`` and ``corpora`` are lists of groups, worst first, each with its clips,
    UAR over the emotions it expresses, and accuracy; ``spread`` is the standard deviation,
    the lowest and the highest UAR over speakers.

    Raises:
        UsageError: no such entry, or one of an older serbench.
    """
    with database.session() as session:
        entry = scored_entry(session, number)
        manifest = manifest_of(database, entry.study)
        holdout = joined(read_holdouts(session, entry.study))
        targets = manifest.targets[holdout.rows]
        scores = score(holdout.logits, targets)
        speakers = _groups(holdout, manifest, manifest.speakers[holdout.rows].tolist())
        uars = [group["uar"] for group in speakers]
        return {
            "entry": entry.id,
            **_identity(entry),
            **{name: getattr(entry, name) for name in METRICS},
            **{f"{name}_ci": entry.intervals.get(name) for name in METRICS},
            "clip_intervals": plain(clip_intervals(Tally.from_bytes(entry.tally))),
            "ece": entry.ece,
            "cv_uar_mean": entry.cv_uar_mean,
            "cv_uar_sd": entry.cv_uar_sd,
            "cv_uar_ci": entry.intervals.get(TUNING),
            "optimism": None if entry.cv_uar_mean is None else entry.cv_uar_mean - entry.uar,
            "emotions": list(manifest.emotions),
            "recalls": [None if np.isnan(recall) else recall for recall in scores.recalls],
            "confusion": scores.confusion.tolist(),
            "reliability": _bins(reliability(holdout.logits, targets)),
            "speakers": speakers,
            "worst_speaker": speakers[0]["name"],
            "spread": {
                "sd": float(np.std(uars, ddof=1)) if len(uars) > 1 else None,
                "lowest": min(uars),
                "highest": max(uars),
            },
            "sexes": _groups(holdout, manifest, [_sex(manifest, row) for row in holdout.rows]),
            "corpora": _groups(holdout, manifest, manifest.corpora[holdout.rows].tolist()),
        }


def _identity(entry: EntryRow) -> dict[str, Any]:
    study = entry.study
    return {
        "study": study.id,
        "backbone": study.backbone,
        "front_end": study.front_end,
        "schedule": study.schedule,
        "weights": entry.weights,
        "dataset": study.dataset.name,
        "dataset_hash": study.dataset.hash,
        "protocol": study.protocol,
        "protocol_id": entry.protocol_id,
        "params": entry.params,
        "macs": entry.macs,
        "artifact": entry.artifact,
        "artifact_sha256": entry.artifact_sha256,
        "plan": study.plan,
        "compute_settings": study.compute_settings,
        "machine": study.machine,
        "versions": study.versions,
        "created": entry.created.isoformat(timespec="seconds"),
    }


def _bins(table: Reliability) -> list[dict[str, Any]]:
    """The bins that hold clips."""
    return [
        {
            "above": float(table.edges[place]),
            "to": float(table.edges[place + 1]),
            "confidence": float(table.confidence[place]),
            "accuracy": float(table.accuracy[place]),
            "clips": int(table.count[place]),
        }
        for place in range(len(table.count))
        if table.count[place]
    ]


def _sex(manifest: Manifest, row: int) -> str:
    return manifest.utterances[row].sex or "not known"


def _groups(holdout: Said, manifest: Manifest, names: Sequence[str]) -> list[dict[str, Any]]:
    """Scores of each group of clips, worst UAR first."""
    named: npt.NDArray[np.str_] = np.asarray(names)
    found = []
    for name in np.unique(named):
        inside = named == name
        scores = score(holdout.logits[inside], manifest.targets[holdout.rows[inside]])
        found.append(
            {
                "name": str(name),
                "clips": int(inside.sum()),
                "uar": scores.uar,
                "accuracy": scores.accuracy,
            }
        )
    return sorted(found, key=lambda group: (group["uar"], group["name"]))
