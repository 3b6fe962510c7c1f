"""The options of a study: what each means, what it may be, and what it is by default.

``StudyOptions`` is the only list of them. The command line is generated from it, study files in
TOML are validated by it, and ``serbench.run.planning`` makes plans of it.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
)

from serbench.errors import SerbenchError


def _listed(value: object) -> object:
    """A single value is a list of one."""
    if isinstance(value, str | int):
        return (value,)
    return tuple(value) if isinstance(value, list) else value


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


def _positive(interval: tuple[float, float]) -> tuple[float, float]:
    if interval[0] <= 0:
        raise ValueError("must be greater than 0")
    return interval


def _protocol(text: str) -> str:
    from serbench.data.protocols import parse_protocol

    try:
        return parse_protocol(text).name
    except SerbenchError as error:
        raise ValueError(str(error)) from error


def _registered(registry: str) -> AfterValidator:
    """Accept the names in a registry of the plugins, which are the validation's context."""

    def known(name: str, info: ValidationInfo) -> str:
        try:
            getattr(info.context, registry).get(name)
        except SerbenchError as error:
            raise ValueError(str(error)) from error
        return name

    return AfterValidator(known)


def _only_budget(seconds: float, info: ValidationInfo) -> float:
    if info.data.get("minutes") is not None:
        raise ValueError("minutes and timeout (in seconds) are one budget: give one of them")
    return seconds


ENTRY = "entry:"
"""Before the number of an entry, in the option ``weights``."""

LARGEST = 2**53
"""No whole number is larger: beyond it floats, JSON and databases lose digits."""


Listed = BeforeValidator(_listed)
Several = BeforeValidator(_several)
Augmentation = Annotated[str, _registered("augmentations")]
Seed = Annotated[int, Field(ge=0, le=LARGEST)]
BatchSize = Annotated[int, Field(ge=2, le=LARGEST)]
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
        default: its value where nobody gives one.
        description: one sentence.
        metavar: what stands for its value in the help text.
        variable: environment variable that it is taken from too.
        separated: whether several names are typed at once, separated by commas.
        constraints: as pydantic's ``Field`` takes them.
    """
    if "ge" in constraints:
        constraints.setdefault("le", LARGEST)
    typed: dict[str, Any] = {"metavar": metavar, "variable": variable, "separated": separated}
    return Field(default, description=description, json_schema_extra=typed, **constraints)


class SearchBounds(BaseModel):
    """Bounds of what is searched: one number to fix it, or ``[lowest, highest]``."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    learning_rate: Annotated[Interval, AfterValidator(_positive)] | None = None
    freeze_depth: Depths | None = None
    widths: dict[Augmentation, Interval] = Field(default_factory=dict)

    def by_parameter(self) -> dict[str, tuple[float, float]]:
        """Name of the searched parameter → its bounds, of those that are given."""
        from serbench.model.recipe import FREEZE_DEPTH, LEARNING_RATE, WIDTH

        named = {
            LEARNING_RATE: self.learning_rate,
            FREEZE_DEPTH: self.freeze_depth,
            **{WIDTH + name: interval for name, interval in self.widths.items()},
        }
        return {name: interval for name, interval in named.items() if interval is not None}


