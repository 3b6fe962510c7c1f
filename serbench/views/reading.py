"""Reading of entries from the database, for all views."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from serbench.data.licence import Licence
from serbench.data.protocols import is_speaker_dependent, without_folder
from serbench.errors import UsageError
from serbench.model.machine import Machine
from serbench.score.confusion import Tally
from serbench.score.metric import CROSS_VALIDATION, POOLED_FOLDS, Score
from serbench.store.database import Database
from serbench.store.looks import NEVER, LookCounts, count_looks
from serbench.store.machines import LatencyKind
from serbench.store.predictions import EAGER, IMPORTED
from serbench.store.schema import ScoreRow, StudyRow, SystemRow, TallyRow
from serbench.store.schema_data import DatasetRow, ProtocolRow
from serbench.store.schema_machines import LatencyRow, MachineRow
from serbench.views.entry import EntryView
from serbench.views.latencies import (
    LATENCY_COLUMNS,
    NOT_MEASURED,
    LatencyView,
    latency_of,
    read_latencies,
)

SYSTEM_COLUMNS = (
    *(SystemRow.id, SystemRow.number.label("entry"), SystemRow.name.label("backbone")),
    *(SystemRow.front_end, SystemRow.schedule, SystemRow.head, SystemRow.objective),
    *(SystemRow.readout, SystemRow.clip_format),
    *(SystemRow.weights, SystemRow.params, SystemRow.macs, SystemRow.imported),
    *(SystemRow.pretrained_on, SystemRow.known_speakers),
    *(SystemRow.weights_licence, SystemRow.protocol_id.label("protocol_row")),
    StudyRow.compute_settings,
    *(StudyRow.plan[name].as_integer().label(name) for name in ("batch_size", "epochs", "seed")),
    StudyRow.plan["views"].as_integer().label("views"),
    StudyRow.plan["augmentations"].as_json().label("augmentations"),
)
"""The columns of a system for rankings, without plan, trials and logits."""

PROTOCOL_COLUMNS = (
    *(ProtocolRow.id, ProtocolRow.name.label("protocol")),
    *(ProtocolRow.identifier.label("protocol_id"), ProtocolRow.evidence),
    *(DatasetRow.name.label("dataset"), DatasetRow.hash.label("dataset_hash")),
    *(DatasetRow.synthetic, DatasetRow.account),
)
"""The columns of a protocol and its dataset, which many systems share."""

NO_CLIPS = {"seconds": None, "sample_rate": None, "level": "", "padding": ""}
"""The clip format of an import."""


def read_entries(
    database: Database,
    dataset: str | None = None,
    threads: int | None = None,
    number: int | None = None,
) -> list[EntryView]:
    """All entries, once for each of their latencies; not ranked yet.

    Args:
        database: the database with the entries.
        dataset: only entries on the dataset of this name.
        threads: only latencies at this thread count; None for all. An entry with latencies at
            other thread counts only is left out.
        number: only the entry of this number.

    Raises:
        UsageError: there is no such entry.
    """
    system: int | None = None
    if number is not None:
        # A ranking needs none of the modules that train and score, which take long to import.
        from serbench.store.systems import find_system

        with database.session() as session:
            system = find_system(session, number).id
    systems = (
        select(*SYSTEM_COLUMNS)
        .join(ProtocolRow, ProtocolRow.id == SystemRow.protocol_id)
        .join(DatasetRow, DatasetRow.id == ProtocolRow.dataset_id)
        .outerjoin(StudyRow, (StudyRow.system_id == SystemRow.id) & (StudyRow.outer_fold == 0))
        .where(SystemRow.number.is_not(None), SystemRow.deleted.is_(None))
        .order_by(SystemRow.number)
    )
    if dataset is not None:
        systems = systems.where(DatasetRow.name == dataset)
    if system is not None:
        systems = systems.where(SystemRow.id == system)
    with database.session() as session:
        scores, tallies = _scores(session, system), _tallies(session, system)
        latencies, ever = read_latencies(session, threads, system)
        looks, protocols = count_looks(session), _protocols(session)
        return [
            view
            for facts in session.connection().execute(systems).mappings()
            for view in _views(
                {**facts, **protocols[facts["protocol_row"]]},
                *(looks.get(facts["id"], NEVER), scores, tallies, latencies, ever),
            )
        ]


def _protocols(session: Session) -> dict[int, dict[str, Any]]:
    """Row of a protocol → the facts that its entries have in common."""
    found = {}
    query = select(*PROTOCOL_COLUMNS).join(DatasetRow, DatasetRow.id == ProtocolRow.dataset_id)
    for row in session.execute(query).mappings():
        facts = dict(row)
        number, account = facts.pop("id"), facts.pop("account")
        licences = account.get("licences", {})
        found[number] = facts | {
            "protocol": without_folder(facts["protocol"]),
            "speaker_dependent": is_speaker_dependent(facts["protocol"]),
            "speech": account.get("speech", {}),
            "licences": {name: Licence(**each) for name, each in licences.items()},
        }
    return found


Tested = tuple[int, str, int]
"""A system, a runtime and a protocol, to which scores belong."""

Scores = dict[Tested, dict[str, dict[str, Score]]]
"""Tested system → evidence → metric → score."""


def _scores(session: Session, system: int | None) -> Scores:
    query = select(
        ScoreRow.system_id,
        ScoreRow.runtime,
        ScoreRow.protocol_id,
        ScoreRow.evidence,
        ScoreRow.metric,
        ScoreRow.value,
        ScoreRow.low,
        ScoreRow.high,
        ScoreRow.spread,
    )
    if system is not None:
        query = query.where(ScoreRow.system_id == system)
    found: Scores = defaultdict(lambda: defaultdict(dict))
    rows = session.connection().execute(query).all()
    for number, runtime, protocol, evidence, metric, value, low, high, spread in rows:
        found[number, runtime, protocol][evidence][metric] = Score(value, low, high, spread)
    return found


def _tallies(session: Session, system: int | None) -> dict[Tested, list[bytes]]:
    """The tally of each tested system, followed by those of its rivals."""
    query = select(
        TallyRow.system_id, TallyRow.runtime, TallyRow.protocol_id, TallyRow.counts
    ).order_by(TallyRow.place)
    if system is not None:
        query = query.where(TallyRow.system_id == system)
    found: dict[Tested, list[bytes]] = defaultdict(list)
    for number, runtime, protocol, counts in session.connection().execute(query).all():
        found[number, runtime, protocol].append(counts)
    return found


def _views(
    known: dict[str, Any],
    looked: LookCounts,
    scores: Scores,
    tallies: dict[Tested, list[bytes]],
    latencies: dict[int, list[LatencyView]],
    ever: set[int],
) -> Iterator[EntryView]:
    """One entry, once for each of its latencies.

    Each has the scores of its runtime, or, if the system was not scored in it, those of the runtime
    of its first predictions. An entry without any scores is left out.
    """
    system, protocol = known.pop("id"), known.pop("protocol_row")
    settings, pretrained_on = known.pop("compute_settings"), known["pretrained_on"]
    clip_format, views = known.pop("clip_format") or NO_CLIPS, known.pop("views")
    first = EAGER if known.pop("imported") is None else IMPORTED
    measured = latencies.get(system, [] if system in ever else [NOT_MEASURED])
    for latency in measured:
        own = (system, latency.runtime, protocol)
        tested = own if own in scores else (system, first, protocol)
        if tested not in scores:
            continue
        found = scores[tested]
        training = tallies.get((system, first, protocol)) if tested[1] != first else None
        tally, *rivals = map(Tally.from_bytes, tallies[tested])
        yield EntryView(
            **{
                **known,
                **clip_format,
                "rank": 0,
                "front": "",
                "pretrained_on": None if pretrained_on is None else tuple(pretrained_on),
                "known_speakers": tuple(known["known_speakers"]),
                "augmentations": _listed(known["augmentations"], known["epochs"], views),
                "batch_size": known["batch_size"] or None,  # 0 of a fitted head
                "epochs": known["epochs"] or None,
                "weights_licence": Licence(**(known["weights_licence"] or {})),
                "compute_settings": compute_text(settings),
                "speakers": len(tally.speakers),
                "scores": found[known["evidence"]],
                "cv": found.get(CROSS_VALIDATION, {}),
                "cv_pooled": found.get(POOLED_FOLDS, {}),
                "latency": latency,
                "tally": tally,
                "rivals": tuple(rivals),
                "trained": None if training is None else Tally.from_bytes(training[0]),
                "holdout_looks": looked.own,
                "holdout_looks_total": looked.total,
            }
        )


def _listed(augmentations: list[str] | None, epochs: int | None, views: int | None) -> str:
    """Augmentations for people; empty of an import, or of a fitted head without views."""
    if augmentations is None or not (epochs or views):
        return ""
    listed = ", ".join(augmentations) or "none"
    return f"{listed} in {views} view{'s' * (views > 1)}" if views else listed


def compute_text(settings: dict[str, Any] | None) -> str:
    """Compute settings as text, such as ``fp32, 2 threads``; empty for an import."""
    if settings is None:
        return ""
    threads = settings["threads"]
    return f"{settings['precision']}, {threads} thread" + ("s" if threads > 1 else "")


def entry_view(database: Database, number: int) -> EntryView:
    """One entry, with its latency on one thread if that was measured.

    Raises:
        UsageError: no such entry, or one without scores.
    """
    return entry_views(database, number)[0]


def entry_view_here(
    database: Database, number: int, machine: Machine, kind: LatencyKind
) -> EntryView:
    """One entry with its latency of one kind on one machine, or without latency.

    Raises:
        UsageError: no such entry, or one without scores.
    """
    query = (
        select(*LATENCY_COLUMNS)
        .join(MachineRow)
        .join(SystemRow)
        .where(
            SystemRow.number == number,
            MachineRow.fingerprint == machine.fingerprint,
            LatencyRow.identity == kind.key,
        )
    )
    with database.session() as session:
        row = session.execute(query).mappings().first()
        latency = NOT_MEASURED if row is None else latency_of(row)
    return replace(entry_view(database, number), latency=latency)


def entry_views(database: Database, number: int) -> list[EntryView]:
    """One entry, once for each of its latencies.

    The latency on one thread, in the runtime of the entry's first predictions, is first.

    Raises:
        UsageError: no such entry, or one without scores.
    """
    found = read_entries(database, number=number)
    if not found:
        raise UsageError(
            f"entry {number} has no scores: compute them with `serbench leaderboard rescore`",
            number=number,
        )
    return sorted(found, key=shown_first)


def shown_first(view: EntryView) -> tuple[object, ...]:
    """The place of a latency among those of an entry, of which the first is shown with it."""
    latency = view.latency
    return latency.threads != 1, latency.runtime not in (EAGER, IMPORTED), latency.runtime
