"""The types of the options of a study: how their values are read and checked."""

from __future__ import annotations

import math
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo

from serbench.errors import SerbenchError


def _listed(value: object) -> object:
    """A single value is a list of one."""
    if isinstance(value, str | int | float):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


def _separated(value: object) -> object:
    """Names in a list, or in a text separated by commas; ``none`` alone is an empty list."""
    if isinstance(value, str):
        value = [name.strip() for name in value.split(",")]
    listed = _listed(value)
    return () if listed == ("none",) else listed


def _several(value: object) -> object:
    listed = _listed(value)
    if listed == ():
        raise ValueError("give at least one value")
    return listed


def _interval(value: object) -> object:
    """A single number is an interval of one value."""
    if isinstance(value, list):
        return tuple(value)
    return (value, value)


def _in_order(interval: tuple[float, float]) -> tuple[float, float]:
    low, high = interval
    if not (math.isfinite(high) and 0 <= low <= high):
        raise ValueError("give one number or [lowest, highest], neither below 0")
    return interval


def positive(interval: tuple[float, float]) -> tuple[float, float]:
    """Refuse an interval that begins at 0."""
    if interval[0] <= 0:
        raise ValueError("must be greater than 0")
    return interval


def known_protocol(text: str) -> str:
    """The name of a protocol in its normal form."""
    from serbench.data.protocols import parse_protocol

    try:
        return parse_protocol(text).name
    except SerbenchError as error:
        raise ValueError(str(error)) from error


def registered(registry: str) -> AfterValidator:
    """Accept the names in a registry of the plugins, which are the validation's context."""

    def known(name: str, info: ValidationInfo) -> str:
        try:
            getattr(info.context, registry).get(name)
        except SerbenchError as error:
            raise ValueError(str(error)) from error
        return name

    return AfterValidator(known)


def only_budget(seconds: float, info: ValidationInfo) -> float:
    """Refuse a timeout beside minutes."""
    if info.data.get("minutes") is not None:
        raise ValueError("minutes and timeout (in seconds) set the same limit: give one of them")
    return seconds


LARGEST = 2**53
"""No whole number is larger: beyond it floats, JSON and databases lose digits."""


Separated = BeforeValidator(_separated)
Several = BeforeValidator(_several)
Augmentation = Annotated[str, registered("augmentations")]
ProtocolName = Annotated[str, AfterValidator(known_protocol)]
Seed = Annotated[int, Field(ge=0, le=LARGEST)]
BatchSize = Annotated[int, Field(ge=2, le=LARGEST)]
ClipSeconds = Annotated[float, Field(ge=0.25, le=60)]
SampleRate = Annotated[int, Field(ge=8000, le=192_000)]
Interval = Annotated[tuple[float, float], BeforeValidator(_interval), AfterValidator(_in_order)]
Depths = Annotated[tuple[int, int], BeforeValidator(_interval), AfterValidator(_in_order)]


def option(
    default: Any,
    description: str,
    metavar: str | None = None,
    variable: str | None = None,
    separated: bool = False,
    **constraints: Any,
) -> Any:
    """A field that is an option of the command line.

    Args:
        default: the value where the option is not given.
        description: one sentence.
        metavar: the placeholder for its value in the help text.
        variable: environment variable that also sets it.
        separated: whether several names are given as one value, separated by commas.
        constraints: further arguments of pydantic's ``Field``.
    """
    if "ge" in constraints:
        constraints.setdefault("le", LARGEST)
    typed: dict[str, Any] = {"metavar": metavar, "variable": variable, "separated": separated}
    return Field(default, description=description, json_schema_extra=typed, **constraints)
