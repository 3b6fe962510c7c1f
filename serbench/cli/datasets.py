"""``serbench corpus list | show | delete | rename``: the scanned datasets."""

from __future__ import annotations

from typing import Any

import click

from serbench.cli.app import App, Command, common_options, confirm, pass_app, yes_option
from serbench.cli.completing import datasets
from serbench.cli.output import emit_json, emit_result, emit_table, emit_text, format_option
from serbench.cli.remarks import next_command


@click.command("list", cls=Command)
@format_option("table", "json")
@common_options
@pass_app
def list_command(app: App, format_: str) -> None:
    """List the datasets."""
    from serbench.data.licence import least_commercial
    from serbench.store.datasets import Datasets

    accounts = Datasets(app.database).datasets()
    if format_ == "json":
        emit_json(accounts)
    elif not accounts:
        click.echo("no datasets yet")
        next_command("serbench corpus scan FOLDER --dataset NAME")
    else:
        emit_table(
            [
                "dataset",
                ">utterances",
                ">speakers",
                ">hours",
                "corpora",
                "speech",
                "commercial",
                "hash",
            ],
            [
                [
                    account["name"] + (" (synthetic)" if account["synthetic"] else ""),
                    f"{account['utterances']:,}",
                    str(account["speakers"]),
                    f"{account['hours']:.2f}",
                    ", ".join(account["by_corpus"]),
                    ", ".join(sorted(set(account["speech"].values()))),
                    least_commercial(
                        licence["commercial"] for licence in account["licences"].values()
                    ),
                    account["hash"][:8],
                ]
                for account in accounts
            ],
        )
        next_command(f"serbench corpus show {accounts[-1]['name']}")


@click.command("show", cls=Command)
@click.argument("name", shell_complete=datasets)
@format_option("table", "json")
@common_options
@pass_app
def show_command(app: App, name: str, format_: str) -> None:
    """Show the emotions, speakers, lengths, licences and skipped files of dataset NAME."""
    from serbench.store.datasets import Datasets

    account = Datasets(app.database).dataset_account(name)
    if format_ == "json":
        emit_json(account)
    else:
        show_account(account)
    next_command(f"serbench corpus doctor {name}")


def show_account(account: dict[str, Any]) -> None:
    """Print the account of a scan as text."""
    note = ", synthetic speech" if account["synthetic"] else ""
    emotions = list(account["by_emotion"])
    crossed = account["by_corpus_and_emotion"]
    rows = [
        [
            name,
            *(str(counts[emotion]) for emotion in emotions),
            f"{sum(counts.values()):,}",
            str(account["speakers_by_corpus"][name]),
            f"{account['hours_by_corpus'][name]:.2f}",
            f"{3600 * account['hours_by_corpus'][name] / sum(counts.values()):.2f}",
        ]
        for name, counts in crossed.items()
    ]
    if len(rows) > 1:
        rows.append(
            [
                "all",
                *(str(count) for count in account["by_emotion"].values()),
                f"{account['utterances']:,}",
                str(account["speakers"]),
                f"{account['hours']:.2f}",
                f"{account['mean_seconds']:.2f}",
            ]
        )
    emit_table(
        [
            "corpus",
            *(f">{emotion}" for emotion in emotions),
            ">clips",
            ">speakers",
            ">hours",
            ">mean s",
        ],
        rows,
        title=f"dataset {account['name']} [{account['hash'][:8]}]{note}",
        spare=["mean s", "hours"],
    )
    rates = ", ".join(
        f"{int(rate):,} Hz × {count:,}" for rate, count in account["sample_rates"].items()
    )
    click.echo()
    _show_lengths(account)
    skipped = sum(account["skipped"].values())
    emit_text(f"\nsample rates: {rates}")
    for corpus_name, licence in account["licences"].items():
        speech = account["speech"][corpus_name]
        emit_text(
            f"{corpus_name}: {speech} speech, licence {licence['name']} "
            f"(commercial use: {licence['commercial']})"
        )
    emit_text(f"found {account['found']:,} = kept {account['utterances']:,} + skipped {skipped:,}")
    for reason, count in account["skipped"].items():
        emit_text(f"  skipped {count:,}: {reason}")
    for remark in account.get("remarks", ()):
        emit_text(f"  note: {remark}")
    for conflict in account["conflicts"]:
        emit_text(f"  conflict: {', '.join(conflict['recordings'])}: {conflict['evidence']}")


def _show_lengths(account: dict[str, Any]) -> None:
    """Print what each choice of --seconds cuts and pads."""
    clips = account["utterances"]
    emit_table(
        ["length", ">--seconds", ">cut", ">cut, %", ">sound lost, %", ">padded", ">padded, %"],
        [
            [
                each["meaning"],
                f"{each['seconds']:g}",
                f"{each['cut']:,}",
                f"{100 * each['cut'] / clips:.1f}",
                f"{100 * each['lost']:.1f}",
                f"{each['padded']:,}",
                f"{100 * each['padded'] / clips:.1f}",
            ]
            for each in account["clip_lengths"]
        ],
        title="recordings that are cut or padded, by the length of clips",
    )


@click.command("delete", cls=Command)
@click.argument("name", shell_complete=datasets)
@yes_option
@format_option("text", "json")
@common_options
@pass_app
def delete_command(app: App, name: str, yes: bool, format_: str) -> None:
    """Delete dataset NAME and its prepared clips, but not the recordings themselves.

    Studies and entries on the dataset must be deleted first.
    """
    from serbench.store.housekeeping import check_free, delete_dataset

    check_free(app.database, name)
    confirm(f"delete dataset {name} and its prepared clips", yes)
    delete_dataset(app.database, name, app.workspace.clips)
    emit_result(format_, {"deleted": name}, f"dataset {name} deleted")
    next_command("serbench corpus list")


@click.command("rename", cls=Command)
@click.argument("name", shell_complete=datasets)
@click.argument("new")
@format_option("text", "json")
@common_options
@pass_app
def rename_command(app: App, name: str, new: str, format_: str) -> None:
    """Rename dataset NAME to NEW; its studies and entries stay as they are."""
    from serbench.store.housekeeping import rename_dataset

    rename_dataset(app.database, name, new)
    emit_result(format_, {"before": name, "now": new}, f"dataset {name} is now {new}")
    next_command(f"serbench corpus show {new}")
