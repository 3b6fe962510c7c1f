"""The plans of studies, made from their options."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serbench.data.names import LONGEST_NUMBER
from serbench.errors import UsageError
from serbench.notices import notice
from serbench.run.clip_format import PARTS, choose_format, parent_recipe
from serbench.run.options import COMBINED, ENTRY, READOUT, StudyOptions

if TYPE_CHECKING:
    from serbench.data.manifest import Manifest
    from serbench.model.backbone import Backbone
    from serbench.model.head import Head
    from serbench.plugins import Plugins
    from serbench.search.plan import StudyPlan
    from serbench.store.database import Database
    from serbench.workspace import Workspace


def chosen_dataset(database: Database, asked: str | None, otherwise: str | None = None) -> str:
    """The name of a study's dataset: the one asked for, else the only one.

    Args:
        database: the database with the datasets.
        asked: the name that was given, or None.
        otherwise: the name if there is no dataset, or None; with a name the database need not
            exist.

    Raises:
        UsageError: no name was given, and there are several datasets, or none.
    """
    from serbench.store.datasets import Datasets

    if asked is not None:
        return asked
    listed = Datasets(database).datasets() if otherwise is None or database.exists else []
    names = [str(account["name"]) for account in listed]
    if not names and otherwise is not None:
        return otherwise
    if len(names) != 1:
        raise UsageError(
            f"the database has {len(names) or 'no'} datasets: "
            + (
                f"choose one with --dataset, which takes {', '.join(names)}"
                if names
                else "make one with `serbench corpus scan FOLDER --dataset NAME`"
            ),
            known=tuple(names),
        )
    return names[0]


def make_plans(
    options: StudyOptions,
    manifest: Manifest,
    plugins: Plugins,
    database: Database,
    workspace: Workspace,
) -> list[StudyPlan]:
    """The plan of each study: all combinations of the options with several values.

    Args:
        options: the options.
        manifest: the dataset.
        plugins: the plugins with the backbones and front ends.
        database: the database with the entry of ``weights``.
        workspace: folder of its weights.

    Raises:
        UsageError: the entry of ``weights`` does not exist, a front end requires another sample
            rate than that of the options, or views are asked for without augmentations.
        WeightsError: that entry has another backbone, or its weights are missing.
    """
    from serbench.model.recipe import HEAD, WIDTH
    from serbench.search.plan import WITHOUT_TRAINING, StudyPlan

    single = StudyOptions.model_fields.keys() - COMBINED
    common = {
        **{
            each.name: getattr(options, each.name)
            for each in fields(StudyPlan)
            if each.name in single
        },
        "dataset": manifest.name,
        "dataset_hash": manifest.hash,
        "timeout": options.budget,
        "bounds": options.search.by_parameter(),
    }
    # Views are augmented once, whether the head is then fitted or trained.
    kept = (HEAD, WIDTH) if options.views else (HEAD,)
    without = {
        name: value
        for name, value in WITHOUT_TRAINING.items()
        if not (options.views and name == "augmentations")
    }
    plans: list[StudyPlan] = []
    fitted: dict[str, None] = {}
    for combination in _combinations(options, len(set(manifest.speakers.tolist()))):
        backbone = combination["backbone"]
        declared = plugins.backbones.get(backbone)
        front_end = combination["front_end"] or declared.front_end
        head = plugins.heads.get(combination["head"] or declared.head)
        weights = _weights(combination["weights"], backbone, manifest, plugins, database, workspace)
        # The network of an entry has no layers after those that its head uses.
        parent = parent_recipe(combination["weights"], database)
        fixed = combination[READOUT] or (None if parent is None else parent.readout)
        particular: dict[str, Any] = {
            **{
                name: value
                for name, value in combination.items()
                if name not in PARTS and name != READOUT
            },
            "front_end": front_end,
            "head": head.name,
            "augmentations": tuple(
                declared.augmentations if options.augmentations is None else options.augmentations
            ),
            "readouts": _readouts(declared, head, [fixed] if fixed else options.search.readouts),
            "weights": weights,
        }
        particular["clip_format"] = choose_format(
            combination,
            backbone,
            front_end,
            manifest,
            plugins,
            None if parent is None else parent.clip_format,
        )
        if head.is_fitted:
            fitted.setdefault(head.name)
            particular |= without
            bounds = common["bounds"]
            particular["bounds"] = {name: bounds[name] for name in bounds if name.startswith(kept)}
        if options.views and not particular["augmentations"]:
            raise UsageError(
                "--views makes views with augmentations, and there are none: add --augmentations "
                "octave-gain,noise,time-window, or others of `serbench plugins`",
                backbone=backbone,
                views=options.views,
            )
        plans.append(StudyPlan(**{**common, **particular}))
    given = [name for name in without if name in options.model_fields_set]
    ignored = [f"--{name.replace('_', '-')}" for name in given]
    ignored += [f"[search] {name}" for name in common["bounds"] if not name.startswith(kept)]
    if fitted and ignored:
        named = ", ".join(ignored)
        notice(f"{named} has no effect on head {', '.join(fitted)}, which is fitted in one step")
    return list({plan.key: plan for plan in plans}.values())


def _readouts(backbone: Backbone, head: Head, wanted: Sequence[str]) -> tuple[str, ...]:
    """The read-outs of a study, the initial one first.

    Args:
        backbone: declares read-outs and taps.
        head: receives vectors or frames.
        wanted: those that the user named; by default all that the backbone declares.

    Raises:
        UsageError: a read-out is not possible, or the head cannot use it.
    """
    from serbench.model.readout import MEAN_AND_DEVIATION, ReadOut

    declared = [ReadOut.parse(text, backbone.taps) for text in backbone.readouts]
    of_frames = {tap for readout in declared if readout.pooling for tap in readout.taps}
    found = []
    for text in wanted or backbone.readouts:
        readout = ReadOut.parse(text, backbone.taps)
        if head.takes_frames and readout.pooling:
            if wanted:
                raise UsageError(
                    f"head {head.name} takes frames, not vectors: write --readout "
                    f"{readout.unpooled.text(backbone.taps)}",
                    head=head.name,
                    readout=text,
                )
            readout = readout.unpooled
        if not (head.takes_frames or readout.pooling) and of_frames.intersection(readout.taps):
            pooled = replace(readout, pooling=MEAN_AND_DEVIATION)
            raise UsageError(
                f"head {head.name} takes vectors, not frames: write --readout "
                f"{pooled.text(backbone.taps)}",
                head=head.name,
                readout=text,
            )
        if head.is_fitted and readout.weighted:
            if wanted:
                raise UsageError(
                    f"head {head.name} is fitted and cannot learn the weights of taps: leave out "
                    "/weighted, or give another --head, such as linear",
                    head=head.name,
                    readout=text,
                )
            continue
        found.append(readout.text(backbone.taps))
    return tuple(dict.fromkeys(found))


def _combinations(options: StudyOptions, n_speakers: int) -> Iterator[dict[str, Any]]:
    """All combinations of the options with several values, ordered by the first option first.

    A value that is given twice counts once. An option without a value and a default is None.
    """
    values = {name: getattr(options, name) or (None,) for name in COMBINED}
    values["protocol"] = options.protocols(n_speakers)
    for combination in product(*map(dict.fromkeys, values.values())):
        yield dict(zip(values, combination, strict=True))


def explain_augmentations(plan: StudyPlan, options: StudyOptions) -> str:
    """A sentence with the augmentations of a plan and the reason for them."""
    named = ", ".join(plan.augmentations) or "none"
    if plan.views:
        reason = f"{plan.views} views of each training clip, beside the clean clip"
    elif plan.is_fitted:
        reason = f"head {plan.head} is fitted once to the features of all training clips"
    elif options.augmentations is not None:
        reason = "from --augmentations"
    else:
        reason = f"default of {plan.backbone}"
        if not plan.augmentations:
            reason += ", so that features are computed once wherever all of it is frozen"
    return f"augmentations: {named} ({reason})"


def differing(plans: Sequence[StudyPlan]) -> list[str]:
    """The options in which plans differ, in the order of ``StudyOptions``."""
    values = {name: {option_value(plan, name) for plan in plans} - {None} for name in COMBINED}
    return [name for name, found in values.items() if len(found) > 1]


def option_value(plan: StudyPlan, name: str) -> Any:
    """The value that a plan has for an option of ``COMBINED``.

    None for an option of training where the head is fitted.
    """
    from serbench.search.plan import WITHOUT_TRAINING

    if plan.is_fitted and name in WITHOUT_TRAINING:
        return None
    if name == READOUT:
        return ", ".join(plan.readouts)
    return getattr(plan.clip_format if name in PARTS else plan, name)


def _weights(
    weights: str,
    backbone: str,
    manifest: Manifest,
    plugins: Plugins,
    database: Database,
    workspace: Workspace,
) -> str:
    """``default``, ``none``, or the path of a file; an entry's network is written to one."""
    from serbench.model.backbone import DEFAULT_WEIGHTS, NO_WEIGHTS
    from serbench.run.warm_start import warm_start

    if weights in (DEFAULT_WEIGHTS, NO_WEIGHTS):
        return weights
    if not weights.startswith(ENTRY):
        return str(Path(weights).absolute())
    number = weights.removeprefix(ENTRY)
    if not number.isdecimal() or len(number) > LONGEST_NUMBER:
        raise UsageError(
            f"--weights {weights} names no entry: give the number of an entry in `serbench "
            "leaderboard`, such as entry:1",
            weights=weights,
        )
    known = plugins.backbones.get(backbone)
    return str(warm_start(int(number), known, manifest.emotions, database, workspace))
