"""``serbench corpus samples``: clips of an emotion to listen to."""

from __future__ import annotations

from pathlib import Path

import click

from serbench.cli.app import App, Command, common_options, pass_app
from serbench.cli.completing import datasets
from serbench.cli.output import emit_json, emit_table, format_option, write_file
from serbench.cli.remarks import next_command


@click.command("samples", cls=Command)
@click.argument("name", shell_complete=datasets)
@click.option(
    "--emotion",
    required=True,
    metavar="NAME",
    help="List clips of this emotion, which may be named in any language.",
)
@click.option(
    "--speaker",
    metavar="NAME",
    help="List only clips of this speaker. [default: clips of as many speakers as possible]",
)
@click.option(
    "--count",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    metavar="N",
    help="List at most N clips.",
)
@click.option(
    "--page",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write an HTML page to listen to the clips, with a spectrogram of each. It contains the "
    "sound, and opens from a disk. [default: no page]",
)
@format_option("table", "json")
@common_options
@pass_app
def samples_command(
    app: App,
    name: str,
    emotion: str,
    speaker: str | None,
    count: int,
    page: Path | None,
    format_: str,
) -> None:
    """List clips of one emotion of dataset NAME, and write a page to listen to them."""
    from serbench.store.datasets import Datasets
    from serbench.views.samples import samples, samples_page

    found = samples(Datasets(app.database).manifest(name), emotion, speaker, count)
    if format_ == "json":
        emit_json([sample.as_dict() for sample in found])
    else:
        emit_table(
            ["speaker", "emotion", "label", ">seconds", "path"],
            [
                [each.speaker, each.emotion, each.label, f"{each.seconds:.2f}", each.path]
                for each in found
            ],
        )
    if page is not None:
        write_file(page, samples_page(name, found), err=format_ == "json")
    else:
        next_command(f"serbench corpus samples {name} --emotion {emotion} --page samples.html")
