"""The backbones that are tried where the user names none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from serbench.errors import SerbenchError, UnknownNameError, UsageError

if TYPE_CHECKING:
    from serbench.data.manifest import Manifest
    from serbench.plugins import Plugins
    from serbench.search.plan import StudyPlan
    from serbench.store.database import Database
    from serbench.workspace import Workspace


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
    plugins: Plugins,
    candidates: Sequence[Candidate] = CANDIDATES,
    weights: Mapping[str, str] | None = None,
) -> tuple[list[str], list[Missing]]:
    """The candidates whose package is installed and whose weights can be had.

    Their networks are built once, which downloads weights that are not on this machine yet.

    Args:
        plugins: the plugins with the backbones.
        candidates: the candidates.
        weights: backbone → its weights, where these are not the published ones.

    Raises:
        UsageError: there is none.
    """
    missing = list(_missing(plugins, candidates, weights or {}))
    left_out = {each.backbone for each in missing}
    names = [each.backbone for each in candidates if each.backbone not in left_out]
    if not names:
        reasons = "; ".join(f"{each.backbone}: {each.reason}" for each in missing)
        raise UsageError(
            f"none of the candidates can be tried ({reasons}): name another one with --backbone",
            missing="backbone",
        )
    return names, missing


def _missing(
    plugins: Plugins, candidates: Sequence[Candidate], weights: Mapping[str, str]
) -> Iterator[Missing]:
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
        chosen = weights.get(candidate.backbone, DEFAULT_WEIGHTS)
        try:
            plugins.backbones.get(candidate.backbone).build(chosen)
        except SerbenchError as error:
            yield Missing(candidate.backbone, str(error))


def weights_of(pairs: Sequence[str]) -> dict[str, str]:
    """Backbone → weights, from ``BACKBONE=FILE`` as typed.

    Raises:
        UsageError: a text has another form, names a backbone twice, or the file does not exist.
    """
    from serbench.data.regular import is_file
    from serbench.model.backbone import DEFAULT_WEIGHTS, NO_WEIGHTS

    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (name and equals and value) or name in found:
            raise UsageError(
                f"--weights {pair} cannot be used: write BACKBONE=FILE, once for each backbone",
                weights=pair,
            )
        if value not in (DEFAULT_WEIGHTS, NO_WEIGHTS) and not is_file(Path(value)):
            raise UsageError(f"--weights {pair}: there is no file {value}", weights=pair)
        found[name] = value
    return found


def plan_candidates(
    asked: Mapping[str, Any],
    weights: Mapping[str, str],
    manifest: Manifest,
    plugins: Plugins,
    database: Database,
    workspace: Workspace,
) -> tuple[dict[str, StudyPlan], list[Missing]]:
    """The plan of each candidate that can be tried, by its name, and the others.

    Args:
        asked: option of ``StudyOptions`` → value; ``backbone`` names the candidates, which by
            default are the usual ones.
        weights: backbone → its weights, where these are not the published ones.
        manifest: the dataset.
        plugins: the plugins with the backbones.
        database: the database of the results.
        workspace: folders of clips and weights.

    Raises:
        UsageError: no candidate can be tried, an option is not valid, or there are several
            protocols.
        UnknownNameError: weights are given for a backbone that is no candidate.
        DatasetError: the protocol cannot split the dataset.
    """
    from serbench.data.protocols import parse_protocol, split_dataset
    from serbench.run.planning import make_plans
    from serbench.run.study_file import read_options

    options = read_options({**asked, "dataset": manifest.name}, None, plugins)
    names = options.backbone or tuple(each.backbone for each in CANDIDATES)
    for name in weights:
        if name not in names:
            raise UnknownNameError("candidate with weights", name, names)
    protocols = options.protocols(len(set(manifest.speakers.tolist())))
    if len(protocols) > 1:
        raise UsageError(
            "a search compares its candidates under one protocol: give --protocol once",
            protocols=protocols,
        )
    [protocol] = protocols
    if len(split_dataset(manifest, parse_protocol(protocol)).outer_folds) > 1:
        raise UsageError(
            f"protocol {protocol} has several searches, among which no time can be shared: use "
            "`serbench study run` for it, or another --protocol",
            protocols=protocols,
        )
    known = {each.backbone: each for each in CANDIDATES}
    found, missing = available(
        plugins, [known.get(name, Candidate(name)) for name in dict.fromkeys(names)], weights
    )
    plans = {}
    for name in found:
        own = {"backbone": (name,)} | ({"weights": (weights[name],)} if name in weights else {})
        alone = read_options({**asked, **own, "dataset": manifest.name}, None, plugins)
        [plans[name]] = make_plans(alone, manifest, plugins, database, workspace)
    return plans, missing
