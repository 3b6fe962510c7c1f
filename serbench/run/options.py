"""The options of a study, with the meaning, the values and the default of each.

``StudyOptions`` is the only list of them. The command line is generated from it, study files in
TOML are validated by it, and ``serbench.run.planning`` makes plans from it.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from serbench.data.protocols import MANY_SPEAKERS, USUAL, parse_protocol
from serbench.run.option_types import (
    Augmentation,
    BatchSize,
    ClipSeconds,
    Depths,
    Interval,
    ProtocolName,
    SampleRate,
    Seed,
    Separated,
    Several,
    only_budget,
    option,
    positive,
    registered,
)

READOUT = "readout"
"""The option for read-outs, which a plan has as ``readouts``."""

ENTRY = "entry:"
"""Before the number of an entry, in the option ``weights``."""


class SearchBounds(BaseModel):
    """Bounds of searched parameters: one number fixes a parameter, ``[lowest, highest]`` bounds it.

    A parameter without bounds here is searched in its usual range. ``readouts`` are the read-outs
    that are searched, the initial one first; by default those that the backbone declares.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    learning_rate: Annotated[Interval, AfterValidator(positive)] | None = None
    weight_decay: Interval | None = None
    freeze_depth: Depths | None = None
    widths: dict[Augmentation, Interval] = Field(default_factory=dict)
    head: dict[str, Interval] = Field(default_factory=dict)
    readouts: Annotated[tuple[str, ...], Several] = ()

    def by_parameter(self) -> dict[str, tuple[float, float]]:
        """Name of each searched parameter with given bounds → its bounds."""
        from serbench.model.recipe import FREEZE_DEPTH, HEAD, LEARNING_RATE, WEIGHT_DECAY, WIDTH

        named = {
            LEARNING_RATE: self.learning_rate,
            WEIGHT_DECAY: self.weight_decay,
            FREEZE_DEPTH: self.freeze_depth,
            **{HEAD + name: interval for name, interval in self.head.items()},
            **{WIDTH + name: interval for name, interval in self.widths.items()},
        }
        return {name: interval for name, interval in named.items() if interval is not None}


