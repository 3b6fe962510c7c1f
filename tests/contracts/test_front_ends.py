"""What every front end promises: waveforms in, feature images made to measure out."""

import pytest
import torch

from serbench.data.clips import ClipFormat
from serbench.model.frontend import InputSpec
from serbench.plugins import Plugins

FRONT_ENDS = {front_end.name: front_end for front_end in Plugins().front_ends}
SPECS = {
    "grey": InputSpec(channels=1, height=128, width=128, mean=(0.5,), std=(0.25,)),
    "wide": InputSpec(3, 64, 200, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "tall": InputSpec(3, 160, 96, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
    "tiny": InputSpec(channels=1, height=32, width=32, mean=(0.0,), std=(1.0,)),
}
FORMATS = {
    "paper": ClipFormat(),
    "telephone": ClipFormat(8000, 1.5),
    "speech": ClipFormat(16000, 1.0),
    "studio": ClipFormat(48000, 0.5),
}


@pytest.fixture(params=FRONT_ENDS, scope="module")
def front_end(request):
    """Each registered front end in turn."""
    return FRONT_ENDS[request.param]


def clip_format_of(front_end):
    return ClipFormat(front_end.sample_rate or 24414, 0.5)


def speech_like(clip_format, n_clips=1, seed=0):
    """A gliding harmonic sound over a little noise, ``[n_clips, samples]``."""
    generator = torch.Generator().manual_seed(seed)
    seconds = torch.arange(clip_format.samples) / clip_format.sample_rate
    pitch = 100 + 200 * torch.rand(n_clips, 1, generator=generator)
    phase = 2 * torch.pi * pitch * (seconds + 0.1 * seconds.square())
    voice = sum(torch.sin(k * phase) / k for k in range(1, 6))
    return 0.1 * voice + 0.01 * torch.randn(voice.shape, generator=generator)


def test_the_built_in_ones_are_there():
    assert {"mel", "logmel", "mfcc"} <= set(FRONT_ENDS)


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
@pytest.mark.parametrize("wanted", FORMATS.values(), ids=FORMATS)
def test_images_have_the_size_the_backbone_wants(front_end, wanted, spec):
    clip_format = wanted if front_end.sample_rate is None else clip_format_of(front_end)
    image = front_end.build(clip_format, spec)(speech_like(clip_format, n_clips=2))
    assert image.shape == (2, spec.channels, spec.height, spec.width)
    assert image.dtype == torch.float32
    assert image.isfinite().all()
    assert image.std() > 0


@pytest.mark.parametrize("loudness", [1e-6, 1e-4, 1.0])
def test_quiet_and_loud_clips_alike_give_finite_images(front_end, loudness):
    clip_format = clip_format_of(front_end)
    image = front_end.build(clip_format, SPECS["wide"])(loudness * speech_like(clip_format))
    assert image.isfinite().all()
    assert image.abs().max() < 100


def test_an_impulse_gives_a_finite_image(front_end):
    clip_format = clip_format_of(front_end)
    waveform = torch.zeros(1, clip_format.samples)
    waveform[0, clip_format.samples // 2] = 1.0
    assert front_end.build(clip_format, SPECS["wide"])(waveform).isfinite().all()


def test_digital_silence_gives_a_finite_image(front_end):
    clip_format = clip_format_of(front_end)
    waveform = torch.zeros(1, clip_format.samples)
    assert front_end.build(clip_format, SPECS["wide"])(waveform).isfinite().all()


def test_the_same_clip_gives_the_same_image(front_end):
    clip_format = clip_format_of(front_end)
    waveform = speech_like(clip_format, n_clips=2)
    first, second = (front_end.build(clip_format, SPECS["grey"]) for _ in range(2))
    assert torch.equal(first(waveform), first(waveform))
    assert torch.equal(first(waveform), second(waveform))


def test_who_else_is_in_the_batch_does_not_matter(front_end):
    clip_format = clip_format_of(front_end)
    module = front_end.build(clip_format, SPECS["wide"])
    waveform = speech_like(clip_format, n_clips=5) * torch.tensor([[1.0], [0.01], [3], [0.1], [1]])
    together = module(waveform)
    for row in range(len(waveform)):
        alone = module(waveform[row : row + 1])
        torch.testing.assert_close(alone[0], together[row], rtol=1e-4, atol=1e-4)


def test_different_clips_give_different_images(front_end):
    clip_format = clip_format_of(front_end)
    images = front_end.build(clip_format, SPECS["grey"])(speech_like(clip_format, n_clips=2))
    assert not torch.allclose(images[0], images[1], atol=0.1)


def test_the_clip_itself_is_left_alone(front_end):
    clip_format = clip_format_of(front_end)
    waveform = speech_like(clip_format)
    before = waveform.clone()
    front_end.build(clip_format, SPECS["grey"])(waveform)
    assert torch.equal(waveform, before)


def test_there_is_nothing_to_learn(front_end):
    module = front_end.build(clip_format_of(front_end), SPECS["grey"])
    assert list(module.parameters()) == []
    assert not module(speech_like(clip_format_of(front_end))).requires_grad


def test_channels_differ_by_their_normalisation_only(front_end):
    clip_format = clip_format_of(front_end)
    spec = SPECS["wide"]
    image = front_end.build(clip_format, spec)(speech_like(clip_format))
    raw = image * torch.tensor(spec.std).view(1, 3, 1, 1)
    raw = raw + torch.tensor(spec.mean).view(1, 3, 1, 1)
    torch.testing.assert_close(raw[:, 0], raw[:, 1])
    torch.testing.assert_close(raw[:, 0], raw[:, 2])


def test_notes_are_sentences(front_end):
    notes = front_end.build(clip_format_of(front_end), SPECS["grey"]).notes
    assert not isinstance(notes, str)
    assert all(isinstance(note, str) and note for note in notes)
