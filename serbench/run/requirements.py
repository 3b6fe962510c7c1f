"""The packages that serbench needs, and the optional ones that are installed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, metadata, version

from packaging.requirements import Requirement

PURPOSES = {
    "dashboard": "serbench dashboard",
    "formats": "recordings in m4a, opus, wma and other formats",
    "live": "serbench listen, and the detection of speech",
    "onnx": "serbench export, and the runtimes onnx and onnx-int8",
    "parquet": "tables of recordings in Parquet",
    "postgresql": "a database on a PostgreSQL server",
    "ray": "studies on several machines with --executor ray",
    "report": "serbench report paper",
    "site": "serbench publish, serve and plot",
}
"""Extra → what it is needed for; extras that are not listed here are for developers."""


def missing_packages() -> list[str]:
    """The required packages that are missing or too old."""
    return [
        str(each) for each in requirements_by_extra().get("", ()) if not _is_installed(each, "")
    ]


def missing_of_extras() -> dict[str, list[str]]:
    """Extra for users → its packages that are missing or too old."""
    found = requirements_by_extra()
    return {
        extra: [each.name for each in found[extra] if not _is_installed(each, extra)]
        for extra in PURPOSES
        if extra in found
    }


def requirements_by_extra() -> Mapping[str, list[Requirement]]:
    """Extra → its requirements; required packages have the extra ''."""
    try:
        about = metadata("serbench")
    except PackageNotFoundError:
        return {}
    found: dict[str, list[Requirement]] = {"": []}
    for text in about.get_all("Requires-Dist") or ():
        requirement = Requirement(text)
        extras = re.findall(r"extra == ['\"]([\w-]+)['\"]", text)
        for extra in extras or [""]:
            found.setdefault(extra, []).append(requirement)
    return found


def _is_installed(requirement: Requirement, extra: str) -> bool:
    marker = requirement.marker
    if marker is not None and not marker.evaluate({"extra": extra}):
        return True  # not needed on this system
    try:
        return requirement.specifier.contains(version(requirement.name), prereleases=True)
    except PackageNotFoundError:
        return False
