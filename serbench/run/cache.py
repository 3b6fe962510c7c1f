"""The content of the cache folder: features of frozen backbones, and prepared clips."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from serbench.data.clip_files import clear_clips, stored_clips
from serbench.execute.feature_cache import FeatureCache

if TYPE_CHECKING:
    from serbench.workspace import Workspace

FEATURES, CLIPS = "features", "clips"


@dataclass(frozen=True)
class Cached:
    """Features of one tap, or the prepared clips of one dataset in one format.

    Attributes:
        kind: ``features`` or ``clips``.
        dataset: name of the dataset when its clips were prepared; empty where it is not known.
        backbone: name of the backbone; empty for clips.
        front_end: name of the front end; empty for clips.
        weights: identity of the weights of the backbone; empty for clips.
        tap: tap and pooling, or ``lengths``; empty for clips.
        view: number of the augmented view and its augmentations; empty for clean clips.
        clip_format: sample rate, length, level and padding of the clips.
        bytes: size on the disk.
        used: when features were used last, or clips were prepared; ISO 8601 in UTC.
    """

    kind: str
    dataset: str
    backbone: str
    front_end: str
    weights: str
    tap: str
    view: str
    clip_format: str
    bytes: int
    used: str


def cached(workspace: Workspace) -> list[Cached]:
    """All features and all prepared clips in the cache folder, features first."""
    clips = stored_clips(workspace.clips)
    names = {each.place.name: str(each.facts.get("dataset", "")) for each in clips}
    features = [
        Cached(
            kind=FEATURES,
            dataset=names.get(str(stored.about.get("clips", "")), ""),
            backbone=str(stored.about.get("backbone", "")),
            front_end=str(stored.about.get("front end", "")),
            weights=str(stored.about.get("weights", "")),
            tap=str(stored.about.get("name", "")),
            view=_view(stored.about.get("view", {})),
            clip_format=_format(stored.about.get("format", {})),
            bytes=stored.size,
            used=_time(stored.used),
        )
        for stored in FeatureCache(workspace.cache / FEATURES).stored()
    ]
    prepared = [
        Cached(
            kind=CLIPS,
            dataset=names[stored.place.name],
            backbone="",
            front_end="",
            weights="",
            tap="",
            view="",
            clip_format=_format(stored.facts),
            bytes=stored.size,
            used=_time(stored.used),
        )
        for stored in clips
    ]
    return [*features, *prepared]


def clear_cache(workspace: Workspace, features: bool, clips: bool) -> int:
    """Delete features, prepared clips, or both; returns the number of freed bytes.

    All of it is made again when it is needed. A process that uses it keeps what it has mapped.
    """
    freed = 0
    if features:
        freed += FeatureCache(workspace.cache / FEATURES).clear()
    if clips:
        freed += clear_clips(workspace.clips)
    return freed


def _view(view: Mapping[str, Any]) -> str:
    """An augmented view in words; empty of clean clips."""
    widths = ", ".join(f"{name} {width:g}" for name, width in view.get("widths", ()))
    return f"{view.get('number')}: {widths}" if widths else ""


def _format(values: Mapping[str, Any]) -> str:
    """A clip format in words; empty where it is not known."""
    parts = [values.get(name) for name in ("sample_rate", "seconds", "level", "padding")]
    if None in parts:
        return ""
    rate, seconds, level, padding = parts
    return f"{rate} Hz, {seconds:g} s, {level}, {padding}"


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
