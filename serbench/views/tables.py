"""Tables as text: Markdown and LaTeX tables, and predictions as CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from typing import Any

from serbench.data.names import printable
from serbench.data.protocols import HOLDOUT
from serbench.errors import UsageError
from serbench.score.metric import CORRECTED
from serbench.store.database import Database
from serbench.store.prediction_files import write_predictions
from serbench.store.predictions import fold_predictions, joined, scored_predictions
from serbench.store.systems import find_system, manifest_of

TEXTS = frozenset({"path", "fold"})
"""Columns of a table of predictions that are no logits."""


class Markdown(str):
    """A cell that is Markdown already."""

    __slots__ = ()


class Bold(str):
    """A cell of literal text that is set in bold."""

    __slots__ = ()


def markdown_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table with literal cells; columns marked with ``>`` are aligned right."""
    lines = [
        [markdown_text(column.lstrip(">")) for column in columns],
        ["---:" if column.startswith(">") else "---" for column in columns],
        *([markdown_text(cell) for cell in row] for row in rows),
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def markdown_text(text: str) -> str:
    """Text as literal Markdown, without table, code, link, emphasis or HTML."""
    if isinstance(text, Markdown):
        return text.replace("|", "\\|")
    literal = re.sub(r"([\\`*\[\]<>|])", r"\\\1", " ".join(printable(text).split()))
    return f"**{literal}**" if isinstance(text, Bold) else literal


LATEX = {
    **{character: f"\\{character}" for character in "{}$&#_%"},
    **{character: f"{{{character}}}" for character in "[]*"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\char34{}",
    "–": "--",
    "−": "$-$",
    "±": r"$\pm$",
    "†": r"$^{\dagger}$",
    "·": r"$\cdot$",
    "Δ": r"$\Delta$",
    "χ": r"$\chi$",
    "²": "$^2$",
    "→": r"$\to$",
    "…": r"\dots{}",
}
"""Character → the same character in LaTeX, for those that LaTeX would read or could not print.

Brackets and stars must not follow a line of a table, where they would be part of a command.
"""


def latex_text(text: str) -> str:
    """Text as literal LaTeX, without commands; other characters than those of `LATEX` stay."""
    shown = re.sub("-(?=-)", "-\0", printable(text).strip())  # "--" would become a dash
    literal = "".join(LATEX.get(character, character) for character in shown)
    literal = literal.replace("\0", "{}")
    return rf"\textbf{{{literal}}}" if isinstance(text, Bold) else literal


def latex_table(
    columns: Sequence[str], rows: Sequence[Sequence[str]], caption: str, label: str
) -> str:
    """A table with the rules of the package ``booktabs``, of literal cells.

    Args:
        columns: headings; those marked with ``>`` are aligned right.
        rows: cells as text.
        caption: text above the table.
        label: name by which the text refers to the table.
    """
    align = "".join("r" if column.startswith(">") else "l" for column in columns)
    lines = [[latex_text(column.lstrip(">")) for column in columns]]
    lines += [[latex_text(cell) for cell in row] for row in rows]
    heading, *body = (f"{' & '.join(line)} \\\\" for line in lines)
    return "\n".join(
        [
            r"\begin{table}",
            r"\centering\footnotesize",
            rf"\caption{{{latex_text(caption)}}}",
            rf"\label{{{label}}}",
            rf"\begin{{tabular}}{{{align}}}",
            r"\toprule",
            heading,
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
        ]
    )


def export_predictions(database: Database, number: int, folds: bool = False) -> str:
    """A table of an entry's logits, in the format of ``import_predictions``.

    Args:
        database: the database with the entry.
        number: its number.
        folds: whether to add the winner's logits on the folds by which it was selected; if nothing
            is set aside, the table always has these.

    Raises:
        UsageError: there is no such entry, or ``folds`` is set for several outer folds, where one
            clip is in many folds.
    """
    with database.session() as session:
        system = find_system(session, number)
        outer_folds, held_out = (
            fold_predictions(session, system),
            system.protocol.evidence != CORRECTED,
        )
        parts = [(HOLDOUT, joined(scored_predictions(session, system)))] if held_out else []
        if folds and len(outer_folds) > 1:
            raise UsageError(
                f"entry {number} has {len(outer_folds)} outer folds, each with its own folds, and "
                "a table of predictions can hold only one fold of each clip: remove --folds",
                number=number,
                outer_folds=len(outer_folds),
            )
        if folds or not held_out:
            parts += [(str(fold), found) for fold, found in outer_folds[0].items()]
        return write_predictions(manifest_of(database, system.protocol), parts)


def prediction_rows(table: str) -> list[dict[str, Any]]:
    """The rows of a table of `export_predictions`, with logits as numbers."""
    return [
        {name: cell if name in TEXTS else float(cell) for name, cell in row.items()}
        for row in csv.DictReader(io.StringIO(table))
    ]
