"""The options of studies, read from the command line, the study file and the defaults."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from serbench.data.regular import check_regular
from serbench.errors import StudyFileError, UnknownNameError, UsageError
from serbench.notices import notice
from serbench.run.options import READOUT, SearchBounds, StudyOptions

if TYPE_CHECKING:
    from serbench.plugins import Plugins

LARGEST = 1_000_000
"""Bytes of the largest study file."""

DEEPEST = 1000
"""Most dots on a line of a study file: tomllib takes quadratic memory for keys with many parts."""

OF_ONE_BACKBONE = ("weights", "front_end", READOUT)
"""Options whose values belong to one backbone."""

BUDGET = frozenset({"minutes", "timeout"})
"""Two options for one time limit: one on the command line overrides either in the study file."""


def read_options(given: Mapping[str, Any], file: Path | None, plugins: Plugins) -> StudyOptions:
    """The options from the command line, the study file and the defaults, in this priority.

    Mistakes are refused here, before a dataset is read or a corpus fetched.

    Args:
        given: option → value, from the command line.
        file: a study file in TOML, or None.
        plugins: the plugins with the registered names.

    Raises:
        StudyFileError: the file has mistakes: syntax, unknown keys, values, names.
        UsageError: the command line has mistakes; bounds are given for a parameter that is not
            searched; ``nested`` is given for a protocol with outer folds.
    """
    from_file = {} if file is None else _read_file(file, plugins)
    if given.keys() & BUDGET:
        from_file = {name: value for name, value in from_file.items() if name not in BUDGET}
    try:
        options = StudyOptions.model_validate({**from_file, **given}, context=plugins)
    except ValidationError as error:
        mistakes = tuple(f"--{each.replace('_', '-', 1)}" for each in _mistakes(error))
        raise UsageError("; ".join(mistakes), mistakes=mistakes) from error
    if options.augmentations is not None:
        for name in options.search.widths:
            if name not in options.augmentations:
                raise UnknownNameError("searched augmentation", name, options.augmentations)
    options.protocols(0)
    return options


def with_candidates(options: StudyOptions, plugins: Plugins) -> StudyOptions:
    """The options with the backbones that are tried, if none is named.

    Raises:
        UsageError: none can be tried, or options are given that belong to one backbone.
    """
    from serbench.run.candidates import available

    if options.backbone:
        return options
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
        check_regular(path, LARGEST)
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
