"""The study file that makes the study of an entry again."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

SAME = (
    *("backbone", "dataset", "front_end", "schedule", "protocol", "head", "objective"),
    *("augmentations", "views", "trials", "epochs", "batch_size", "seed", "exhaustive"),
    *("precision", "threads", "timeout"),
)
"""Options that have the same name and value in a plan."""

FORMAT = ("seconds", "sample_rate", "level", "padding")

PARTS = {"head:": "head", "width:": "widths"}
"""What the names of searched parameters begin with → their table of the study file."""


def study_text(plan: Mapping[str, Any]) -> str:
    """A study file in TOML for the plan of a study, which ``serbench study run --study`` reads.

    Of a file with weights only the name is written, since its folder belongs to another machine.
    """
    lines = [f"{name} = {_value(value)}" for name, value in _options(plan)]
    search = [f"readouts = {_value(plan['readouts'])}"]
    tables: dict[str, list[str]] = {}
    for name, ends in plan["bounds"].items():
        line = _value(ends[0] if ends[0] == ends[1] else list(ends))
        start = next((each for each in PARTS if name.startswith(each)), "")
        if start:
            part = tables.setdefault(PARTS[start], [])
            part.append(f"{json.dumps(name.removeprefix(start))} = {line}")
        else:
            search.append(f"{name} = {line}")
    lines += ["", "[search]", *search]
    for table, found in tables.items():
        lines += ["", f"[search.{table}]", *found]
    return "\n".join(lines) + "\n"


def _options(plan: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The options of a plan, without those that a fitted head does not have."""
    for name in SAME:
        value = plan[name]
        needless = ("epochs", "batch_size", "views", "exhaustive")
        if value in (None, "") or (name in needless and not value):
            continue
        if name == "augmentations" and not value:
            if plan["epochs"]:
                yield name, ["none"]
            continue
        yield name, value
    weights = plan["weights"]
    yield "weights", PurePath(weights).name if "/" in weights or "\\" in weights else weights
    for name in FORMAT:
        yield name, plan["clip_format"][name]


def _value(value: Any) -> str:
    """A value in TOML, in which strings, numbers and lists look as in JSON."""
    return json.dumps(list(value) if isinstance(value, tuple) else value, ensure_ascii=True)
