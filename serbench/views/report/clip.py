"""Exhibit 2: a clip at each step from the recording to the input of the network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from serbench.data.audio import read_audio
from serbench.data.cells import Cell
from serbench.data.clips import ClipFormat, standardise
from serbench.data.manifest import Utterance
from serbench.errors import DatasetError, SerbenchError
from serbench.model.augment import Augmentation
from serbench.model.batches import augment
from serbench.model.frontend import InputSpec
from serbench.plugins import Plugins
from serbench.views.report.exhibit import Exhibit
from serbench.views.report.material import Entry, Material
from serbench.views.report.style import COLOURS, GREY, IMAGES, new_figure
from serbench.views.tables import markdown_table

STRETCHES = 700
"""Number of equal parts of the waveform; the lowest and highest sample of each part are drawn."""

SEED = 6
"""Seed with which the shift and every mask are visible."""

Image = npt.NDArray[np.float32]


@dataclass(frozen=True)
class ClipSteps:
    """One clip at four steps.

    Attributes:
        utterance: the utterance of the clip.
        entry: entry with the front end and the backbone.
        clip_format: rate and length of the clip.
        spec: the input that the backbone expects.
        augmentations: names and widths of the augmentations that were applied.
        envelope: lowest and highest sample of each part, ``[2, STRETCHES]``, full scale ±1.
        features: the front end's image before the backbone's mean and deviation, ``[F, T]``.
        augmented: the same image for the augmented clip.
        seen: the first channel of the network's input in training, ``[height, width]``.
    """

    utterance: Utterance
    entry: Entry
    clip_format: ClipFormat
    spec: InputSpec
    augmentations: dict[str, float]
    envelope: Image
    features: Image
    augmented: Image
    seen: Image


def clip_steps(material: Material, plugins: Plugins) -> ClipSteps:
    """Compute the steps for the dataset's first utterance and the first entry trained here.

    The augmentations are those whose initial width is greater than 0, as in the paper, each with
    that width.

    Raises:
        SerbenchError: the recording is missing or has changed; a plugin is missing.
    """
    utterance, entry = material.manifest.utterances[0], material.trained
    clip_format = None if entry is None else entry.clip_format
    if entry is None or clip_format is None:
        raise SerbenchError("all entries were imported, so that the input of a network is unknown")
    audio = read_audio(utterance.path, utterance.channel)
    if audio.content_hash != utterance.audio_hash:
        raise DatasetError(
            f"{utterance.path} has changed since it was scanned: scan its folder again"
        )
    waveform = standardise(audio.mono, audio.sample_rate, clip_format)
    spec = plugins.backbones.get(entry.backbone).input_spec()
    plain = InputSpec(1, spec.height, spec.width, mean=(0.0,), std=(1.0,))
    front_end = plugins.front_ends.get(entry.front_end)
    widths = [
        (found, found.widths.initial) for found in plugins.augmentations if found.widths.initial > 0
    ]

    def image(spec: InputSpec, widths: list[tuple[Augmentation, float]]) -> Image:
        batch = torch.from_numpy(waveform)[None]
        random = torch.Generator().manual_seed(SEED)
        batch, _ = augment(batch, "waveform", widths, random)
        features = front_end.build(clip_format, spec)(batch)
        features, _ = augment(features, "features", widths, random)
        found: Image = features[0, 0].numpy()
        return found

    with torch.inference_mode():
        return ClipSteps(
            utterance=utterance,
            entry=entry,
            clip_format=clip_format,
            spec=spec,
            augmentations={found.name: width for found, width in widths},
            envelope=envelope(waveform, STRETCHES),
            features=image(plain, []),
            augmented=image(plain, widths),
            seen=image(spec, widths),
        )


def envelope(waveform: Image, stretches: int) -> Image:
    """Lowest and highest sample of each of ``stretches`` equal parts, ``[2, stretches]``."""
    parts = np.array_split(waveform, min(stretches, len(waveform)))
    return np.array([[part.min() for part in parts], [part.max() for part in parts]])


def clip(material: Material, plugins: Plugins) -> Exhibit:
    """A clip as waveform, spectrogram, augmented spectrogram, and input of the network.

    Where the recording or a plugin is missing, the exhibit has no figure and gives the reason.
    """
    name, title = "2-clip", "A clip from the recording to the input of the network"
    try:
        steps = clip_steps(material, plugins)
    except SerbenchError as error:
        return Exhibit(name, title, f"**No figure: {error}**", [], "", None)
    spec, clip_format, entry = steps.spec, steps.clip_format, steps.entry
    return Exhibit(
        name=name,
        title=title,
        caption=f"The dataset's first utterance ({steps.utterance.emotion}, speaker "
        f"{steps.utterance.speaker}): brought to {clip_format.sample_rate:,} Hz and "
        f"{clip_format.seconds:g} s; front end `{entry.front_end}` fitted to `{entry.backbone}`; "
        "one random draw of the training augmentations at their initial widths, which are the "
        f"paper's; and the input of {entry.backbone}, normalised with its own mean and standard "
        "deviation. The numbers of the paper's figure are not available.",
        data=_data(steps),
        body=markdown_table(
            ["step", ">value"],
            [
                ["recording", f"{steps.utterance.sample_rate:,} Hz"],
                ["clip", f"{clip_format.sample_rate:,} Hz, {clip_format.samples:,} samples"],
                *(
                    [found, f"up to {100 * width:g} %"]
                    for found, width in steps.augmentations.items()
                ),
                ["network input", _size(spec)],
            ],
        ),
        draw=lambda: _draw(steps),
    )


def _size(spec: InputSpec) -> str:
    channels = "1 channel" if spec.channels == 1 else f"{spec.channels} equal channels"
    return f"{channels} of {spec.height} × {spec.width}"


def _data(steps: ClipSteps) -> list[dict[str, Cell]]:
    seconds = steps.clip_format.seconds
    stretch = seconds / steps.envelope.shape[1]
    records: list[dict[str, Cell]] = [
        {"panel": "waveform", "seconds": round(number * stretch, 6), "row": row, "value": value}
        for row, values in zip(("lowest", "highest"), steps.envelope.tolist(), strict=True)
        for number, value in enumerate(values)
    ]
    for panel in ("features", "augmented", "seen"):
        image: Image = getattr(steps, panel)
        column = seconds / image.shape[1]
        records += [
            {"panel": panel, "seconds": round(number * column, 6), "row": row, "value": value}
            for row, values in enumerate(image.tolist())
            for number, value in enumerate(values)
        ]
    return records


def _draw(steps: ClipSteps) -> Figure:
    seconds, front_end = steps.clip_format.seconds, steps.entry.front_end
    figure = new_figure(4.6)
    [[waveform, features], [augmented, seen]] = figure.subplots(2, 2)
    times = np.linspace(0, seconds, steps.envelope.shape[1])
    waveform.fill_between(times, *steps.envelope, color=COLOURS[0], linewidth=0.4)
    waveform.set_title(f"1  waveform, {steps.clip_format.sample_rate:,} Hz", loc="left")
    waveform.set_ylabel("amplitude (full scale ±1)")
    waveform.set_xlim(0, seconds)
    limits = float(steps.features.min()), float(steps.features.max())
    in_time = (0, seconds, 0, steps.features.shape[0])
    for axes, image, title in (
        (features, steps.features, f"2  {front_end} spectrogram"),
        (augmented, steps.augmented, "3  augmented for training"),
    ):
        _show(figure, axes, image, in_time, limits, "feature value")
        axes.set_title(title, loc="left")
        axes.set_ylabel(f"{front_end} band")
    for axes in (waveform, features, augmented):
        axes.set_xlabel("time (s)")
    height, width = steps.seen.shape
    limits = float(steps.seen.min()), float(steps.seen.max())
    _show(figure, seen, steps.seen, (0, width, 0, height), limits, "normalised value")
    seen.set_title("4  input of the network", loc="left")
    seen.set_xlabel(f"column of the image ({_size(steps.spec)})")
    seen.set_ylabel("row of the image")
    return figure


def _show(
    figure: Figure,
    axes: Axes,
    image: Image,
    extent: tuple[float, float, float, float],
    limits: tuple[float, float],
    label: str,
) -> None:
    shown = axes.imshow(
        image,
        origin="lower",
        aspect="auto",
        cmap=IMAGES,
        extent=extent,
        vmin=limits[0],
        vmax=limits[1],
        interpolation="nearest",
    )
    axes.tick_params(color=GREY)
    figure.colorbar(shown, ax=axes, label=label)
