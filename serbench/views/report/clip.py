"""Exhibit 2: a clip on its way from the recording to what the network sees."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from serbench.data.audio import read_audio
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
from serbench.views.report.table import Cell
from serbench.views.tables import markdown_table

STRETCHES = 700
"""The waveform is drawn as the lowest and highest sample of so many stretches."""

SEED = 6
"""A draw in which the shift and every mask can be seen."""

Image = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Journey:
    """One clip at four stations.

    Attributes:
        utterance: whose recording.
        entry: whose front end and backbone.
        clip_format: rate and length of the clip.
        spec: what the backbone wants to see.
        augmentations: names and widths of what was applied.
        envelope: lowest and highest sample of each stretch, ``[2, STRETCHES]``, full scale ±1.
        features: the front end's image before the backbone's mean and deviation, ``[F, T]``.
        augmented: the same, of the augmented clip.
        seen: the first channel of what the network is given in training, ``[height, width]``.
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


def follow(material: Material, plugins: Plugins) -> Journey:
    """Take the dataset's first utterance through the first entry's front end.

    The augmentations are those the paper used, each at the paper's width.

    Raises:
        SerbenchError: the recording has gone or changed; a plugin has gone.
    """
    utterance, entry = material.manifest.utterances[0], material.entries[0]
    audio = read_audio(utterance.path)
    if audio.content_hash != utterance.audio_hash:
        raise DatasetError(
            f"{utterance.path} is not the recording that was scanned: scan its folder again"
        )
    waveform = standardise(audio.mono, audio.sample_rate, entry.clip_format)
    spec = plugins.backbones.get(entry.backbone).input_spec()
    plain = InputSpec(1, spec.height, spec.width, mean=(0.0,), std=(1.0,))
    front_end = plugins.front_ends.get(entry.front_end)
    widths = [
        (found, found.widths.initial) for found in plugins.augmentations if found.widths.initial > 0
    ]

    def image(spec: InputSpec, widths: list[tuple[Augmentation, float]]) -> Image:
        batch = torch.from_numpy(waveform)[None]
        random = torch.Generator().manual_seed(SEED)
        batch = augment(batch, "waveform", widths, random)
        features = front_end.build(entry.clip_format, spec)(batch)
        found: Image = augment(features, "features", widths, random)[0, 0].numpy()
        return found

    with torch.inference_mode():
        return Journey(
            utterance=utterance,
            entry=entry,
            clip_format=entry.clip_format,
            spec=spec,
            augmentations={found.name: width for found, width in widths},
            envelope=envelope(waveform, STRETCHES),
            features=image(plain, []),
            augmented=image(plain, widths),
            seen=image(spec, widths),
        )


def envelope(waveform: Image, stretches: int) -> Image:
    """Lowest and highest sample of each of ``stretches`` parts, ``[2, stretches]``."""
    parts = np.array_split(waveform, min(stretches, len(waveform)))
    return np.array([[part.min() for part in parts], [part.max() for part in parts]])


def clip_on_its_way(material: Material, plugins: Plugins) -> Exhibit:
    """A clip as waveform, spectrogram, augmented, and as the network sees it.

    Where the recording or a plugin has gone the exhibit says so and has no figure.
    """
    name, title = "2-clip", "A clip on its way to the network"
    try:
        journey = follow(material, plugins)
    except SerbenchError as error:
        return Exhibit(name, title, f"**No figure: {error}**", [], "", None)
    spec, clip_format, entry = journey.spec, journey.clip_format, journey.entry
    return Exhibit(
        name=name,
        title=title,
        caption=f"The dataset's first utterance ({journey.utterance.emotion}, speaker "
        f"{journey.utterance.speaker}): brought to {clip_format.sample_rate:,} Hz and "
        f"{clip_format.seconds:g} s; front end `{entry.front_end}` fitted to `{entry.backbone}`; "
        "the paper's augmentations, which training alone applies, drawn once at the paper's "
        f"widths; and the image that {entry.backbone} is given, normalised with its own mean and "
        "deviation. The paper prints no numbers with its figure that are known to us.",
        data=_data(journey),
        body=markdown_table(
            ["step", ">value"],
            [
                ["recording", f"{journey.utterance.sample_rate:,} Hz"],
                ["clip", f"{clip_format.sample_rate:,} Hz, {clip_format.samples:,} samples"],
                *(
                    [found, f"up to {100 * width:g} %"]
                    for found, width in journey.augmentations.items()
                ),
                ["network input", _size(spec)],
            ],
        ),
        draw=lambda: _draw(journey),
    )


def _size(spec: InputSpec) -> str:
    channels = "1 channel" if spec.channels == 1 else f"{spec.channels} equal channels"
    return f"{channels} of {spec.height} × {spec.width}"


def _data(journey: Journey) -> list[dict[str, Cell]]:
    seconds = journey.clip_format.seconds
    stretch = seconds / journey.envelope.shape[1]
    records: list[dict[str, Cell]] = [
        {"panel": "waveform", "seconds": round(number * stretch, 6), "row": row, "value": value}
        for row, values in zip(("lowest", "highest"), journey.envelope.tolist(), strict=True)
        for number, value in enumerate(values)
    ]
    for panel in ("features", "augmented", "seen"):
        image: Image = getattr(journey, panel)
        column = seconds / image.shape[1]
        records += [
            {"panel": panel, "seconds": round(number * column, 6), "row": row, "value": value}
            for row, values in enumerate(image.tolist())
            for number, value in enumerate(values)
        ]
    return records


def _draw(journey: Journey) -> Figure:
    seconds, front_end = journey.clip_format.seconds, journey.entry.front_end
    figure = new_figure(4.6)
    [[waveform, features], [augmented, seen]] = figure.subplots(2, 2)
    times = np.linspace(0, seconds, journey.envelope.shape[1])
    waveform.fill_between(times, *journey.envelope, color=COLOURS[0], linewidth=0.4)
    waveform.set_title(f"1  waveform, {journey.clip_format.sample_rate:,} Hz", loc="left")
    waveform.set_ylabel("amplitude (full scale ±1)")
    waveform.set_xlim(0, seconds)
    limits = float(journey.features.min()), float(journey.features.max())
    in_time = (0, seconds, 0, journey.features.shape[0])
    for axes, image, title in (
        (features, journey.features, f"2  {front_end} spectrogram"),
        (augmented, journey.augmented, "3  augmented for training"),
    ):
        _show(figure, axes, image, in_time, limits, "feature value")
        axes.set_title(title, loc="left")
        axes.set_ylabel(f"{front_end} band")
    for axes in (waveform, features, augmented):
        axes.set_xlabel("time (s)")
    height, width = journey.seen.shape
    limits = float(journey.seen.min()), float(journey.seen.max())
    _show(figure, seen, journey.seen, (0, width, 0, height), limits, "normalised value")
    seen.set_title("4  what the network sees", loc="left")
    seen.set_xlabel(f"column of the image ({_size(journey.spec)})")
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
