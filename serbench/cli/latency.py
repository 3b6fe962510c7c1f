"""``serbench latency``: the time for one answer in several runtimes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from serbench.cli.app import App, Group, common_options, pass_app
from serbench.cli.completing import entries, named_by_plugins
from serbench.cli.output import DASH, emit_json, emit_table, format_option, milliseconds
from serbench.cli.remarks import counting, next_command, remark
from serbench.errors import UsageError

if TYPE_CHECKING:
    from serbench.run.latency import MeasuredLatency
    from serbench.views.latencies import EntryLatency

MEASURE = "measure"


class Latency(Group):
    """A group whose command ``measure`` need not be named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse after inserting the command."""
        return super().parse_args(ctx, self.completed(args))

    def completed(self, args: Sequence[str]) -> list[str]:
        """The arguments with ``measure``, if their first word names no command."""
        word = next((each for each in args if not each.startswith("-")), None)
        named = word in self.commands or (bool(args) and set(args) <= {"-h", "--help"})
        return list(args) if named else [MEASURE, *args]


@click.group(cls=Latency)
def latency() -> None:
    """Measure the time for one answer, or import it from another machine.

    `serbench latency ENTRY...` is short for `serbench latency measure ENTRY...`.
    """


@latency.command(MEASURE)
@click.argument("entries", metavar="[ENTRY]...", type=int, nargs=-1, shell_complete=entries)
@click.option(
    "--all", "everything", is_flag=True, help="Measure all entries that were trained here."
)
@click.option(
    "--runtime",
    "runtimes",
    shell_complete=named_by_plugins("runtime"),
    multiple=True,
    metavar="NAME",
    help="Measure in this runtime; may be given several times. [default: all that are installed]",
)
@click.option(
    "--threads",
    "threads",
    multiple=True,
    type=int,
    metavar="N",
    help="Measure on N threads; may be given several times. [default: 1 and all cores]",
)
@click.option(
    "--quick",
    is_flag=True,
    help="Stop after 100 queries or 2 s of each measurement, which is then marked. [default: 1,000 "
    "queries or 10 s]",
)
@format_option("table", "json")
@common_options
@pass_app
def measure_command(
    app: App,
    entries: tuple[int, ...],
    everything: bool,
    runtimes: tuple[str, ...],
    threads: tuple[int, ...],
    quick: bool,
    format_: str,
) -> None:
    """Measure the time from waveform to probabilities of each ENTRY in several runtimes.

    Batch size one; the next query begins when the last answer is complete. Each measurement has a
    new process; all get blocks of queries in turn. Between blocks a reference task is timed, and
    the result is marked if other programs were using the machine.
    """
    from serbench.run.latency import LatencyRun

    if bool(entries) == everything:
        raise UsageError("name the entries, such as `serbench latency 1 2`, or add --all")
    with counting("blocks of queries") as progress:
        measured = LatencyRun(
            None if everything else entries,
            runtimes,
            threads,
            quick,
            app.plugins,
            app.workspace,
            app.database,
            lambda entry, runtime: remark(f"entry {entry}: converting the network for {runtime}"),
            progress,
            remark,
        ).measure()
    _show(app, measured, format_)


@latency.command("import")
@click.argument("file", type=click.Path(path_type=Path))
@format_option("table", "json")
@common_options
@pass_app
def import_command(app: App, file: Path, format_: str) -> None:
    """Add the latency in FILE, which `bench.py` measured on another machine.

    `serbench export` writes bench.py beside the exported network. FILE belongs to the entry with
    the same weights.
    """
    from serbench.run.bench_results import import_bench

    _show(app, import_bench(file, app.database), format_)


def _show(app: App, measured: Sequence[MeasuredLatency], format_: str) -> None:
    from serbench.views.latencies import latencies_of

    found = latencies_of(app.database, [(each.entry, each.machine, each.kind) for each in measured])
    if format_ == "json":
        emit_json([each.as_dict() for each in found])
    else:
        emit_latencies(found)
        next_command("serbench recommend")


def emit_latencies(found: Sequence[EntryLatency]) -> None:
    """Print a table of latencies for each machine; ratios are those of the medians."""
    machines = dict.fromkeys(each.latency.machine for each in found)
    for number, machine in enumerate(machines):
        if number:
            click.echo()
        rows = [each for each in found if each.latency.machine == machine]
        emit_table(
            [
                *(">entry", "backbone", "runtime", "precision", ">threads", ">p50 ms"),
                *(">95 % CI of p50", ">p90 ms", ">95 % CI of p90", ">p99 ms", ">ratio"),
                *(">front end", ">network", ">load ms", ">memory MB", ">file MB"),
                *(">energy mJ", ">clip s", "marks"),
            ],
            [_row(each, rows[0]) for each in rows],
            title=machine,
            spare=[
                *("energy mJ", "clip s", "precision", "95 % CI of p50", "load ms", "memory MB"),
                *("file MB", "network", "front end", "95 % CI of p90", "ratio", "p99 ms"),
            ],
        )


def _row(each: EntryLatency, first: EntryLatency) -> list[str]:
    view = each.latency
    ratio = view.p50 / first.latency.p50 if view.p50 and first.latency.p50 else None
    return [
        *(str(each.entry), each.backbone, view.runtime, view.precision, str(view.threads)),
        *(_short(view.p50), _interval(view.p50_low, view.p50_high)),
        *(_short(view.p90), _interval(view.p90_low, view.p90_high), _short(view.p99)),
        *(_short(ratio), _short(view.front_end_p50), _short(view.network_p50)),
        *(milliseconds(view.load_ms), milliseconds(view.memory_mb), milliseconds(view.file_mb)),
        *(_short(view.energy_mj), DASH if view.clip_seconds is None else f"{view.clip_seconds:g}"),
        view.marks,
    ]


def _short(number: float | None) -> str:
    """Two decimals, since a fast network needs less than a millisecond."""
    return DASH if number is None else f"{number:.2f}"


def _interval(low: float | None, high: float | None) -> str:
    return DASH if low is None or high is None else f"{low:.2f}–{high:.2f}"
