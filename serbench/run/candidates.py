"""The backbones that are tried where the user names none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from serbench.errors import SerbenchError, UsageError

if TYPE_CHECKING:
    from serbench.plugins import Plugins


@dataclass(frozen=True)
class Candidate:
    """A backbone that is tried by default.

    Attributes:
        backbone: its name.
        package: the plugin package that brings it; empty for those of serbench itself.
    """

    backbone: str
    package: str = ""


CANDIDATES = (
    Candidate("egemaps", "serbench-opensmile"),
    Candidate("whisper_tiny.en"),
    Candidate("whisper_base.en"),
    Candidate("homebrew"),
    Candidate("yamnet", "serbench-yamnet"),
    Candidate("mobilenetv3_large_100"),
)
"""In the order of the time that a study takes: fitted heads on acoustic functionals and on frozen
encoders take minutes, trained networks half an hour and more."""


@dataclass(frozen=True)
class Missing:
    """A candidate that cannot be tried, and why.

    Attributes:
        backbone: its name.
        reason: what is missing, and what to type.
    """

    backbone: str
    reason: str


def available(
    plugins: Plugins, candidates: Sequence[Candidate] = CANDIDATES
) -> tuple[list[str], list[Missing]]:
    """The candidates whose package is installed and whose weights can be had.

    Their networks are built once, which downloads weights that are not on this machine yet.

    Raises:
        UsageError: there is none.
    """
    missing = list(_missing(plugins, candidates))
    left_out = {each.backbone for each in missing}
    names = [each.backbone for each in candidates if each.backbone not in left_out]
    if not names:
        reasons = "; ".join(f"{each.backbone}: {each.reason}" for each in missing)
        raise UsageError(
            f"no backbone is given, and none of the usual ones can be tried ({reasons}): name one "
            "with --backbone",
            missing="backbone",
        )
    return names, missing


def _missing(plugins: Plugins, candidates: Sequence[Candidate]) -> Iterator[Missing]:
    from serbench.model.backbone import DEFAULT_WEIGHTS

    for candidate in candidates:
        if candidate.backbone not in plugins.backbones:
            reason = (
                f"run `pip install ./plugins/{candidate.package}` in a checkout of serbench"
                if candidate.package
                else "its plugin is disabled or failed, see `serbench plugins list`"
            )
            yield Missing(candidate.backbone, reason)
            continue
        try:
            plugins.backbones.get(candidate.backbone).build(DEFAULT_WEIGHTS)
        except SerbenchError as error:
            yield Missing(candidate.backbone, str(error))