class StudyOptions(BaseModel):
    """The options of ``study run``, on the command line or in a study file.

    Options that hold several values are combined (``COMBINED``): each combination is a study. All
    options except ``search`` exist on the command line too.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    backbone: Annotated[tuple[Annotated[str, registered("backbones")], ...], Several] = option(
        (),
        "Search this backbone, which is built in, a timm model or a backbone of a plugin; by "
        "default each of the usual candidates whose weights can be had.",
        "NAME",
    )
    dataset: str | None = option(
        None,
        "Study this scanned dataset; by default the only one in the database, or the synthetic "
        "demo corpus where there is none.",
        "NAME",
    )
    front_end: Annotated[tuple[Annotated[str, registered("front_ends")], ...], Several] = option(
        (),
        "Compute the network's input from each clip with this front end; by default with the one "
        "that the backbone declares.",
        "NAME",
    )
    schedule: Annotated[tuple[Annotated[str, registered("schedulers")], ...], Several] = option(
        ("half-cycle",),
        "Train with this optimiser and learning-rate schedule.",
        "NAME",
    )
    protocol: Annotated[tuple[ProtocolName, ...], Several] = option(
        (),
        "Split the speakers by this protocol: speaker-K, random-K (speaker-dependent), loso, "
        "corpus, a published protocol or folds:FILE; `serbench protocol list` explains all. By "
        f"default speaker-5, which tests every speaker, or, with {MANY_SPEAKERS} speakers or more, "
        "speaker-5:holdout, which tests one speaker in five after the search.",
        "RULE",
    )
    nested: int | None = option(
        None,
        "Search in K outer folds (nested cross-validation), each with one Kth of the speakers as "
        "its holdout, where K is 2 or more; by default there is one search.",
        "K",
        ge=2,
    )
    head: Annotated[tuple[Annotated[str, registered("heads")], ...], Several] = option(
        (),
        "Classify the features of the backbone with this head; by default with the one that the "
        "backbone declares.",
        "NAME",
    )
    readout: Annotated[tuple[str, ...], Several] = option(
        (),
        "Give the head these layers of the backbone, pooled over time: TAPS/mean or TAPS/mean+std, "
        "where TAPS is a tap, several joined by +, a range such as 1-3, or all, and /weighted at "
        "the end adds them with learnt weights; by default the read-out is searched.",
        "TAPS/POOLING",
    )
    objective: Annotated[tuple[Annotated[str, registered("objectives")], ...], Several] = option(
        ("cross-entropy",), "Minimise this objective in training.", "NAME"
    )
    weights: Annotated[tuple[str, ...], Several] = option(
        ("default",),
        "Begin training with these weights: those that the backbone was published with (default), "
        "random ones (none), those in a file, or those of an entry in this database (entry:N).",
        "default|none|FILE|entry:N",
    )
    seconds: Annotated[tuple[ClipSeconds, ...], Several] = option(
        (),
        "Cut longer recordings to this length and pad shorter ones, from 0.25 to 60 s; by default "
        "to the shortest length that cuts at most one recording in ten, and to at most 10 s.",
        "SECONDS",
    )
    sample_rate: Annotated[tuple[SampleRate, ...], Several] = option(
        (),
        "Resample every clip to this rate, from 8000 to 192000 Hz; by default to the rate that the "
        "front end requires, or to 16000 Hz.",
        "HZ",
    )
    level: Annotated[tuple[Literal["keep", "rms", "ebu"], ...], Several] = option(
        (),
        "Set the level of every clip: unchanged (keep), a root mean square of -26 dB of full scale "
        "(rms), or a loudness of -23 LUFS according to EBU R 128 (ebu); by default rms.",
    )
    padding: Annotated[tuple[Literal["reflect", "zeros"], ...], Several] = option(
        (),
        "Pad shorter recordings with their reflection (reflect) or with digital silence (zeros); "
        "by default zeros for backbones that can ignore the padding, and reflect for all others.",
    )
    allow_known_speakers: bool = option(
        False,
        "Test also speakers that the weights were trained on, and mark the result and rank it "
        "separately; by default such a study is refused.",
    )
    augmentations: Annotated[tuple[Augmentation, ...] | None, Separated] = option(
        None,
        "Search the widths of these augmentations, separated by commas, or use no augmentation "
        "(none); by default those that the backbone declares: none where it starts frozen.",
        "NAME,…|none",
        separated=True,
    )
    views: int = option(
        0,
        "Train the head of a wholly frozen backbone on N augmented views of each clip beside the "
        "clean clip, made by the augmentations at fixed widths; by default on clean clips only.",
        "N",
        ge=0,
    )
    trials: int = option(
        10,
        "Try N configurations, 1 or more; an earlier study with fewer trials is continued.",
        "N",
        ge=1,
    )
    epochs: int = option(
        100, "Train each network for at most N epochs, where N is 1 or more.", "N", ge=1
    )
    batch_size: Annotated[tuple[BatchSize, ...], Several] = option(
        (32,), "Use N clips in each training step, where N is 2 or more.", "N"
    )
    minutes: float | None = option(
        None,
        "Start no further trial after this many minutes of training; by default there is no limit.",
        "MINUTES",
        gt=0,
    )
    timeout: Annotated[float, AfterValidator(only_budget)] | None = option(
        None,
        "Start no further trial after this many seconds of training; by default there is no limit.",
        "SECONDS",
        gt=0,
    )
    seed: Annotated[tuple[Seed, ...], Several] = option(
        (0,), "Use N, 0 or more, as the seed of the search and of all its trainings.", "N"
    )
    seeds: int = option(
        1,
        "After the search, train the winner with N seeds, the first of which is that of the search,"
        " and show the variance of training beside that of speakers; by default it is trained "
        "once. An earlier study with fewer seeds is continued.",
        "N",
        ge=1,
    )
    exhaustive: bool = option(
        False,
        "Train every configuration on all folds; by default a configuration that has fallen far "
        "behind is pruned.",
    )
    precision: Literal["fp32", "bf16"] | None = option(
        None,
        "Train networks in this precision; by default in the faster one with the same losses, "
        "which speed tuning finds.",
        variable="SERBENCH_PRECISION",
    )
    threads: int | None = option(
        None,
        "Use N threads for one training, where N is 1 or more; by default the fastest number, "
        "which speed tuning finds.",
        "N",
        "SERBENCH_THREADS",
        ge=1,
    )
    executor: Literal["processes", "ray", "here"] = option(
        "processes",
        "Run trainings in processes of this machine (processes), as tasks of Ray (ray), or one at "
        "a time in the main process (here); the results are the same.",
        variable="SERBENCH_EXECUTOR",
    )
    address: str | None = option(
        None,
        "Use the Ray cluster at ADDRESS, such as 10.0.0.1:6379; by default that in RAY_ADDRESS, or "
        "Ray is started on this machine.",
        "ADDRESS",
    )
    jobs: int | None = option(
        None,
        "Run N trainings at once, where N is 1 or more; by default the fastest number, which speed "
        "tuning finds.",
        "N",
        "SERBENCH_JOBS",
        ge=1,
    )
    retune: bool = option(
        False,
        "Repeat the speed tuning of the compute settings; by default a recorded result is used.",
    )
    max_latency_ms: float | None = option(
        None,
        "Leave out backbones whose latency for one clip (p90, one thread) is more than MS "
        "milliseconds; by default none is left out.",
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

    def protocols(self, n_speakers: int) -> tuple[str, ...]:
        """The names of the protocols, with outer folds where ``nested`` is given.

        Args:
            n_speakers: number of speakers of the dataset, which determines the default.

        Raises:
            UsageError: ``nested`` is given for a protocol that defines its own tests.
        """
        asked = self.protocol or (USUAL,)
        if self.nested is not None:
            return tuple(parse_protocol(f"{each}:nested-{self.nested}").name for each in asked)
        if not self.protocol and n_speakers >= MANY_SPEAKERS:
            return (f"{USUAL}:holdout",)
        return asked


def _is_combined(name: str) -> bool:
    field = StudyOptions.model_fields[name]
    assert isinstance(field.json_schema_extra, dict | None)
    separated = field.json_schema_extra and field.json_schema_extra["separated"]
    return isinstance(field.default, tuple) and not separated


COMBINED = tuple(name for name in StudyOptions.model_fields if _is_combined(name))
"""The options that may be given several times, or as a list: their values are combined."""
