"""The clip format of a study, with the reason for each part."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from serbench.data.clip_lengths import MOST_TENTHS, default_seconds, length_effect
from serbench.data.clips import ClipFormat
from serbench.errors import UsageError
from serbench.run.options import ENTRY, StudyOptions

if TYPE_CHECKING:
    from serbench.data.manifest import Manifest
    from serbench.model.recipe import Recipe
    from serbench.plugins import Plugins
    from serbench.search.plan import StudyPlan
    from serbench.store.database import Database

SAMPLE_RATE = 16_000
"""Default in Hz, if neither the user nor the front end sets a rate: speech is below 8 kHz."""

LEVEL = "rms"

PARTS = tuple(ClipFormat.__dataclass_fields__)
"""The options that make a clip format."""


def choose_format(
    asked: Mapping[str, object],
    backbone: str,
    front_end: str,
    manifest: Manifest,
    plugins: Plugins,
    parent: ClipFormat | None = None,
) -> ClipFormat:
    """The clip format of one study: from its options, else from the parent, else the default.

    Args:
        asked: the given parts of a clip format; None and other options are ignored.
        backbone: name of the backbone.
        front_end: name of the front end.
        manifest: the dataset; its durations determine the default length.
        plugins: the plugins with both.
        parent: clip format of the entry from which training begins, or None.

    Raises:
        UsageError: the front end requires another sample rate than that of the options.
    """
    required = plugins.front_ends.get(front_end).sample_rate
    wanted = {name: asked[name] for name in PARTS if asked.get(name) is not None}
    if required is not None and wanted.get("sample_rate", required) != required:
        raise UsageError(
            f"front end {front_end} requires clips at {required:,} Hz: remove --sample-rate "
            f"{wanted['sample_rate']}, or choose another --front-end",
            front_end=front_end,
            required=required,
            sample_rate=wanted["sample_rate"],
        )
    before = {} if parent is None else vars(parent)
    usual = _defaults(backbone, front_end, manifest, plugins)
    chosen = {**usual, **before, **wanted}
    return ClipFormat(**{**chosen, "sample_rate": required or chosen["sample_rate"]})


def parent_recipe(weights: str, database: Database) -> Recipe | None:
    """The recipe of the entry from which training begins, or None for other weights.

    Args:
        weights: the option; its entry must exist.
        database: the database with the entry.
    """
    from serbench.store.systems import Systems

    if not weights.startswith(ENTRY):
        return None
    return Systems(database).record(int(weights.removeprefix(ENTRY))).recipe


def explain_format(
    plan: StudyPlan, options: StudyOptions, manifest: Manifest, plugins: Plugins
) -> str:
    """A sentence with the clip format of a plan, the reason for each part, and its cuts."""
    usual = _defaults(plan.backbone, plan.front_end, manifest, plugins)
    required = plugins.front_ends.get(plan.front_end).sample_rate
    effect = length_effect(manifest.utterances, plan.clip_format.seconds)
    reasons = {
        "seconds": f"default, which is at most {MOST_TENTHS // 10} s"
        if 10 * effect.cut > len(manifest)
        else "default, cuts at most one recording in ten",
        "sample_rate": "default" if required is None else f"required by {plan.front_end}",
        "level": "default",
        "padding": f"default, since {plan.backbone} "
        + ("ignores padding" if usual["padding"] == "zeros" else "cannot ignore padding"),
    }
    chosen = vars(plan.clip_format)
    for name in reasons:
        if getattr(options, name):
            reasons[name] = f"from --{name.replace('_', '-')}"
        elif chosen[name] != usual[name]:
            reasons[name] = "from the entry with the initial weights"
    return (
        f"clips: {chosen['seconds']:g} s ({reasons['seconds']}), {chosen['sample_rate']:,} Hz "
        f"({reasons['sample_rate']}), level {chosen['level']} ({reasons['level']}), padding "
        f"{chosen['padding']} ({reasons['padding']}); {effect.cut:,} of {len(manifest):,} "
        f"recordings are cut, which loses {100 * effect.lost:.1f} % of the sound"
    )


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