class StudyOptions(BaseModel):
    """What can be asked of ``study run``, on the command line or in a study file.

    Options that hold several values are combined (``COMBINED``): each combination is a study. All
    but ``search`` are options of the command line too.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    backbone: Annotated[tuple[Annotated[str, _registered("backbones")], ...], Several] = option(
        (),
        "The network to search: homebrew, a timm model or one of a plugin.",
        "NAME",
    )
    dataset: str | None = option(
        None, "The scanned dataset to study; by default the only one.", "NAME"
    )
    front_end: Annotated[tuple[Annotated[str, _registered("front_ends")], ...], Several] = option(
        (), "What turns a clip into an image; by default what the backbone prefers.", "NAME"
    )
    schedule: Annotated[tuple[Annotated[str, _registered("schedulers")], ...], Several] = option(
        ("half-cycle",),
        "The optimiser and the schedule of its learning rate.",
        "NAME",
    )
    protocol: Annotated[tuple[Annotated[str, AfterValidator(_protocol)], ...], Several] = option(
        ("speaker-5",),
        "How speakers are split: speaker-K, random-K (speaker-dependent), loso, corpus, a "
        "published protocol or folds:FILE, all explained by `serbench protocol list`.",
        "RULE",
    )
    nested: int | None = option(
        None,
        "Search in K outer folds, each of which keeps a Kth of the speakers for its holdout.",
        "K",
        ge=2,
    )
    head: Annotated[tuple[Annotated[str, _registered("heads")], ...], Several] = option(
        ("linear",), "What turns the backbone's features into emotions.", "NAME"
    )
    objective: Annotated[tuple[Annotated[str, _registered("objectives")], ...], Several] = option(
        ("cross-entropy",), "What a training minimises.", "NAME"
    )
    weights: Annotated[tuple[str, ...], Several] = option(
        ("default",),
        "The weights that training begins with: those the backbone was published with, none, a "
        "file's, or those of an entry trained here.",
        "default|none|FILE|entry:N",
    )
    seconds: float | None = option(
        None,
        "The length of every clip in seconds: longer recordings are cut, shorter ones padded; by "
        "default the shortest length that holds nine recordings in ten whole, at most 10 s.",
        "SECONDS",
        ge=0.25,
        le=60,
    )
    sample_rate: int | None = option(
        None,
        "The sample rate of every clip in Hz; by default what the front end requires, or 16,000.",
        "HZ",
        ge=8000,
        le=192_000,
    )
    level: Literal["keep", "rms", "ebu"] | None = option(
        None,
        "The level of every clip: as recorded (keep), a root mean square of -26 dB of full scale "
        "(rms), or a loudness of -23 LUFS after EBU R 128 (ebu); by default rms.",
    )
    padding: Literal["reflect", "zeros"] | None = option(
        None,
        "What shorter recordings are padded with: their reflection or digital silence; by default "
        "zeros for backbones that can leave the padding out, and reflect for all others.",
    )
    allow_known_speakers: bool = option(
        False,
        "Test also speakers that the weights were trained on; the result is marked and ranked "
        "apart.",
    )
    augmentations: Annotated[tuple[Augmentation, ...], Listed] = option(
        ("time-shift", "frequency-mask", "time-mask", "gain", "noise"),
        "The augmentations whose widths are searched, separated by commas.",
        "NAME,…|none",
        separated=True,
    )
    trials: int = option(
        10,
        "How many configurations are tried; a study that has fewer goes on.",
        "N",
        ge=1,
    )
    epochs: int = option(100, "The most epochs that one training takes.", "N", ge=1)
    batch_size: Annotated[tuple[BatchSize, ...], Several] = option(
        (32,), "How many clips each training step takes.", "N"
    )
    minutes: float | None = option(
        None, "After so many minutes of training no further trial starts.", "MINUTES", gt=0
    )
    timeout: Annotated[float, AfterValidator(_only_budget)] | None = option(
        None, "After so many seconds of training no further trial starts.", "SECONDS", gt=0
    )
    seed: Annotated[tuple[Seed, ...], Several] = option(
        (0,), "The seed of the search and of all its trainings.", "N"
    )
    exhaustive: bool = option(
        False, "Try every configuration on all folds, also one that has fallen far behind."
    )
    precision: Literal["fp32", "bf16"] | None = option(
        None,
        "The precision that networks are trained in; by default the fastest that learns the same.",
        variable="SERBENCH_PRECISION",
    )
    threads: int | None = option(
        None,
        "How many threads one training uses; by default as many as are fastest.",
        "N",
        "SERBENCH_THREADS",
        ge=1,
    )
    jobs: int | None = option(
        None,
        "How many trainings run at once, where 0 means one in this process; by default as many "
        "as are fastest.",
        "N",
        "SERBENCH_JOBS",
        ge=0,
    )
    retune: bool = option(
        False, "Try again which compute settings are fastest, also where that is recorded."
    )
    max_latency_ms: float | None = option(
        None,
        "Leave out backbones that take more milliseconds for one answer (p90, one thread).",
        "MS",
        gt=0,
    )
    search: SearchBounds = Field(
        default_factory=SearchBounds, description="Bounds of the searched parameters."
    )

    @property
    def budget(self) -> float | None:
        """The budget in seconds of training, or None."""
        return self.timeout if self.minutes is None else 60 * self.minutes

    @property
    def protocols(self) -> tuple[str, ...]:
        """The protocols' names, nested where that is asked for.

        Raises:
            UsageError: a protocol that has outer folds of its own is to be nested.
        """
        from serbench.data.protocols import parse_protocol

        if self.nested is None:
            return self.protocol
        return tuple(parse_protocol(f"{each}:nested-{self.nested}").name for each in self.protocol)


def _is_combined(name: str) -> bool:
    field = StudyOptions.model_fields[name]
    assert isinstance(field.json_schema_extra, dict | None)
    separated = field.json_schema_extra and field.json_schema_extra["separated"]
    return isinstance(field.default, tuple) and not separated


COMBINED = tuple(name for name in StudyOptions.model_fields if _is_combined(name))
"""The options that may be given several times, or as a list: their values are combined."""
