"""``serbench export``: an entry as one ONNX file."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from serbench.cli.app import App, Command, common_options, pass_app
from serbench.cli.completing import entries
from serbench.cli.output import emit_json, emit_text, format_option
from serbench.cli.remarks import next_command, remark

if TYPE_CHECKING:
    from serbench.run.export import Exported


@click.command(cls=Command)
@click.argument("entry", type=int, shell_complete=entries)
@click.option(
    "--out",
    required=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the network to this file, such as model.onnx. Beside it are written a model card, "
    "with the ending .md, and bench.py, which measures the latency on a device.",
)
@click.option(
    "--precision",
    default="fp32",
    show_default=True,
    metavar="fp32|int8|best",
    help="Precision of the products. `best` is the fastest one that loses less than one point of "
    "UA, with 95 % confidence over speakers.",
)
@click.option(
    "--input-rate",
    type=int,
    metavar="HZ",
    help="Sample rate of the recordings that the file takes, which it then resamples itself. "
    "[default: that of the training clips]",
)
@click.option(
    "--page",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write this HTML page too, such as page.html: it contains the network, and opens in a "
    "browser without a server. `npm install onnxruntime-web` must have been run in the current "
    "folder or in one above it.",
)
@format_option("text", "json")
@common_options
@pass_app
def export(
    app: App,
    entry: int,
    out: Path,
    precision: str,
    input_rate: int | None,
    page: Path | None,
    format_: str,
) -> None:
    """Write leaderboard entry ENTRY as one ONNX file, from a recording to probabilities.

    The file contains level, padding, front end, network, temperature and softmax. Any program with
    ONNX Runtime can use it, and so can `serbench predict FILE RECORDINGS`.
    Its logits are compared with those of PyTorch before it is written.
    """
    written = write_entry(app, entry, out, precision, input_rate, page)
    if format_ == "json":
        emit_json(written.as_dict())
    else:
        show_written(written)
        next_command(f"serbench predict {out} RECORDING")


@dataclass(frozen=True)
class Written:
    """The files that an export has written: the network, its card, ``bench.py`` and the page."""

    made: Exported
    card: Path
    bench: Path
    page: Path | None

    def as_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "file": str(self.made.path),
            "card": str(self.card),
            "bench": str(self.bench),
            "page": self.page and str(self.page),
            "megabytes": self.made.megabytes,
            "largest_difference_of_logits": self.made.difference,
            "resampled_uar": self.made.resampled_uar,
            **asdict(self.made.facts),
        }


def write_entry(
    app: App,
    entry: int,
    out: Path,
    precision: str,
    input_rate: int | None = None,
    page: Path | None = None,
) -> Written:
    """Export an entry, with what belongs to the file.

    Raises:
        SerbenchError: as in ``serbench.run.export``.
    """
    from serbench.deploy.bench_file import PROGRAM, SUMMARY, write_bench
    from serbench.deploy.page import WebRuntime, page_of
    from serbench.run.export import Exporter
    from serbench.run.output_files import require_places, require_replaceable, write_output
    from serbench.views.detail import entry_detail
    from serbench.views.model_card import MARK, card_of

    card = out.with_suffix(".md")
    pages = [] if page is None else [page]
    require_places(out, card, out.parent / PROGRAM, *pages)
    require_replaceable({card: MARK, out.parent / PROGRAM: SUMMARY})
    browser = WebRuntime.near(Path()) if pages else None
    detail = entry_detail(app.database, entry)
    seen = {
        "dataset": detail.view.dataset,
        "protocol_id": detail.view.protocol_id,
        "evidence": detail.view.evidence_text,
    }

    def progress(step: str) -> None:
        remark(step)

    exporter = Exporter(app.plugins, app.workspace, app.database, progress, input_rate)
    made = exporter.export(entry, out, precision, seen)
    write_output(card, card_of(detail, made.facts, out).encode())
    program = write_bench(out.parent)
    if page is not None and browser is not None:
        write_output(page, page_of(out.read_bytes(), made.facts, browser).encode())
    return Written(made, card, program, page)


def show_written(written: Written) -> None:
    """Print what was exported, in whole sentences."""
    made, facts = written.made, written.made.facts
    interval = (
        ""
        if facts.uar_ci is None
        else " ({:.1f} to {:.1f})".format(*(100 * end for end in facts.uar_ci))
    )
    emit_text(
        f"{made.path}: entry {facts.entry} ({facts.system}), {facts.precision}, "
        f"{made.megabytes:.1f} MB, UA {100 * facts.uar:.1f}{interval}, {facts.evidence}"
    )
    emit_text(f"largest difference of a logit from PyTorch: {made.difference:.1g}")
    if made.resampled_uar is not None:
        own, before = (100 * uar for uar in made.resampled_uar)
        emit_text(
            f"UA of the tested networks over all clips: {own:.1f} from {facts.sample_rate} Hz, "
            f"{before:.1f} from the rate of the training clips"
        )
    for sentence in facts.outside:
        emit_text(f"outside of the file: {sentence}")
    emit_text(f"model card: {written.card}")
    emit_text(
        f"latency on a device: python {written.bench.name} {made.path.name}, see {written.bench}"
    )
    if written.page is not None:
        emit_text(f"page: {written.page}")
