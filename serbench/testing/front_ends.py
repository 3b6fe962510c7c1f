"""Requirements on every front end, which turns waveforms into images of the requested size."""

from __future__ import annotations

from unittest import SkipTest

import torch
from torch import Tensor

from serbench.data.clips import ClipFormat
from serbench.errors import UsageError
from serbench.model.frontend import FrontEnd, FrontEndModule, InputSpec
from serbench.plugins import Plugins
from serbench.testing.require import require, require_close, require_equal, require_members

_GREY = InputSpec(channels=1, height=128, width=128, mean=(0.5,), std=(0.25,))
_WIDE = InputSpec(3, 64, 200, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_TALL = InputSpec(3, 160, 96, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
_TINY = InputSpec(channels=1, height=32, width=32, mean=(0.0,), std=(1.0,))

_FORMATS = (
    ClipFormat(24414, 2.618),
    ClipFormat(8000, 1.5),
    ClipFormat(16000, 1.0),
    ClipFormat(48000, 0.5),
)


def _fitted(front_end: FrontEnd, spec: InputSpec) -> tuple[ClipFormat, InputSpec]:
    """Clip format and input specification for the checks: half a second and ``spec``.

    Where it refuses ``spec`` because it is made for other backbones: clips of 3 s and the input of
    one of those backbones.
    """
    rate = front_end.sample_rate or 16000
    try:
        front_end.build(ClipFormat(rate, 0.5), spec)
    except UsageError as refusal:
        for backbone in Plugins().backbones:
            if backbone.front_end == front_end.name:
                return ClipFormat(rate, 3.0), backbone.input_spec()
        raise SkipTest(f"no registered backbone uses it: {refusal}") from refusal
    return ClipFormat(rate, 0.5), spec


def _speech(clip_format: ClipFormat, n_clips: int = 1) -> Tensor:
    """Harmonic sounds of changing pitch with a little noise, ``[n_clips, samples]``."""
    generator = torch.Generator().manual_seed(0)
    seconds = torch.arange(clip_format.samples) / clip_format.sample_rate
    pitch = 100 + 200 * torch.rand(n_clips, 1, generator=generator)
    phase = 2 * torch.pi * pitch * (seconds + 0.1 * seconds.square())
    voice = torch.stack([torch.sin(k * phase) / k for k in range(1, 6)]).sum(0)
    return 0.1 * voice + 0.01 * torch.randn(voice.shape, generator=generator)


def _built(front_end: FrontEnd, spec: InputSpec = _GREY) -> FrontEndModule:
    return front_end.build(*_fitted(front_end, spec))


def _clips(front_end: FrontEnd, n_clips: int = 1) -> Tensor:
    clip_format, _ = _fitted(front_end, _GREY)
    return _speech(clip_format, n_clips)


def it_has_everything_a_front_end_needs(front_end: FrontEnd) -> None:
    """It has every attribute and method of ``FrontEnd``, with the arguments of each."""
    require_members(front_end, FrontEnd)


def its_sample_rate_is_a_number_or_none(front_end: FrontEnd) -> None:
    """``sample_rate`` is a positive number of Hz, or None for clips of any rate."""
    rate = front_end.sample_rate
    sound = rate is None or (isinstance(rate, int) and rate > 0)
    require(sound, f"sample_rate is {rate!r}: a positive whole number of Hz, or None")


def it_builds_a_front_end_module(front_end: FrontEnd) -> None:
    """``build`` returns a ``FrontEndModule``."""
    module = _built(front_end)
    require(isinstance(module, FrontEndModule), f"{type(module).__name__} is not a FrontEndModule")


def images_have_the_size_that_the_backbone_requires(front_end: FrontEnd) -> None:
    """Images are float32, finite, not constant, and of the size in the input specification."""
    for asked in (_GREY, _WIDE, _TALL, _TINY):
        usual, spec = _fitted(front_end, asked)
        for clip_format in _FORMATS if front_end.sample_rate is None else (usual,):
            image = front_end.build(clip_format, spec)(_speech(clip_format, n_clips=2))
            wanted = (2, spec.channels, spec.height, spec.width)
            case = f"of {clip_format.seconds:g} s at {clip_format.sample_rate} Hz, for {wanted}"
            require(image.shape == wanted, f"the image {case}, is {tuple(image.shape)}")
            require(image.dtype == torch.float32, f"the image {case}, is {image.dtype}")
            require(bool(image.isfinite().all()), f"the image {case}, is not finite")
            require(float(image.std()) > 0, f"the image {case}, is constant")


def it_takes_a_batch_of_one(front_end: FrontEnd) -> None:
    """A single clip gives a single image."""
    _, spec = _fitted(front_end, _GREY)
    shape = tuple(_built(front_end)(_clips(front_end)).shape)
    wanted = (1, spec.channels, spec.height, spec.width)
    require(shape == wanted, f"a single clip gives {shape}, not {wanted}")


def quiet_and_loud_clips_give_moderate_images(front_end: FrontEnd) -> None:
    """For levels from −120 dB to full scale, values are below 100."""
    for loudness in (1e-6, 1e-4, 1.0):
        image = _built(front_end, _WIDE)(loudness * _clips(front_end))
        largest = float(image.abs().max())
        require(largest < 100, f"at loudness {loudness:g} the image reaches {largest:g}")


def silence_and_an_impulse_give_finite_images(front_end: FrontEnd) -> None:
    """Digital silence gives finite images, and so does silence with one sample that is not 0."""
    silence = torch.zeros_like(_clips(front_end))
    click = silence.clone()
    click[0, click.shape[1] // 2] = 1.0
    for sound, name in ((silence, "digital silence"), (click, "an impulse")):
        image = _built(front_end, _WIDE)(sound)
        require(bool(image.isfinite().all()), f"{name} gives an image that is not finite")


def the_same_clip_gives_the_same_image(front_end: FrontEnd) -> None:
    """Two modules built from equal arguments give the same image, in every call."""
    clips = _clips(front_end, n_clips=2)
    first, second = _built(front_end), _built(front_end)
    image = first(clips)
    require_equal(first(clips), image, "the second image of a clip differs from the first")
    require_equal(second(clips), image, "a second module gives a different image")


def a_clips_image_does_not_depend_on_its_batch(front_end: FrontEnd) -> None:
    """The image of a clip is the same alone and in a batch with louder or quieter clips."""
    clips = _clips(front_end, n_clips=5) * torch.tensor([[1.0], [0.01], [3.0], [0.1], [1.0]])
    module = _built(front_end, _WIDE)
    together = module(clips)
    for row in range(len(clips)):
        alone = module(clips[row : row + 1])
        require_close(alone[0], together[row], "a clip's image depends on the others' in its batch")


def different_clips_give_different_images(front_end: FrontEnd) -> None:
    """Clips of different pitch give different images."""
    images = _built(front_end)(_clips(front_end, n_clips=2))
    least = 0.1 * min(1.0, float(images.abs().max()))
    different = not torch.allclose(images[0], images[1], atol=least)
    require(different, "two voices of different pitch give the same image")


def the_clips_are_not_changed(front_end: FrontEnd) -> None:
    """It does not change the waveforms in place."""
    clips = _clips(front_end)
    before = clips.clone()
    _built(front_end)(clips)
    require_equal(clips, before, "it changes its input waveforms: work on a copy")


def it_has_no_parameters(front_end: FrontEnd) -> None:
    """It has no parameters, and its images require no gradient."""
    module = _built(front_end)
    names = [name for name, _ in module.named_parameters()]
    require(not names, f"it has parameters, such as {names[:1]}: register buffers instead")
    require(not module(_clips(front_end)).requires_grad, "its images require a gradient")


def columns_without_padding_lie_within_its_images(front_end: FrontEnd) -> None:
    """Longer clips have no fewer columns that are not padding: at least one, at most all."""
    module, clips = _built(front_end), _clips(front_end)
    samples, width = clips.shape[1], module(clips).shape[-1]
    lengths = torch.tensor([1, samples // 3, samples // 2, samples])
    columns = module.columns(lengths, samples, width).tolist()
    sound = columns == sorted(columns) and columns[0] >= 1 and columns[-1] == width
    require(sound, f"of {width} columns, {columns} are of clips of {lengths.tolist()} samples")


def channels_differ_only_in_their_normalisation(front_end: FrontEnd) -> None:
    """Without mean and standard deviation of the backbone, all channels are equal."""
    _, spec = _fitted(front_end, _WIDE)
    image = _built(front_end, _WIDE)(_clips(front_end))
    raw = image * torch.tensor(spec.std).view(1, -1, 1, 1)
    raw = raw + torch.tensor(spec.mean).view(1, -1, 1, 1)
    for channel in range(1, spec.channels):
        require_close(raw[:, channel], raw[:, 0], "the mean and deviation are not the backbone's")


def its_notes_are_sentences(front_end: FrontEnd) -> None:
    """Notes are a tuple of sentences, not one string."""
    notes = _built(front_end).notes
    sound = not isinstance(notes, str) and all(isinstance(note, str) and note for note in notes)
    require(sound, f"notes are {notes!r}, not a tuple of sentences")
