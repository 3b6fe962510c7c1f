"""``serbench corpus``: from recordings to datasets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from serbench.cli.app import App, Group, common_options, pass_app
from serbench.cli.completing import datasets, named_by_plugins
from serbench.cli.corpus_doctor import doctor_command
from serbench.cli.datasets import (
    delete_command,
    list_command,
    rename_command,
    show_account,
    show_command,
)
from serbench.cli.output import emit_json, emit_result, format_option
from serbench.cli.remarks import counting, errors, next_command
from serbench.cli.samples import samples_command

if TYPE_CHECKING:
    from serbench.data.licence import Speech
    from serbench.data.scan import Scan
    from serbench.data.scan_options import ScanOptions

DEMO = "demo"
"""The corpus that needs no download: it is synthesised on this machine."""


@click.group(cls=Group)
def corpus() -> None:
    """Scan recordings into datasets; list, show, inspect, rename and delete them."""


@corpus.command("scan")
@click.argument("paths", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--dataset",
    shell_complete=datasets,
    required=True,
    metavar="NAME",
    help="Store the recordings as the dataset NAME, and replace an earlier one of that name.",
)
@click.option(
    "--emotions",
    metavar="A,B,…",
    help="Keep recordings of these emotions, which may be named in any language; 'all' keeps every "
    "recognised emotion, and a label that is not recognised becomes a class of its own if it is "
    "named here. [default: sadness, anger, disgust, fear, happiness and neutral]",
)
@click.option(
    "--map",
    "labels",
    multiple=True,
    metavar="FROM=TO",
    help="Count recordings with the label or emotion FROM as the emotion TO, such as "
    "excited=happiness; may be given several times. [default: the translation that the corpus "
    "gives of a label, then that of serbench's vocabulary]",
)
@click.option(
    "--columns",
    multiple=True,
    metavar="FIELD=COLUMN,…",
    help="Read the fields path, emotion, speaker, sex and sentence from these columns of tables, "
    "such as path=file,speaker=actor; in a table without a header line give column numbers, "
    "counted from 1. [default: columns with common names]",
)
@click.option(
    "--pattern",
    metavar="PATTERN",
    help="Read the fields of a recording from its folders and its file name by this pattern, such "
    "as '{emotion}/{speaker}/*' or '{speaker}_{emotion}_*', where '**/' matches any folders. "
    "[default: only file names of registered corpora and tables are read]",
)
@click.option(
    "--root",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Search this folder for recordings that a table lists with paths of another machine. "
    "[default: the folder of the table, and PATHS]",
)
@click.option(
    "--corpus",
    "corpora",
    shell_complete=named_by_plugins("corpus"),
    multiple=True,
    metavar="NAME",
    help="Recognise recordings of this corpus only, even if names of other files in their folder "
    "do not fit it; may be given several times. [default: all registered corpora]",
)
@click.option(
    "--channel",
    default="mean",
    show_default=True,
    metavar="mean|left|right|N",
    help="Use the mean of all channels of a recording, or only one channel, counted from 1.",
)
@click.option(
    "--speech",
    type=click.Choice(["acted", "elicited", "natural", "synthetic", "unknown"]),
    default="unknown",
    show_default=True,
    help="Record this type of speech for your own recordings; published corpora declare theirs.",
)
@click.option(
    "--licence",
    metavar="NAME",
    help="Record this licence for your own recordings, such as CC-BY-4.0. [default: unknown]",
)
@click.option(
    "--exclude",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Leave out the recordings listed in this CSV table (columns path, audio_hash, reason), "
    "which `serbench corpus doctor --fix` writes. [default: only those that an earlier scan of "
    "this dataset left out]",
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
    """Recognise the recordings under PATHS and store them as a dataset.

    PATHS are folders in any nesting, or tables of recordings (CSV, TSV, text, JSON lines, Parquet,
    audformat) with the columns path, emotion and speaker.
    Recordings that an earlier scan of this dataset left out are left out again.
    """
    from serbench.run.scanning import scan_options

    options = scan_options(emotions, labels, columns, pattern, root, channel, speech, licence)
    scan = scan_into(app, paths, dataset, options, corpora, exclude)
    if format_ == "json":
        emit_json(scan.summary())
    else:
        show_account(scan.summary())
    next_command(f"serbench corpus doctor {dataset}")


def scan_into(
    app: App,
    paths: tuple[Path, ...],
    dataset: str,
    options: ScanOptions | None = None,
    corpora: tuple[str, ...] = (),
    exclude: Path | None = None,
) -> Scan:
    """Scan and store, without recordings that the dataset or the list ``exclude`` leaves out."""
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
    from serbench.run.scanning import fetch_corpus

    errors().print(
        "using the demo corpus, which is synthetic speech made by espeak-ng on this machine: "
        "scores on it do not show how well human speech is recognised",
        highlight=False,
    )
    folder = fetch_corpus(DEMO, app.plugins, app.workspace)
    scan_into(app, (folder,), DEMO, corpora=(DEMO,))


@corpus.command("fetch")
@click.argument("name", shell_complete=named_by_plugins("corpus"))
@click.option(
    "--to",
    "folder",
    type=click.Path(path_type=Path),
    help="Write the corpus into this folder. [default: a folder in serbench's cache]",
)
@format_option("text", "json")
@common_options
@pass_app
def fetch_command(app: App, name: str, folder: Path | None, format_: str) -> None:
    """Fetch corpus NAME, if its licence lets a program do so.

    The corpus 'demo' is synthesised on this machine by espeak-ng.
    """
    from serbench.run.scanning import fetch_corpus

    folder = fetch_corpus(name, app.plugins, app.workspace, folder)
    emit_result(format_, {"corpus": name, "folder": str(folder)}, str(folder))
    next_command(f"serbench corpus scan {folder} --dataset {name}")


for command in (
    list_command,
    show_command,
    samples_command,
    delete_command,
    rename_command,
    doctor_command,
):
    corpus.add_command(command)
