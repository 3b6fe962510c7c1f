"""Features of frozen backbones: computed once for all clips, and given to heads."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from serbench.errors import DivergedError
from serbench.execute.feature_cache import Array, FeatureCache
from serbench.execute.feature_views import CLEAN, Features, View, ViewedFeatures
from serbench.model.backbone import Backbone
from serbench.model.network import EmotionNetwork
from serbench.model.readout import MEAN, MEAN_AND_DEVIATION, ReadOut, pool
from serbench.model.training import pick_device
from serbench.model.weights import require_finite

if TYPE_CHECKING:
    from serbench.execute.executor import Channel
    from serbench.execute.job import Material
    from serbench.model.recipe import Recipe
    from serbench.plugins import Plugins

LENGTHS = "lengths"
TOGETHER = 32
"""Number of clips that a frozen backbone processes at a time."""


@dataclass(frozen=True)
class FeatureProgress:
    """A message of a job: of how many clips the features are computed.

    Attributes:
        done: number of clips, each view of a clip counted as one.
        total: number of all clips.
    """

    done: int
    total: int


@dataclass(frozen=True, eq=False)
class FrozenPart:
    """Front end and backbone of a network of which only the head is trained.

    Attributes:
        front_end: waveforms → feature images.
        module: feature images → features.
        reader: the plugin that has built the backbone.
        weights: identity of its weights.
        widths: size of each tap.
        head: the last layer that was loaded with it, or None.
    """

    front_end: nn.Module
    module: nn.Module
    reader: Backbone
    weights: str
    widths: Mapping[str, int]
    head: Mapping[str, Tensor] | None


class FrozenParts:
    """Builds frozen parts and computes their features; the last part built is kept.

    Args:
        plugins: plugins with front ends and backbones.
        cache: where features are kept.
    """

    def __init__(self, plugins: Plugins, cache: FeatureCache | None = None) -> None:
        self._plugins = plugins
        self._cache = cache
        self._kept: tuple[Any, FrozenPart] | None = None

    @cached_property
    def cache(self) -> FeatureCache:
        """Where features are kept."""
        return self._cache or FeatureCache()

    def part(self, recipe: Recipe, material: Material) -> FrozenPart:
        """The front end and the backbone of a recipe, in evaluation mode.

        Raises:
            SerbenchError: a name is unknown, or weights are not available.
        """
        n_classes = len(material.manifest.emotions)
        key = (recipe.backbone, recipe.front_end, recipe.weights, recipe.clip_format, n_classes)
        if self._kept is not None and self._kept[0] == key:
            return self._kept[1]
        backbone = self._plugins.backbones.get(recipe.backbone)
        weights = material.weights_files.get(recipe.weights, recipe.weights)
        built = backbone.build(weights, n_classes)
        require_finite(built.module.state_dict(), f"{recipe.backbone} with {recipe.weights}")
        front_end = self._plugins.front_ends.get(recipe.front_end)
        part = FrozenPart(
            front_end.build(recipe.clip_format, backbone.input_spec()).eval(),
            built.module.eval().requires_grad_(False),
            backbone,
            built.weights,
            built.widths,
            built.head,
        )
        self._kept = (key, part)
        return part

    def viewed(
        self,
        recipe: Recipe,
        widths: Mapping[str, float],
        material: Material,
        readout: ReadOut,
        taps: Sequence[str],
        channel: Channel,
    ) -> ViewedFeatures:
        """The features of all clips, and of the views that the recipe has of them.

        Args:
            recipe: front end, backbone, weights, and number and augmentations of the views.
            widths: augmentation → its width in the views.
            material: the clips.
            readout: taps and pooling.
            taps: taps that will be needed as well; what is missing of them is computed together.
            channel: receives `FeatureProgress`.

        Raises:
            SerbenchError: as of ``features``.
        """
        acting = [
            (self._plugins.augmentations.get(name), widths[name]) for name in recipe.augmentations
        ]
        views = [CLEAN, *(View(number, acting) for number in range(1, recipe.views + 1))]
        return ViewedFeatures(
            [
                self.features(recipe, material, readout, taps, channel, view, len(views))
                for view in views
            ]
        )

    def features(
        self,
        recipe: Recipe,
        material: Material,
        readout: ReadOut,
        taps: Sequence[str],
        channel: Channel,
        view: View = CLEAN,
        views: int = 1,
    ) -> Features:
        """The features of all clips, or of one view of them.

        Args:
            recipe: front end, backbone and weights.
            material: the clips.
            readout: taps and pooling.
            taps: taps that will be needed as well; what is missing of them is computed together.
            channel: receives `FeatureProgress`.
            view: the view.
            views: number of all views of the clips, for the progress.

        Raises:
            Cancelled: the features are no longer needed.
            DivergedError: a feature is NaN or infinite.
            StorageError: they cannot be kept.
        """
        part = self.part(recipe, material)
        pooled = bool(readout.pooling)
        wanted = [tap for tap in part.reader.taps if tap in {*taps, *readout.taps}]
        names = [f"{tap}/{MEAN_AND_DEVIATION}" if pooled else tap for tap in wanted]
        source = {
            "clips": material.clips.content,
            "format": asdict(material.clips.format),
            "front end": recipe.front_end,
            "backbone": recipe.backbone,
            "weights": part.weights,
            "versions": self._versions(recipe),
        }
        if view.number:
            source["view"] = {
                "number": view.number,
                "widths": [(each.name, width) for each, width in view.widths],
                "versions": [
                    self._plugins.version_of(self._plugins.augmentations.owners()[each.name])
                    for each, _ in view.widths
                ],
            }

        def compute(missing: Sequence[str]) -> dict[str, Array]:
            before = torch.get_num_threads()
            torch.set_num_threads(material.threads or before)
            try:
                return _computed(part, material, missing, channel, view, views)
            finally:
                torch.set_num_threads(before)

        found = self.cache.arrays(source, [*names, *([] if pooled else [LENGTHS])], compute)
        by_tap = dict(zip(wanted, names, strict=True))
        parts = [found[by_tap[tap]] for tap in readout.taps]
        if readout.pooling == MEAN:
            parts = [array[:, : array.shape[1] // 2] for array in parts]
        lengths = material.clips.lengths if pooled else found[LENGTHS].astype(np.int64)
        return Features(parts, lengths)

    def _versions(self, recipe: Recipe) -> list[str]:
        """The packages of front end and backbone with their versions."""
        named = (
            (self._plugins.front_ends, recipe.front_end),
            (self._plugins.backbones, recipe.backbone),
        )
        return [self._plugins.version_of(registry.owners()[name]) for registry, name in named]


def _computed(
    part: FrozenPart,
    material: Material,
    names: Sequence[str],
    channel: Channel,
    view: View,
    views: int,
) -> dict[str, Array]:
    """The arrays of these names, of a view of all clips."""
    clips = material.clips
    device = pick_device()
    taps = [name.partition("/")[0] for name in names if name != LENGTHS] or [part.reader.taps[-1]]
    module = part.reader.cut(copy.deepcopy(part.module), taps)
    network = EmotionNetwork(
        part.front_end, module, nn.Identity(), part.reader, ReadOut(tuple(taps))
    ).to(device)
    arrays: dict[str, Array] = {}
    network.eval()
    with torch.inference_mode():
        for start in range(0, len(clips), TOGETHER):
            channel.check()
            rows = np.arange(start, min(start + TOGETHER, len(clips)))
            waveforms = clips.batch(rows)
            waveform = torch.from_numpy(waveforms).to(device)
            all_lengths = torch.from_numpy(clips.lengths[rows]).to(device)
            lengths = all_lengths if network.takes_lengths else None
            if view.number:
                random = view.generators(waveforms)
                waveform, lengths = view.augmented(waveform, lengths, "waveform", random)
            image, columns = network.images(waveform, lengths)
            if view.number:
                image, columns = view.augmented(image, columns, "features", random)
            features = part.reader.features(module, image, columns, taps)
            if view.number:
                features = view.of_frames(features, random)
            for name in names:
                value = _value(name, features.taps, features.lengths, len(rows)).cpu().numpy()
                if name not in arrays:
                    arrays[name] = np.empty((len(clips), *value.shape[1:]), np.float32)
                arrays[name][rows] = value
            done = view.number * len(clips) + int(rows[-1]) + 1
            channel.send(FeatureProgress(done, views * len(clips)))
    wrong = {
        int(row)
        for array in arrays.values()
        for row in np.flatnonzero(~np.isfinite(array.reshape(len(array), -1)).all(axis=1))
    }
    if wrong:
        raise DivergedError(
            f"the features of {len(wrong)} of {len(clips)} clips are NaN or infinite",
            rows=tuple(sorted(wrong)),
        )
    return arrays


def _value(name: str, taps: Mapping[str, Tensor], lengths: Tensor | None, clips: int) -> Tensor:
    """The value of an array for one batch."""
    tap, _, pooling = name.partition("/")
    if name != LENGTHS:
        return pool(taps[tap], lengths, pooling)
    first = next(iter(taps.values()))
    frames = first.shape[1] if first.dim() == 3 else 1
    return torch.full((clips,), float(frames)) if lengths is None else lengths.float()
