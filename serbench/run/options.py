"""The options of a study: what each means, what it may be, and what it is by default.

``StudyOptions`` is the only list of them. The command line is generated from it, study files in
TOML are validated by it, and ``serbench.run.planning`` makes plans of it.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from serbench.run.option_types import (
    Augmentation,
    BatchSize,
    ClipSeconds,
    Depths,
    Interval,
    Listed,
    ProtocolName,
    SampleRate,
    Seed,
    Several,
    only_budget,
    option,
    positive,
    registered,
)

ENTRY = "entry:"
"""Before the number of an entry, in the option ``weights``."""


class SearchBounds(BaseModel):
    """Bounds of what is searched: one number to fix it, or ``[lowest, highest]``."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    learning_rate: Annotated[Interval, AfterValidator(positive)] | None = None
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

    backbone: Annotated[tuple[Annotated[str, registered("backbones")], ...], Several] = option(
        (),
        "The network to search: homebrew, a timm model or one of a plugin.",
        "NAME",
    )
    dataset: str | None = option(
        None, "The scanned dataset to study; by default the only one.", "NAME"
    )
    front_end: Annotated[tuple[Annotated[str, registered("front_ends")], ...], Several] = option(
        (), "What turns a clip into an image; by default what the backbone prefers.", "NAME"
    )
    schedule: Annotated[tuple[Annotated[str, registered("schedulers")], ...], Several] = option(
        ("half-cycle",),
        "The optimiser and the schedule of its learning rate.",
        "NAME",
    )
    protocol: Annotated[tuple[ProtocolName, ...], Several] = option(
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
    head: Annotated[tuple[Annotated[str, registered("heads")], ...], Several] = option(
        ("linear",), "What turns the backbone's features into emotions.", "NAME"
    )
    objective: Annotated[tuple[Annotated[str, registered("objectives")], ...], Several] = option(
        ("cross-entropy",), "What a training minimises.", "NAME"
    )
    weights: Annotated[tuple[str, ...], Several] = option(
        ("default",),
        "The weights that training begins with: those the backbone was published with, none, a "
        "file's, or those of an entry trained here.",
        "default|none|FILE|entry:N",
    )
    seconds: Annotated[tuple[ClipSeconds, ...], Several] = option(
        (),
        "The length of every clip in seconds: longer recordings are cut, shorter ones padded; by "
        "default the shortest length that holds nine recordings in ten whole, at most 10 s.",
        "SECONDS",
    )
    sample_rate: Annotated[tuple[SampleRate, ...], Several] = option(
        (),
        "The sample rate of every clip in Hz; by default what the front end requires, or 16,000.",
        "HZ",
    )
    level: Annotated[tuple[Literal["keep", "rms", "ebu"], ...], Several] = option(
        (),
        "The level of every clip: as recorded (keep), a root mean square of -26 dB of full scale "
        "(rms), or a loudness of -23 LUFS after EBU R 128 (ebu); by default rms.",
    )
    padding: Annotated[tuple[Literal["reflect", "zeros"], ...], Several] = option(
        (),
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
    timeout: Annotated[float, AfterValidator(only_budget)] | None = option(
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
