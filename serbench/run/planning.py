"""The plans of studies, made from the command line, the study file and the defaults."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from difflib import get_close_matches
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from serbench.data.names import LONGEST_NUMBER
from serbench.data.regular import check_regular
from serbench.errors import StudyFileError, UnknownNameError, UsageError
from serbench.notices import notice
from serbench.run.clip_format import PARTS, choose_format, parent_recipe
from serbench.run.options import COMBINED, ENTRY, SearchBounds, StudyOptions

if TYPE_CHECKING:
    from serbench.data.manifest import Manifest
    from serbench.model.backbone import Backbone
    from serbench.model.head import Head
    from serbench.plugins import Plugins
    from serbench.search.plan import StudyPlan
    from serbench.store.database import Database
    from serbench.workspace import Workspace

DEEPEST = 1000
"""Most dots on a line of a study file: tomllib takes quadratic memory for keys with many parts."""

READOUT = "readout"

OF_ONE_BACKBONE = ("weights", "front_end", READOUT)
"""Options whose values belong to one backbone."""

BUDGET = frozenset({"minutes", "timeout"})
"""Two options for one time limit: one on the command line overrides either in the study file."""


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


def read_options(given: Mapping[str, Any], file: Path | None, plugins: Plugins) -> StudyOptions:
    """The options from the command line, the study file and the defaults, in this priority.

    Mistakes are refused here, before a dataset is read or a corpus fetched.

    Args:
        given: option → value, from the command line.
        file: a study file in TOML, or None.
        plugins: the plugins with the registered names.

    Raises:
        StudyFileError: the file has mistakes: syntax, unknown keys, values, names.
        UsageError: the command line has mistakes; no backbone is given and none of the usual ones
            can be tried; bounds are given for a parameter that is not searched; ``nested`` is given
            for a protocol with outer folds.
    """
    from_file = {} if file is None else _read_file(file, plugins)
    if given.keys() & BUDGET:
        from_file = {name: value for name, value in from_file.items() if name not in BUDGET}
    try:
        options = StudyOptions.model_validate({**from_file, **given}, context=plugins)
    except ValidationError as error:
        mistakes = tuple(f"--{each.replace('_', '-', 1)}" for each in _mistakes(error))
        raise UsageError("; ".join(mistakes), mistakes=mistakes) from error
    if not options.backbone:
        options = _with_candidates(options, plugins)
    for name in options.search.widths:
        if name not in options.augmentations:
            raise UnknownNameError("searched augmentation", name, options.augmentations)
    _ = options.protocols
    return options


def _with_candidates(options: StudyOptions, plugins: Plugins) -> StudyOptions:
    """The options with the backbones that are tried where none is named.

    Raises:
        UsageError: none can be tried, or options are given that belong to one backbone.
    """
    from serbench.run.candidates import available

    of_one = [name for name in OF_ONE_BACKBONE if name in options.model_fields_set]
    if of_one:
        raise UsageError(
            f"--{of_one[0].replace('_', '-')} is given without a backbone: add --backbone NAME",
            missing="backbone",
        )
    names, missing = available(plugins)
    notice(f"no backbone is given, so these are tried: {', '.join(names)}")
    for each in missing:
        notice(f"{each.backbone} is left out: {each.reason}")
    return options.model_copy(update={"backbone": tuple(names)})


def _read_file(path: Path, plugins: Plugins) -> dict[str, Any]:
    try:
        check_regular(path)
        text = path.read_text(encoding="utf-8")
        if any(line.count(".") > DEEPEST for line in text.splitlines()):
            raise StudyFileError(path, [f"has a line with more than {DEEPEST} dots: write fewer"])
        values = tomllib.loads(text)
    except OSError as error:
        raise StudyFileError(
            path, [f"cannot be read ({error.strerror}); give another file with --study"]
        ) from error
    # Other errors arise from text that is not UTF-8, long numbers and deeply nested tables.
    except (ValueError, RecursionError) as error:
        raise StudyFileError(path, [f"is not valid TOML ({error})"]) from error
    try:
        StudyOptions.model_validate(values, context=plugins)
    except ValidationError as error:
        raise StudyFileError(path, _mistakes(error)) from error
    return values


def _mistakes(error: ValidationError) -> list[str]:
    """One sentence for each mistake, after the place of the value."""
    found = []
    for details in error.errors():
        names = [part for part in details["loc"] if isinstance(part, str) and part[0] != "["]
        message = details["msg"].removeprefix("Value error, ")
        if details["type"] == "extra_forbidden":
            model = SearchBounds if names[0] == "search" else StudyOptions
            nearest = get_close_matches(names[-1], model.model_fields, n=1, cutoff=0.8)
            hint = f"did you mean {nearest[0]}? " if nearest else ""
            message = f"there is no such option: {hint}choose from {', '.join(model.model_fields)}"
        found.append(f"{'.'.join(names)}: {message}")
    return found


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
        UsageError: the entry of ``weights`` does not exist, or a front end requires another sample
            rate than that of the options.
        WeightsError: that entry has another backbone, or its weights are missing.
    """
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
    plans: list[StudyPlan] = []
    fitted: dict[str, None] = {}
    for combination in _combinations(options):
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
            particular |= WITHOUT_TRAINING
        plans.append(StudyPlan(**{**common, **particular}))
    ignored = [name for name in WITHOUT_TRAINING if name in options.model_fields_set]
    if fitted and ignored:
        named = ", ".join(f"--{name.replace('_', '-')}" for name in ignored)
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
    from serbench.model.readout import ReadOut

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


def _combinations(options: StudyOptions) -> Iterator[dict[str, Any]]:
    """All combinations of the options with several values, ordered by the first option first.

    A value that is given twice counts once. An option without a value and a default is None.
    """
    values = {name: getattr(options, name) or (None,) for name in COMBINED}
    values["protocol"] = options.protocols
    for combination in product(*map(dict.fromkeys, values.values())):
        yield dict(zip(values, combination, strict=True))


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
