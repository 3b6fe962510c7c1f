"""The options of a study on the command line, generated from ``StudyOptions``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

import click

from serbench.cli.completing import OF_STUDIES
from serbench.run.options import COMBINED, StudyOptions

Command = TypeVar("Command", bound=Callable[..., Any])


COMBINATIONS = dict.fromkeys(
    COMBINED, " It may be given several times: each combination is a study."
)
"""Name of a combined option → the sentence on its use several times."""


def study_options(
    *names: str, several: Mapping[str, str] = COMBINATIONS
) -> Callable[[Command], Command]:
    """Decorate a command with the options of ``StudyOptions`` that have these names.

    Args:
        names: names of the options.
        several: name of an option → what its help adds on its use several times.
    """

    def add(command: Command) -> Command:
        for name in reversed(names):
            command = _option(name, several.get(name, ""))(command)
        return command

    return add


def _option(name: str, again: str) -> Callable[[Command], Command]:
    field = StudyOptions.model_fields[name]
    typed = field.json_schema_extra
    assert isinstance(typed, dict)
    kind, bounds = _plain(field.annotation), field.metadata
    several = name in COMBINED
    if several:
        kind = _plain(get_args(kind)[0])
    least = next((each.ge for each in bounds if hasattr(each, "ge")), None)
    above = next((each.gt for each in bounds if hasattr(each, "gt")), None)
    usual = field.default
    how: dict[str, Any] = {"metavar": typed["metavar"], "envvar": typed["variable"]}
    if several:
        how["multiple"] = True
    if typed["separated"]:
        how |= {"type": str}  # the option itself separates the names
    elif get_origin(kind) is Literal:
        how |= {"type": click.Choice(get_args(kind))}
    elif several:
        how |= {"type": kind}
    elif kind is bool:
        how = {"is_flag": True}
    elif kind is int:
        how |= {"type": click.IntRange(least)}
    elif kind is float:
        how |= {"type": click.FloatRange(above, min_open=True)}
    shown = ",".join(map(str, usual)) if isinstance(usual, tuple) else str(usual)
    none = usual is None or usual is False or usual == ()
    return click.option(
        f"--{name.replace('_', '-')}",
        default=None,
        help=f"{field.description}{again}" + ("" if none else f" [default: {shown}]"),
        show_envvar=typed["variable"] is not None,
        shell_complete=OF_STUDIES.get(name),
        **how,
    )


def _plain(annotation: Any) -> Any:
    """The type itself, without its validators and without None."""
    if get_origin(annotation) in (Union, UnionType):
        annotation = next(each for each in get_args(annotation) if each is not NoneType)
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation
