"""``serbench plugins new``: the package of a working plugin, for its author to change."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from string import Template

from serbench.errors import StorageError, UsageError
from serbench.plugins import HOOKS, group_of

KINDS = {kind.replace(" ", "-"): kind for kind in HOOKS}
"""Kind as typed on the command line → kind as written everywhere else."""

GOOD_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def plugin_name(typed: str) -> str:
    """A name in the registered form: lower-case words with hyphens, without ``serbench-``.

    Raises:
        UsageError: the typed text cannot be turned into such a name.
    """
    name = re.sub(r"[-_. ]+", "-", typed.strip().lower()).removeprefix("serbench-")
    if not GOOD_NAME.fullmatch(name):
        raise UsageError(
            f"'{typed}' is not a valid plugin name: use letters, digits and hyphens, and begin "
            "with a letter"
        )
    return name


def write_plugin(name: str, kind: str, folder: Path) -> list[Path]:
    """Write the package of a plugin that registers one working object.

    Args:
        name: as given by ``plugin_name``.
        kind: one of ``KINDS``.
        folder: where the folder ``serbench-NAME`` of the package is made.

    Returns:
        the files written, ``pyproject.toml`` first.

    Raises:
        UsageError: the folder exists already.
        StorageError: the folder cannot be written.
    """
    package = f"serbench-{name}"
    module = package.replace("-", "_")
    source = kind.replace("-", "_")
    test = "test_corpus.py.template" if kind == "corpus" else "test.py.template"
    wanted = {
        "pyproject.toml": "pyproject.toml.template",
        "README.md": "README.md.template",
        f"{module}.py": f"{source}.py",
        f"tests/test_{module}.py": test,
    }
    values = {
        "name": name,
        "package": package,
        "module": module,
        "kind": KINDS[kind],
        "hook": HOOKS[KINDS[kind]],
        "group": group_of(KINDS[kind]),
    }
    home = folder / package
    templates = files("serbench.cli") / "plugin_template"
    try:
        home.mkdir(parents=True)
        (home / "tests").mkdir()
        for file, template in wanted.items():
            text = (templates / template).read_text(encoding="utf-8")
            (home / file).write_text(Template(text).substitute(values), encoding="utf-8")
    except FileExistsError as error:
        raise UsageError(f"{home} exists already: choose another name or --out DIR") from error
    except OSError as error:
        raise StorageError(
            f"{home} cannot be written ({error.strerror}): choose another folder with --out DIR"
        ) from error
    return [home / file for file in wanted]
