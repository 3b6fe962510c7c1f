"""``serbench corpus``: from recordings to datasets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from serbench.cli.app import App, common_options, pass_app
from serbench.cli.datasets import (
    delete_command,
    list_command,
    rename_command,
    show_account,
    show_command,
)
from serbench.cli.doctor import doctor_command
from serbench.cli.output import counting, emit_json, errors, format_option

if TYPE_CHECKING:
    from serbench.data.licence import Speech
    from serbench.data.scan import Scan
    from serbench.data.scan_options import ScanOptions

DEMO = "demo"
"""The corpus that anyone has: it is synthesised on this machine."""


@click.group()
def corpus() -> None:
    """Scan recordings into datasets; list, show, inspect, rename and delete them."""


@corpus.command("scan")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--dataset", required=True, metavar="NAME", help="Name of the dataset to make.")
@click.option(
    "--emotions",
    metavar="A,B,…",
    help="Emotions to keep, in any language. A label that serbench does not know becomes a class "
    "of its own where it is named here. 'all' keeps every known emotion. [default: sadness, "
    "anger, disgust, fear, happiness and neutral]",
)
@click.option(
    "--map",
    "labels",
    multiple=True,
    metavar="FROM=TO",
    help="Count recordings with the label or emotion FROM as the emotion TO, such as "
    "excited=happiness; may be given several times. [default: the corpus's own meaning of a "
    "label, then serbench's vocabulary]",
)
@click.option(
    "--columns",
    multiple=True,
    metavar="FIELD=COLUMN,…",
    help="Columns of tables that hold path, emotion, speaker, sex and sentence, such as "
    "path=file,speaker=actor, or their numbers from 1 in a table without a header line. "
    "[default: the usual names are recognised]",
)
@click.option(
    "--pattern",
    metavar="PATTERN",
    help="How folders and file names give the fields of a recording, such as "
    "'{emotion}/{speaker}/*' or '{speaker}_{emotion}_*'; '**/' stands for any folders. "
    "[default: file names of known corpora, and tables]",
)
@click.option(
    "--root",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Folder in which recordings are looked for that a table lists under another machine's "
    "paths. [default: the table's folder and PATHS]",
)
@click.option(
    "--corpus",
    "corpora",
    multiple=True,
    metavar="NAME",
    help="Recognise recordings of this corpus only, also where other file names beside them are "
    "none of this corpus; may be given several times. [default: all corpora]",
)
@click.option(
    "--channel",
    default="mean",
    show_default=True,
    metavar="mean|left|right|N",
    help="What is used of recordings of several channels: their mean, or one channel, counted "
    "from 1.",
)
@click.option(
    "--speech",
    type=click.Choice(["acted", "elicited", "natural", "synthetic", "unknown"]),
    default="unknown",
    show_default=True,
    help="Type of the speech in your own recordings; published corpora declare theirs.",
)
@click.option(
    "--licence",
    metavar="NAME",
    help="Licence of your own recordings, such as CC-BY-4.0. [default: unknown]",
)
@click.option(
    "--exclude",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="CSV table of recordings to leave out (path, audio_hash, reason), such as "
    "`serbench corpus doctor --fix` writes.",
)
@format_option("table", "json")
@common_options
@pass_app
def scan_command(
    app: App,
    paths: tuple[Path, ...],
    dataset: str,
    emotions: str | None,
    corpora: tuple[str, ...],
    exclude: Path | None,
    format_: str,
    labels: tuple[str, ...],
    columns: tuple[str, ...],
    pattern: str | None,
    root: Path | None,
    channel: str,
    speech: Speech,
    licence: str | None,
) -> None:
    """Recognise the recordings under PATHS and keep them as a dataset.

    PATHS are folders in any nesting, or tables of recordings (CSV, TSV, text, JSON lines, Parquet,
    audformat) with the columns path, emotion and speaker.
    Recordings that dataset NAME leaves out already are left out again.
    """
    from serbench.run.scanning import scan_options

    options = scan_options(emotions, labels, columns, pattern, root, channel, speech, licence)
    scan = scan_into(app, paths, dataset, options, corpora, exclude)
    if format_ == "json":
        emit_json(scan.summary())
    else:
        show_account(scan.summary())


def scan_into(
    app: App,
    paths: tuple[Path, ...],
    dataset: str,
    options: ScanOptions | None = None,
    corpora: tuple[str, ...] = (),
    exclude: Path | None = None,
) -> Scan:
    """Scan and keep, without what the dataset or the list ``exclude`` leaves out."""
    from serbench.data.scan_options import DEFAULT_OPTIONS
    from serbench.run.scanning import scan_dataset

    with counting("recordings read") as progress:
        return scan_dataset(
            paths,
            dataset,
            app.plugins,
            app.database,
            options or DEFAULT_OPTIONS,
            corpora,
            exclude,
            progress,
        )


def fetch_demo(app: App) -> None:
    """Synthesise the demo corpus and scan it as dataset ``demo``."""
    errors().print(
        "using the demo corpus: synthetic speech, made here by espeak-ng; "
        "scores on it are not about people",
        highlight=False,
    )
    folder = app.workspace.corpora / DEMO
    app.plugins.corpora.get(DEMO).fetch(folder)
    scan_into(app, (folder,), DEMO, corpora=(DEMO,))


@corpus.command("fetch")
@click.argument("name")
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path),
    help="Folder to put it into. [default: in the cache]",
)
@common_options
@pass_app
def fetch_command(app: App, name: str, folder: Path | None) -> None:
    """Fetch corpus NAME where a program may; 'demo' is synthesised here by espeak-ng."""
    folder = folder or app.workspace.corpora / name
    app.plugins.corpora.get(name).fetch(folder)
    click.echo(f"{folder}\nnow: serbench corpus scan {folder} --dataset {name}")


for command in (list_command, show_command, delete_command, rename_command, doctor_command):
    corpus.add_command(command)
