"""All recorded details of one entry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from serbench.data.manifest import Manifest
from serbench.score.confusion import confusion_of, recalls, score_counts
from serbench.score.intervals import clip_interval, recall_intervals
from serbench.store.database import Database
from serbench.store.looks import looks_of
from serbench.store.predictions import Predictions, fold_predictions
from serbench.store.systems import (
    all_tested,
    find_system,
    first_study,
    manifest_of,
    shipped_artifact,
)
from serbench.views.calibration import CalibrationView, calibration_view
from serbench.views.entry import EntryView
from serbench.views.latencies import EntryLatency, LatencyView
from serbench.views.reading import entry_views
from serbench.views.seeds import SeedsView, seeds_of

SEX_NOT_KNOWN = "not known"
"""Name of the group of speakers whose sex is not known."""


@dataclass(frozen=True)
class Group:
    """Scores of a group of clips: those of one speaker, sex or corpus."""

    name: str
    clips: int
    uar: float
    accuracy: float


@dataclass(frozen=True)
class EntryDetail:
    """An entry with all recorded details.

    Attributes:
        view: scores, identity and latency.
        emotions: the label set, in the order of the confusion matrix.
        recalls: recall of each emotion; None if it does not occur.
        recall_intervals: the 95 % interval of each recall over speakers; None if it does not occur,
            or has too few speakers.
        confusion: counts ``[true][predicted]``.
        folds: counts ``[true][predicted]`` of each fold by which the winner was selected.
        latencies: all measured latencies.
        calibration: its temperature, agreement of probabilities and accuracy, and rejection.
        speakers: scores of each speaker, worst first.
        sexes: scores of each sex, worst first.
        corpora: scores of each corpus, worst first.
        study: number of its study; None for an import.
        plan: plan of that study; empty for an import.
        machine: machine of its training; empty for an import.
        versions: versions of the software of its training.
        looks: all tests of a winner on a holdout, oldest first: trial and outer fold from 1 (no
            trial for an import), UAR and time.
        artifact: its weights file, or None.
        artifact_sha256: hash of that file, or None.
        created: time of its creation.
        seeds: its scores with several seeds; only its own if nothing was repeated.
    """

    view: EntryView
    emotions: tuple[str, ...]
    recalls: tuple[float | None, ...]
    recall_intervals: tuple[tuple[float, float] | None, ...]
    confusion: list[list[int]]
    folds: list[list[list[int]]]
    latencies: tuple[LatencyView, ...]
    calibration: CalibrationView
    speakers: tuple[Group, ...]
    sexes: tuple[Group, ...]
    corpora: tuple[Group, ...]
    study: int | None
    plan: dict[str, Any]
    machine: dict[str, Any]
    versions: dict[str, str]
    looks: list[dict[str, Any]]
    artifact: str | None
    artifact_sha256: str | None
    created: str
    seeds: SeedsView

    @cached_property
    def clip_interval(self) -> tuple[float, float] | None:
        """Interval of UA as if all clips were independent, which is too narrow; or None."""
        return clip_interval(self.view.tally)

    @property
    def measured(self) -> tuple[EntryLatency, ...]:
        """All latencies, with the entry."""
        view = self.view
        return tuple(EntryLatency(view.entry, view.backbone, each) for each in self.latencies)

    @property
    def spread(self) -> dict[str, float | None]:
        """Standard deviation, lowest and highest UA over speakers."""
        uars = [group.uar for group in self.speakers]
        return {
            "sd": float(np.std(uars, ddof=1)) if len(uars) > 1 else None,
            "lowest": min(uars),
            "highest": max(uars),
        }

    def as_dict(self) -> dict[str, Any]:
        """Plain data, for ``--format json``.

        ``machine`` is the machine of the training; ``latencies`` has the machines of the latencies.
        """
        plain = self.view.as_dict()
        for each in fields(self):
            value = getattr(self, each.name)
            if each.name == "view":
                continue
            if each.name == "latencies":
                plain[each.name] = [vars(latency) for latency in value]
            elif each.name == "calibration":
                plain[each.name] = value.as_dict()
            elif each.name in ("speakers", "sexes", "corpora"):
                name = "by_speaker" if each.name == "speakers" else each.name
                plain[name] = [vars(group) for group in value]
            elif each.name == "seeds":
                plain[each.name] = value.as_dict()
            else:
                plain[each.name] = value
        more = {"clip_interval": self.clip_interval, "spread": self.spread}
        return {**plain, **more, "worst_speaker": self.speakers[0].name}


def entry_detail(
    database: Database,
    number: int,
    manifest: Manifest | None = None,
    measured: Sequence[EntryView] | None = None,
) -> EntryDetail:
    """All recorded details of an entry.

    Args:
        database: the database with the entry.
        number: its number.
        manifest: of its dataset, if it was read already.
        measured: the entry once for each of its latencies, as `entry_views` reads it, if it was
            read already.

    Raises:
        UsageError: there is no such entry, or it has no stored predictions.
    """
    measured = measured or entry_views(database, number)
    view = measured[0]
    with database.session() as session:
        system = find_system(session, number)
        manifest = manifest or manifest_of(database, system.protocol)
        holdout = all_tested(session, system)
        targets = manifest.targets[holdout.rows]
        confusion = confusion_of(holdout.logits, targets)
        trained = system.imported is None
        study = first_study(session, system) if trained else None
        artifact = shipped_artifact(session, system) if trained else None
        sexes = [manifest.utterances[row].sex or SEX_NOT_KNOWN for row in holdout.rows]
        return EntryDetail(
            view=view,
            emotions=tuple(manifest.emotions),
            recalls=tuple(None if np.isnan(each) else float(each) for each in recalls(confusion)),
            recall_intervals=tuple(recall_intervals(view.tally)),
            confusion=confusion.tolist(),
            folds=[
                confusion_of(fold.logits, manifest.targets[fold.rows]).tolist()
                for outer in fold_predictions(session, system)
                for fold in outer.values()
            ],
            latencies=tuple(each.latency for each in measured if each.latency.runtime),
            calibration=calibration_view(holdout.logits, targets, manifest.speakers[holdout.rows]),
            speakers=_groups(holdout, manifest, manifest.speakers[holdout.rows]),
            sexes=_groups(holdout, manifest, np.array(sexes, dtype=np.str_)),
            corpora=_groups(holdout, manifest, manifest.corpora[holdout.rows]),
            study=None if study is None else study.id,
            plan={} if study is None else {**study.plan, "outer_fold": study.outer_fold + 1},
            machine={} if study is None else study.machine,
            versions={"file": system.imported or ""} if study is None else study.versions,
            looks=[
                {
                    "trial": None if look.trial is None else look.trial + 1,
                    "outer_fold": look.outer_fold + 1,
                    "uar": look.uar,
                    "looked": look.looked,
                }
                for look in looks_of(session, system)
            ],
            artifact=None if artifact is None else artifact.file,
            artifact_sha256=None if artifact is None else artifact.sha256,
            created=system.created.isoformat(timespec="seconds"),
            seeds=seeds_of(session, system, manifest),
        )


def _groups(
    tested: Predictions, manifest: Manifest, names: Sequence[str] | npt.NDArray[np.str_]
) -> tuple[Group, ...]:
    """Scores of each group of clips, worst UA first."""
    named = np.asarray(names)
    found = []
    for name in np.unique(named):
        inside = named == name
        confusion = confusion_of(tested.logits[inside], manifest.targets[tested.rows[inside]])
        found.append(
            Group(
                str(name),
                int(inside.sum()),
                score_counts(confusion, "uar"),
                score_counts(confusion, "accuracy"),
            )
        )
    return tuple(sorted(found, key=lambda group: (group.uar, group.name)))
