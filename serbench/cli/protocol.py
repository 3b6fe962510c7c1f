"""``serbench protocol``: training and test speakers of a protocol, and leaks between them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from serbench.cli.app import App, Group, common_options, pass_app
from serbench.cli.completing import datasets, protocols
from serbench.cli.output import emit_csv, emit_json, emit_table, emit_text, format_option
from serbench.cli.remarks import counting, next_command

if TYPE_CHECKING:
    from serbench.data.manifest import Manifest
    from serbench.data.protocols import Protocol, Rows, Split
    from serbench.data.protocols.audit import Audit, Overlap

WIDE = 6
"""With more emotions than this, their names are shortened so that tables fit 80 columns."""

SHOWN = 5
"""At most this many pairs of near-identical recordings are listed; JSON lists all."""


@click.group(cls=Group)
def protocol() -> None:
    """List protocols; show the folds of one on a dataset."""


@protocol.command("list")
@format_option("table", "json")
@common_options
@pass_app
def list_command(app: App, format_: str) -> None:
    """List all protocols."""
    from serbench.data.protocols import LISTED, MODIFIERS

    if format_ == "json":
        emit_json([{"protocol": name, "rule": rule} for name, rule in (*LISTED, *MODIFIERS)])
        return
    emit_table(["protocol", "rule"], [*LISTED, ("", ""), *MODIFIERS])
    next_command("serbench protocol show ID --dataset NAME")


@protocol.command("show")
@click.argument("protocol_id", metavar="ID", shell_complete=protocols)
@click.option(
    "--dataset",
    shell_complete=datasets,
    required=True,
    metavar="NAME",
    help="Split this scanned dataset.",
)
@click.option(
    "--no-fingerprints",
    is_flag=True,
    help="Skip the search for near-identical audio, for which every recording is read; by default "
    "it is done.",
)
@format_option("table", "json")
@common_options
@pass_app
def show_command(
    app: App, protocol_id: str, dataset: str, no_fingerprints: bool, format_: str
) -> None:
    """Show the holdouts and folds of protocol ID on a dataset, and leaks between their two sides.

    ID is the name of a protocol, such as speaker-5, or an identifier, such as speaker-5#1f3a9c0d,
    which must belong to this dataset. A speaker-independent protocol with a speaker or identical
    audio in both training and test is refused; near-identical audio and sentences are reported.
    """
    from serbench.data.fingerprint import fingerprints
    from serbench.data.protocols import protocol_from_id, split_dataset
    from serbench.data.protocols.audit import audit
    from serbench.store.datasets import Datasets

    manifest = Datasets(app.database).manifest(dataset)
    chosen = protocol_from_id(manifest, protocol_id)
    split = split_dataset(manifest, chosen)
    found = None
    if not no_fingerprints:
        with counting("recordings read") as progress:
            found = fingerprints(manifest, progress)
    account = _account(manifest, chosen, split, audit(manifest, split, found))
    if format_ == "json":
        emit_json(account)
    else:
        _show(account)
    next_command(f"serbench study run --dataset {dataset} --protocol {chosen.name}")


@protocol.command("clips")
@click.argument("protocol_id", metavar="ID", shell_complete=protocols)
@click.option(
    "--dataset",
    shell_complete=datasets,
    required=True,
    metavar="NAME",
    help="Split this scanned dataset.",
)
@format_option("csv", "json")
@common_options
@pass_app
def clips_command(app: App, protocol_id: str, dataset: str, format_: str) -> None:
    """List every test clip of protocol ID on a dataset: outer fold, fold, path.

    `serbench leaderboard import` needs predictions for the clips of the holdout; if nothing is set
    aside, for those of all folds.
    """
    from serbench.data.protocols import HOLDOUT, protocol_from_id, split_dataset
    from serbench.data.recording_names import RecordingNames
    from serbench.store.datasets import Datasets

    manifest = Datasets(app.database).manifest(dataset)
    names = RecordingNames(manifest)
    outer_folds = split_dataset(manifest, protocol_from_id(manifest, protocol_id)).outer_folds
    listed: list[dict[str, Any]] = []
    for number, part in enumerate(outer_folds, start=1):
        tested = [(HOLDOUT, part.holdout.test)] if len(part.holdout.test) else []
        tested += [(str(place), fold.test) for place, fold in enumerate(part.folds, start=1)]
        listed += [
            {"outer_fold": number, "fold": fold, "path": names.shortest(int(row))}
            for fold, rows in tested
            for row in rows
        ]
    if format_ == "json":
        emit_json(listed)
    else:
        emit_csv(["outer_fold", "fold", "path"], listed)


def _account(manifest: Manifest, chosen: Protocol, split: Split, leaks: Audit) -> dict[str, Any]:
    from serbench.data.protocols import METRIC, describe, protocol_id

    overlaps = {(found.outer_fold, found.fold): found for found in leaks.overlaps}

    def part(number: int, name: int | str, tested: Rows) -> dict[str, Any]:
        return {
            **_counts(manifest, tested),
            "leaks": _leaks(manifest, overlaps[number, name]),
        }

    return {
        "id": protocol_id(manifest, chosen, split),
        "protocol": chosen.name,
        "rule": describe(chosen),
        "evidence": split.evidence,
        "note": chosen.note,
        "metric": METRIC,
        "dataset": manifest.name,
        "hash": manifest.hash,
        "emotions": list(manifest.emotions),
        "outer_folds": [
            {
                "holdout": part(number, "holdout", outer.holdout.test)
                if len(outer.holdout.test)
                else None,
                "folds": [part(number, place, fold.test) for place, fold in enumerate(outer.folds)],
            }
            for number, outer in enumerate(split.outer_folds)
        ],
    }


def _counts(manifest: Manifest, tested: Rows) -> dict[str, Any]:
    return {
        "speakers": sorted(set(manifest.speakers[tested].tolist())),
        "clips": {
            emotion: int((manifest.targets[tested] == code).sum())
            for code, emotion in enumerate(manifest.emotions)
        },
    }


def _leaks(manifest: Manifest, overlap: Overlap) -> dict[str, Any]:
    paths = [utterance.path for utterance in manifest.utterances]
    alike = overlap.near_identical
    return {
        "speakers": list(overlap.speakers),
        "identical": [paths[row] for row in overlap.identical],
        "near_identical_clips": overlap.near_identical_clips,
        "near_identical": None
        if alike is None
        else [
            {"trained": paths[trained], "tested": paths[tested], "similarity": similarity}
            for trained, tested, similarity in alike
        ],
        "sentences": overlap.sentences,
    }


def _show(account: dict[str, Any]) -> None:
    note = f" ({account['note']})" if account["note"] else ""
    emit_text(f"{account['id']} on dataset {account['dataset']} [{account['hash'][:8]}]{note}")
    emit_text(f"rule: {account['rule']}")
    emit_text(f"metric: {account['metric']}\n")
    parts = _named_parts(account["outer_folds"])
    emotions = account["emotions"]
    emit_table(
        [
            "test part",
            *(f">{name if len(emotions) <= WIDE else name[:4]}" for name in emotions),
            ">clips",
            ">speakers",
        ],
        [
            [
                name,
                *(str(count) for count in part["clips"].values()),
                f"{sum(part['clips'].values()):,}",
                str(len(part["speakers"])),
            ]
            for name, part in parts
        ],
    )
    click.echo()
    emit_table(
        ["also in training", ">speakers", ">identical clips", ">near-identical", ">sentences"],
        [[name, *_leak_cells(part["leaks"])] for name, part in parts],
    )
    _show_pairs([pair for _, part in parts for pair in part["leaks"]["near_identical"] or ()])


def _named_parts(outer_folds: list[dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """``holdout``, ``fold 1``, … of one outer fold; ``holdout 1``, ``fold 1.1``, … of several."""
    many = len(outer_folds) > 1
    named = []
    for number, outer in enumerate(outer_folds, start=1):
        if outer["holdout"] is not None:
            named.append((f"holdout {number}" if many else "holdout", outer["holdout"]))
        for place, fold in enumerate(outer["folds"], start=1):
            named.append((f"fold {number}.{place}" if many else f"fold {place}", fold))
    return named


def _leak_cells(leaks: dict[str, Any]) -> list[str]:
    near, sentences = leaks["near_identical_clips"], leaks["sentences"]
    return [
        str(len(leaks["speakers"])),
        str(len(leaks["identical"])),
        "not checked" if near is None else str(near),
        "not known" if sentences is None else f"{100 * sentences:.0f} %",
    ]


def _show_pairs(pairs: list[dict[str, Any]]) -> None:
    """List near-identical recordings, each pair once, the most similar first."""
    similarities = {
        tuple(sorted((pair["trained"], pair["tested"]))): pair["similarity"] for pair in pairs
    }
    ordered = sorted(similarities.items(), key=lambda item: (-item[1], item[0]))
    if ordered:
        click.echo("\nnear-identical recordings, one in training and one in test (similarity):")
    for (one, other), similarity in ordered[:SHOWN]:
        click.echo(f"  {similarity:.3f}  {one}\n         {other}")
    if len(ordered) > SHOWN:
        click.echo(f"  and {len(ordered) - SHOWN:,} more pairs: --format json lists all")
