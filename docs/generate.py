"""Write the pages of ``docs/reference`` that are made from the code: ``make docs``.

They are the command line, the options of a study, the keys of an entry in JSON and the columns of
the DataFrames. A test compares the committed pages with `pages`, so that they are always current.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path

import click

from serbench.cli.main import cli
from serbench.run.options import SearchBounds, StudyOptions
from serbench.score.rejection import RejectionPoint
from serbench.views.calibration import Agreement, CalibrationView
from serbench.views.columns import COLUMNS
from serbench.views.entry import PLAIN, EntryView, LatencyView
from serbench.views.results import Results

REFERENCE = Path(__file__).parent / "reference"
MADE = "<!-- Made by docs/generate.py; `make docs` writes it again. -->"

SCORES = {
    "METRIC": "the score of each metric: `uar` (UA), `accuracy` (WA), `macro_f1` "
    "and all others that are registered",
    "METRIC_ci": "the lowest and highest value of its 95 % interval over speakers, or null",
    "cv_uar_mean": "tuning UA: the mean over the folds by which the winner was chosen",
    "cv_uar_sd": "its standard deviation over these folds",
    "cv_uar_pooled": "UA on the clips of all these folds together",
    "cv_uar_pooled_ci": "the 95 % interval of `cv_uar_pooled` over speakers",
    "optimism": "`cv_uar_mean` minus `uar`",
    "latency_ms_p50": "median time for one answer in milliseconds, from waveform to probabilities",
    "latency_ms_p90": "its 90th percentile",
    "latency_ms_p99": "its 99th percentile",
    "front_end_ms_p50": "median time of the front end alone",
    "network_ms_p50": "median time of the network alone",
    "uar_clip_ci": "the interval of UA as if all clips were independent; only with "
    "`--per-clip-intervals`",
}
"""Keys of an entry in JSON that are no field of its own, with their meaning."""

FURTHER = {
    "leaderboard": "`METRIC`, `METRIC_ci_low` and `METRIC_ci_high` for each further metric, as for "
    "`uar`.",
    "trials": "one for each further searched parameter, such as `width:time-shift`.",
    "predictions": "`p_EMOTION`, the probability of each emotion, without calibration.",
    "files": "`p_EMOTION`, the calibrated probability of each emotion.",
}
"""Table → its columns that depend on the content of the database."""

FILES = "A row for each file that `serbench.predict` received."


def pages() -> dict[Path, str]:
    """Each page that is made from the code → its text."""
    return {
        REFERENCE / "command-line.md": command_line(),
        REFERENCE / "study-options.md": study_options(),
        REFERENCE / "leaderboard-keys.md": leaderboard_keys(),
        REFERENCE / "dataframes.md": dataframes(),
    }


def _page(title: str, *parts: str) -> str:
    return "\n\n".join([f"# {title}", MADE, *parts]) + "\n"


def command_line() -> str:
    """Every command with its arguments and options, as ``--help`` shows them."""
    parts = [
        "Each command prints this text with `--help`. All commands take `--db FILE|URL` (the "
        "database), `--quiet` (only the result and errors) and `--debug` (show the traceback of an "
        "error), and `--format json` prints the result of each as JSON. Results go to standard "
        "output; progress, remarks and the command that usually follows go to standard error.",
        "Exit codes: 0 done, 1 failure, 2 wrong usage, 130 interrupted.",
    ]
    for context in _commands(click.Context(cli, info_name="serbench")):
        parts += _command(context)
    return _page("Command line", *parts)


def _commands(context: click.Context) -> Iterator[click.Context]:
    """The contexts of all commands below one, in the order in which help lists them."""
    group = context.command
    if not isinstance(group, click.Group):
        return
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is not None and not command.hidden:
            below = click.Context(command, info_name=name, parent=context)
            yield below
            yield from _commands(below)


def _command(context: click.Context) -> Iterator[str]:
    command = context.command
    yield f"## {context.command_path}"
    usage = " ".join(command.collect_usage_pieces(context))
    yield f"```\n{context.command_path} {usage}\n```"
    yield _paragraphs(command.help or "")
    records = [
        parameter.get_help_record(context)
        for parameter in command.get_params(context)
        if not {"--help", "--db", "--debug", "--quiet"} & set(parameter.opts)
    ]
    # A bracket before a range would begin a link.
    rows = [
        [f"`{record[0]}`", re.sub(r"\[(?=\d*[<>=]*x)", r"\[", record[1])]
        for record in records
        if record is not None
    ]
    if rows:
        yield _table(["option", "meaning"], rows)


SEARCHED = {
    "widths": "name → bounds",
    "head": "name → bounds",
    "readouts": "list of read-outs, the one of the first trial first",
}
"""What a key of ``[search]`` has, where these are not bounds."""


def study_options() -> str:
    """The options of ``study run`` and of study files, and the bounds of a search."""
    study = cli.get_command(click.Context(cli), "study")
    assert isinstance(study, click.Group)
    typed = {each.name: each for each in study.commands["run"].params}
    rows = []
    for name, field in StudyOptions.model_fields.items():
        if name == "search":
            continue
        parameter = typed[name]
        extra = field.json_schema_extra
        assert isinstance(parameter, click.Option)
        assert isinstance(extra, dict)
        meaning = str(field.description)
        if extra["variable"]:
            meaning += f" Environment variable: `{extra['variable']}`."
        several = "yes" if parameter.multiple else ""
        values = _values(parameter)
        rows.append([f"`--{name.replace('_', '-')}`", values, _default(field.default), several])
        rows[-1].append(meaning)
    bounds = [[f"`{name}`", SEARCHED.get(name, "bounds")] for name in SearchBounds.model_fields]
    return _page(
        "Options of a study",
        "`serbench study run` takes these options on the command line. A study file "
        "(`serbench study run --study FILE.toml`) takes the same options with `_` in "
        "place of `-` and without the leading `--`. Options on the command line come "
        "before those of the file.",
        "*Combined*: the option may be given several times, in a file as a list, and "
        "every combination of the values is a study.",
        _table(["option", "values", "default", "combined", "meaning"], rows),
        "## Bounds of the search",
        "They are in the table `[search]` of a study file. Bounds are one number, which "
        "fixes the parameter, or `[lowest, highest]`. `widths` has a key for each "
        "augmentation, and `head` one for each parameter of the head.",
        _table(["key", "value"], bounds),
        "```toml\n"
        "[search]\n"
        "learning_rate = [3e-4, 1e-2]\n"
        "freeze_depth = [0, 3]\n"
        "widths.time-shift = 0.3\n"
        "```",
        "A head that is fitted has no learning rate, weight decay, freeze depth and "
        "widths: bounds for them have no effect, and a line states this. Its own:",
        '```toml\n[search]\nhead.C = [1e-4, 0.1]\nreadouts = ["1-3/mean+std", "2/mean+std"]\n```',
    )


def leaderboard_keys() -> str:
    """The keys of an entry in ``leaderboard --format json``."""
    meanings = _attributes(LatencyView) | _attributes(EntryView)
    latency = ("runtime", "precision", "threads", "clip_seconds", "libraries", "machine")
    rows = [[f"`{name}`", meanings[name]] for name in PLAIN]
    rows += [[f"`{name}`", meaning] for name, meaning in SCORES.items()]
    rows += [[f"`{name}`", meanings[name]] for name in (*latency, "machine_id")]
    return _page(
        "Keys of an entry",
        "`serbench leaderboard --format json` prints a list with an object of these keys "
        "for each entry of each ranking. In `--format csv` an interval has two columns, "
        "`NAME_ci_low` and `NAME_ci_high`. Scores are shares between 0 and 1, and times "
        "are in milliseconds; a value that does not exist is null.",
        _table(["key", "meaning"], rows),
        "## Calibration",
        "`serbench leaderboard show ENTRY --format json` has further details. Its key "
        "`calibration` has an object of these keys "
        "([explanation](../explanation/calibration.md)).",
        _table(["key", "meaning"], _calibration_keys()),
    )


def _calibration_keys() -> list[list[str]]:
    """The keys of the calibration of an entry, with those of the objects in it."""
    whole, stage, point = map(_attributes, (CalibrationView, Agreement, RejectionPoint))
    rows = []
    for name in ("temperature", "before", "after", "rejection", "rejection_area"):
        rows.append([f"`{name}`", whole[name]])
        if name == "before":
            rows += [[f"`before.{each}`, `after.{each}`", stage[each]] for each in stage]
        if name == "rejection":
            rows += [
                [f"`rejection[].{each}`", point[each]]
                for each in ("coverage", "confidence", "clips", "uar", "accuracy")
            ]
            rows.append(
                ["`rejection[].uar_ci`, `rejection[].accuracy_ci`", "their 95 % intervals, or null"]
            )
    return rows


def dataframes() -> str:
    """The columns of each DataFrame of ``serbench.open``, and of the one of ``predict``."""
    parts = [
        "`serbench.open` returns an object with a method for each of these tables, except `files`, "
        "which `serbench.predict` returns ([how to](../how-to/notebook.md)). "
        '`serbench.describe("leaderboard")` gives the same columns as a DataFrame. A missing '
        "number is NaN and a missing text is `<NA>`; types are the same in a table without rows. "
        "Scores are shares between 0 and 1.",
    ]
    for table, columns in COLUMNS.items():
        method = getattr(Results, table, None)
        described = FILES if method is None else inspect.getdoc(method) or ""
        rows = [
            [f"`{name}`", f"`{column.dtype}`", column.unit, column.meaning]
            for name, column in columns.items()
        ]
        parts += [
            f"## {table}",
            described.partition("\n\n")[0].replace("``", "`"),
            _table(["column", "type", "unit", "meaning"], rows),
        ]
        if table in FURTHER:
            parts.append(f"Further columns: {FURTHER[table]}")
    return _page("Columns of the DataFrames", *parts)


def _attributes(shown: type) -> dict[str, str]:
    """Field → its description in the docstring of a class."""
    text = inspect.getdoc(shown) or ""
    listed = text.partition("Attributes:\n")[2]
    found = re.findall(r"^    (\w+): (.*?)(?=^    \w+: |\Z)", listed, re.MULTILINE | re.DOTALL)
    return {name: _plain(meaning) for name, meaning in found}


def _plain(meaning: str) -> str:
    """A description in a docstring, for readers of JSON."""
    text = " ".join(meaning.split()).rstrip(".").replace("``", "`")
    return text.replace("None", "null").replace("True", "true")


def _values(option: click.Option) -> str:
    if option.is_flag:
        return "*flag*"
    shown = (
        option.metavar or option.type.get_metavar(option, click.Context(cli)) or option.type.name
    )
    return f"`{shown}`"


def _default(value: object) -> str:
    if value is None or value is False or value == ():
        return ""
    return f"`{','.join(map(str, value)) if isinstance(value, tuple) else value}`"


def _paragraphs(text: str) -> str:
    """Help text in Markdown: paragraphs on one line each, and literal blocks as they are."""
    parts = []
    for part in inspect.cleandoc(text).split("\n\n"):
        if part.startswith("\b"):
            parts.append("```console\n" + part.removeprefix("\b\n") + "\n```")
        else:
            parts.append(_escaped(" ".join(part.split())))
    return "\n\n".join(parts)


def _escaped(text: str) -> str:
    return re.sub(r"([<>*])", r"\\\1", text)


def _table(columns: list[str], rows: list[list[str]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(text: str) -> str:
    """One cell: a vertical bar would end it."""
    return " ".join(text.split()).replace("|", "\\|")


if __name__ == "__main__":
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
