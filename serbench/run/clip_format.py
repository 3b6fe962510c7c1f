"""The clip format of a study, with the reason for each part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from serbench.data.clip_lengths import default_seconds, length_effect
from serbench.data.clips import ClipFormat
from serbench.errors import UsageError
from serbench.run.options import ENTRY, StudyOptions

if TYPE_CHECKING:
    from serbench.data.manifest import Manifest
    from serbench.plugins import Plugins
    from serbench.search.plan import StudyPlan
    from serbench.store.database import Database

SAMPLE_RATE = 16_000
"""Default in Hz, if neither the user nor the front end sets a rate: speech is below 8 kHz."""

LEVEL = "rms"


def choose_format(
    options: StudyOptions,
    backbone: str,
    front_end: str,
    manifest: Manifest,
    plugins: Plugins,
    parent: ClipFormat | None = None,
) -> ClipFormat:
    """The clip format of one study: from its options, else from the parent, else the default.

    Args:
        options: the options.
        backbone: name of the backbone.
        front_end: name of the front end.
        manifest: the dataset; its durations determine the default length.
        plugins: the plugins with both.
        parent: clip format of the entry from which training begins, or None.

    Raises:
        UsageError: the front end requires another sample rate than that of the options.
    """
    required = plugins.front_ends.get(front_end).sample_rate
    if required is not None and options.sample_rate not in (None, required):
        raise UsageError(
            f"front end {front_end} requires clips at {required:,} Hz: remove --sample-rate "
            f"{options.sample_rate}, or choose another --front-end",
            front_end=front_end,
            required=required,
            sample_rate=options.sample_rate,
        )
    before = {} if parent is None else vars(parent)
    usual = _defaults(backbone, front_end, manifest, plugins)
    chosen = {**usual, **before, **_asked(options)}
    return ClipFormat(**{**chosen, "sample_rate": required or chosen["sample_rate"]})


def parent_format(weights: str, database: Database) -> ClipFormat | None:
    """The clip format of the entry from which training begins, or None for other weights.

    Args:
        weights: the option; its entry must exist.
        database: the database with the entry.
    """
    from serbench.store.systems import Systems

    if not weights.startswith(ENTRY):
        return None
    return Systems(database).record(int(weights.removeprefix(ENTRY))).plan.clip_format


def explain_format(
    plan: StudyPlan, options: StudyOptions, manifest: Manifest, plugins: Plugins
) -> str:
    """A sentence with the clip format of a plan, the reason for each part, and its cuts."""
    usual, asked = _defaults(plan.backbone, plan.front_end, manifest, plugins), _asked(options)
    required = plugins.front_ends.get(plan.front_end).sample_rate
    reasons = {
        "seconds": "default, cuts at most one recording in ten",
        "sample_rate": "default" if required is None else f"required by {plan.front_end}",
        "level": "default",
        "padding": f"default, since {plan.backbone} "
        + ("ignores padding" if usual["padding"] == "zeros" else "cannot ignore padding"),
    }
    chosen = vars(plan.clip_format)
    for name in reasons:
        if name in asked:
            reasons[name] = f"from --{name.replace('_', '-')}"
        elif chosen[name] != usual[name]:
            reasons[name] = "from the entry with the initial weights"
    effect = length_effect(manifest.utterances, plan.clip_format.seconds)
    return (
        f"clips: {chosen['seconds']:g} s ({reasons['seconds']}), {chosen['sample_rate']:,} Hz "
        f"({reasons['sample_rate']}), level {chosen['level']} ({reasons['level']}), padding "
        f"{chosen['padding']} ({reasons['padding']}); {effect.cut:,} of {len(manifest):,} "
        f"recordings are cut, which loses {100 * effect.lost:.1f} % of the sound"
    )


def _asked(options: StudyOptions) -> Mapping[str, object]:
    """The parts of a clip format that are given as options."""
    found = {name: getattr(options, name) for name in ClipFormat.__dataclass_fields__}
    return {name: value for name, value in found.items() if value is not None}


def _defaults(
    backbone: str, front_end: str, manifest: Manifest, plugins: Plugins
) -> Mapping[str, object]:
    """The default of each part of a clip format.

    Many front ends standardise an image, and many networks average over it. With padding by
    reflection, the statistics of the image are those of speech; with zeros, they would depend on
    the duration. A backbone that ignores padding is not affected.
    """
    takes_lengths = plugins.backbones.get(backbone).takes_lengths
    return {
        "seconds": default_seconds(manifest.utterances),
        "sample_rate": plugins.front_ends.get(front_end).sample_rate or SAMPLE_RATE,
        "level": LEVEL,
        "padding": "zeros" if takes_lengths else "reflect",
    }
