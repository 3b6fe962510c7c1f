"""``serbench listen``: apply an entry to sound as it arrives."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from serbench.cli.app import App, Command, common_options, pass_app
from serbench.cli.completing import entries_and_files
from serbench.cli.output import counted, format_option
from serbench.cli.predict import SILENCE, channel_option, predictor, reject_option, silence_option
from serbench.cli.remarks import remark
from serbench.errors import UsageError

if TYPE_CHECKING:
    from rich.table import Table

    from serbench.deploy.live import Moment, Summary
    from serbench.deploy.sources import Source

BAR = 40
"""Width of the bar of a probability of 1."""

PIPE = "-"


@click.command(cls=Command)
@click.argument("system", metavar="ENTRY|MODEL", shell_complete=entries_and_files)
@click.option(
    "--input",
    "input_",
    metavar="FILE|-",
    help="Use a recording, or `-` for standard input, which is WAV, or samples with --rate. "
    "[default: the microphone]",
)
@click.option(
    "--rate",
    type=int,
    metavar="HZ",
    help="Standard input has no header; it is mono 16-bit little-endian samples at this rate.",
)
@click.option(
    "--device",
    metavar="NAME|NUMBER",
    help="Use this microphone; `python -m sounddevice` lists them. [default: that of the system]",
)
@click.option(
    "--hop",
    type=float,
    metavar="SECONDS",
    help="Time between two predictions, at most the length of a window. [default: 0.5]",
)
@silence_option
@channel_option
@reject_option
@format_option("text", "json")
@common_options
@pass_app
def listen(
    app: App,
    system: str,
    input_: str | None,
    rate: int | None,
    device: str | None,
    hop: float | None,
    keep_silence: bool,
    channel: str | None,
    reject_below: float,
    format_: str,
) -> None:
    """Predict emotions live with leaderboard entry ENTRY or the file MODEL, until Ctrl-C.

    Each prediction is for the last seconds of the sound, as many as the clips that the entry was
    trained on have. On a terminal a bar for each emotion moves; elsewhere each prediction is a
    line, with the time since the beginning. The real-time factor is the computing time divided by
    the time between two predictions; above 1 the machine is too slow.
    A recording and standard input are used as fast as possible, to their end.
    """
    from serbench.deploy.live import Summary

    if rate is not None and input_ != PIPE:
        raise UsageError("--rate is for samples from standard input: add --input -", rate=rate)
    if device is not None and input_ is not None:
        raise UsageError("give --device or --input, not both", device=device, input=input_)
    chosen = predictor(app, system, channel)
    live = chosen.live(reject_below, hop, keep_silence)
    summary = Summary()
    try:
        with (
            _opened(input_, rate, device, chosen.channel) as source,
            _display(chosen.answerer.emotions, format_) as show,
        ):
            for moment in live.moments(source):
                summary.add(moment)
                show(moment)
    except KeyboardInterrupt as interruption:
        app.interruption = interruption
    remark(_sentence(summary))
    if live.detector is not None:
        remark(live.detector.text)


def _opened(
    input_: str | None, rate: int | None, device: str | None, channel: str
) -> AbstractContextManager[Source]:
    """The source of the sound."""
    from serbench.deploy.sources import FileSource, StreamSource, microphone

    if input_ is None:
        return microphone(device, channel)
    if input_ != PIPE:
        return nullcontext(FileSource.open(Path(input_), channel))
    if sys.stdin.isatty():
        raise UsageError(
            "standard input is a terminal: send sound through a pipe, such as "
            "`arecord -f S16_LE -r 16000 | serbench listen ENTRY --input -`"
        )
    return nullcontext(StreamSource.open(sys.stdin.fileno(), rate, channel))


@contextmanager
def _display(emotions: tuple[str, ...], format_: str) -> Iterator[Callable[[Moment], None]]:
    """Moving bars on a terminal, a line for each moment elsewhere; in JSON an object on each line.

    Yields:
        a function that shows a moment.
    """
    if format_ == "json":
        yield lambda moment: click.echo(json.dumps(moment.as_dict(), allow_nan=False))
        return
    if not sys.stdout.isatty():
        yield lambda moment: click.echo(_line(moment))
        return
    from rich.console import Console
    from rich.live import Live

    with Live(console=Console(), auto_refresh=False) as shown:
        yield lambda moment: shown.update(_bars(moment, emotions), refresh=True)


def _line(moment: Moment) -> str:
    """The time, the emotion, the real-time factor and all probabilities."""
    answer = moment.answer
    emotion = SILENCE if answer is None else answer.emotion or "rejected"
    shares = {} if answer is None else answer.probabilities
    cells = [f"{name} {share:.3f}" for name, share in shares.items()]
    start = (
        f"{moment.seconds:8.2f} s  {emotion:<10}  real-time factor {moment.real_time_factor:.3f}"
    )
    return "  ".join([start, *cells])


def _bars(moment: Moment, emotions: tuple[str, ...]) -> Table:
    """A bar for each emotion; below them the time, the emotion and the real-time factor."""
    from rich.table import Table

    answer = moment.answer
    table = Table.grid(padding=(0, 1))
    for emotion in emotions:
        share = 0.0 if answer is None else answer.probabilities[emotion]
        marked = answer is not None and answer.emotion == emotion
        bar = ("█" * round(BAR * share)).ljust(BAR)
        cells = (emotion, bar, "" if answer is None else f"{share:.2f}")
        table.add_row(*cells, style="bold" if marked else None)
    emotion = SILENCE if answer is None else answer.emotion or "rejected"
    factor = f"real-time factor {moment.real_time_factor:.2f}"
    table.add_row(f"{moment.seconds:.1f} s", f"{emotion} · {factor} · Ctrl-C ends")
    return table


def _sentence(summary: Summary) -> str:
    """One sentence on all moments."""
    if not summary.seconds:
        return "ended before the first prediction"
    parts = [f"{count} {emotion}" for emotion, count in summary.emotions.most_common()]
    parts += [f"{summary.rejected} rejected"] * (summary.rejected > 0)
    parts += [f"{summary.silent} {SILENCE}"] * (summary.silent > 0)
    total = summary.emotions.total() + summary.rejected + summary.silent
    return (
        f"{summary.seconds:.1f} s of sound, {counted(total, 'prediction')}: {', '.join(parts)}; "
        f"real-time factor {summary.real_time_factor:.3f}"
    )
