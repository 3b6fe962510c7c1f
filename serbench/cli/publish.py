"""``serbench publish``: a static site of the results."""

from __future__ import annotations

from pathlib import Path

import click

from serbench.cli.app import App, Command, common_options, pass_app
from serbench.cli.completing import entries
from serbench.cli.output import counted, emit_result, format_option
from serbench.cli.remarks import counting, next_command


@click.command("publish", cls=Command)
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--try",
    "playable",
    type=int,
    multiple=True,
    shell_complete=entries,
    metavar="ENTRY",
    help="Add a page that classifies recordings and the microphone in the browser with the network "
    "of this entry; may be given several times. `npm install onnxruntime-web` must have been run "
    "in the current folder or in one above it. [default: no such page]",
)
@format_option("text", "json")
@common_options
@pass_app
def publish(app: App, folder: Path, playable: tuple[int, ...], format_: str) -> None:
    """Write a site of all results into folder DIR, which opens from the disk without a network.

    It has the rankings with their Pareto plots, a page for each entry and each dataset, a
    comparison of any two entries, and the leaderboard as CSV, JSON and Parquet. DIR must be new,
    empty, or an earlier site, which is replaced. This command needs Altair: pip install
    '.[site]' in a checkout.
    """
    from serbench.views.site.folder import publish as write_site
    from serbench.views.site.folder import require_site_folder
    from serbench.views.site.site import Site

    require_site_folder(folder)
    pages = {entry: _page(app, entry) for entry in dict.fromkeys(playable)}
    site = Site(app.database, list(app.plugins.metrics), pages)
    with counting("files") as progress:
        written = write_site(site, folder, progress)
    facts = {
        "index": str(written.index),
        "files": written.files,
        "megabytes": written.megabytes,
    }
    emit_result(
        format_,
        facts,
        f"{written.index}: {counted(written.files, 'file')}, {written.megabytes:.1f} MB; open it "
        "in a browser",
    )
    next_command("serbench serve")


def _page(app: App, entry: int) -> str:
    """A page with the network of an entry, which links to the page of the entry."""
    from tempfile import TemporaryDirectory

    from serbench.cli.export import write_entry
    from serbench.deploy.page import WebRuntime, page_of
    from serbench.views.site.entry_page import entry_path

    browser = WebRuntime.near(Path())
    with TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        made = write_entry(app, entry, file, "fp32").made
        back = (f"Entry {entry}", f"../{entry_path(entry)}")
        return page_of(file.read_bytes(), made.facts, browser, back)
