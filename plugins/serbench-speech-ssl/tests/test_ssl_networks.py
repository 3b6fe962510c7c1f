"""Requirements on every network: vectors, independence of padding, stages that can be frozen."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from serbench_speech_ssl import Waveform
from serbench_speech_ssl.encoders import EncoderSize
from tiny_backbones import (
    DIFFERENT,
    ENCODERS,
    NAMES,
    REGISTERED,
    SYSTEMS,
    TINY,
    build,
    classifier,
    clips,
    initial_readout,
    vectors,
)

from serbench.data.clips import ClipFormat
from serbench.errors import UsageError
from serbench.model.complexity import measure_complexity
from serbench.model.network import Freezing


def freeze(name, network, depth):
    freezing = Freezing(network.backbone, TINY[name].stages(network.backbone), depth)
    freezing.train(network)


@pytest.mark.parametrize("name", DIFFERENT)
def test_the_vector_of_a_clip_does_not_depend_on_its_batch(name):
    module = build(name).eval()
    images = clips(3)
    with torch.inference_mode():
        together = vectors(name, module, images)
        alone = vectors(name, module, images[1:2])
    assert together.shape == (3, initial_readout(name).width(TINY[name].build("none").widths))
    assert together.isfinite().all()
    assert not torch.allclose(together[0], together[1])
    torch.testing.assert_close(alone[0], together[1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", DIFFERENT)
def test_the_same_clip_has_the_same_vector_in_evaluation(name):
    module = build(name).eval()
    with torch.inference_mode():
        assert torch.equal(vectors(name, module, clips()), vectors(name, module, clips()))


@pytest.mark.parametrize("name", DIFFERENT)
@pytest.mark.parametrize("real", [7001, 12345, 15999])
def test_padding_changes_nothing_where_lengths_are_given(name, real):
    module = build(name).eval()
    images = clips(2)
    lengths = torch.tensor([real, 16000])
    with torch.inference_mode():
        padded = vectors(name, module, images, lengths)
        alone = vectors(name, module, images[:1, ..., :real])
        mistaken = vectors(name, module, images)
    torch.testing.assert_close(padded[:1], alone, rtol=1e-4, atol=1e-5)
    if real < 15000:
        assert not torch.allclose(mistaken[0], alone[0], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("name", DIFFERENT)
def test_the_content_of_the_padding_does_not_matter_in_a_batch_of_one(name):
    module = build(name).eval()
    images = clips(1)
    other = images.clone()
    other[..., 9000:] = 3.0
    lengths = torch.tensor([9000])
    with torch.inference_mode():
        first, second = (vectors(name, module, each, lengths) for each in (images, other))
    torch.testing.assert_close(first, second)


@pytest.mark.parametrize("name", DIFFERENT)
def test_lengths_of_whole_clips_change_nothing(name):
    module = build(name).eval()
    with torch.inference_mode():
        whole = vectors(name, module, clips(), torch.tensor([16000, 16000]))
        without = vectors(name, module, clips())
    torch.testing.assert_close(whole, without, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", DIFFERENT)
def test_a_clip_without_a_single_frame_is_refused(name):
    module = build(name).eval()
    with pytest.raises(UsageError):
        module(clips(), torch.tensor([16000, 200]))


@pytest.mark.parametrize("name", NAMES)
def test_stages_contain_every_parameter_once(name):
    module = build(name)
    stages = TINY[name].stages(module)
    staged = [parameter for stage in stages for parameter in stage]
    names = [parameter for parameter, _ in module.named_parameters()]
    assert all(stages)
    assert sorted(staged) == sorted(names)
    assert 0 < TINY[name].freeze_depths(module).initial <= len(stages)


@pytest.mark.parametrize("name", NAMES)
def test_encoder_stages_are_executed_in_their_order(name):
    module = build(name).eval()
    stages = TINY[name].stages(module)
    place = {parameter: number for number, stage in enumerate(stages) for parameter in stage}
    reached = []
    for path, part in module.speech_encoder.named_modules():
        own = [f"speech_encoder.{path}.{each}" for each, _ in part.named_parameters(recurse=False)]
        if numbers := {place[each] for each in own}:
            (number,) = numbers
            part.register_forward_pre_hook(lambda *_, number=number: reached.append(number))
    vectors(name, module, clips(1))
    firsts = list(dict.fromkeys(reached))
    assert firsts == sorted(firsts)
    assert len(firsts) >= 3


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("frozen", ["nothing", "half", "everything"])
def test_only_trainable_parameters_get_gradients(name, frozen):
    network = classifier(name)
    stages = TINY[name].stages(network.backbone)
    depth = {"nothing": 0, "half": len(stages) // 2, "everything": len(stages)}[frozen]
    freeze(name, network, depth)
    still = {f"backbone.{parameter}" for stage in stages[:depth] for parameter in stage}
    F.cross_entropy(network(clips(4)), torch.arange(4)).backward()
    for parameter, value in network.named_parameters():
        if parameter in still:
            assert value.grad is None, parameter
        else:
            assert value.grad is not None, parameter
            assert value.grad.isfinite().all(), parameter
    assert network.head.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("name", ENCODERS)
def test_an_encoder_has_a_stage_for_each_of_its_layers_and_is_initially_frozen(name):
    module = build(name)
    stages = TINY[name].stages(module)
    assert len(stages) == 2 + len(TINY[name].taps) == TINY[name].freeze_depths(module).initial


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_system_consists_of_a_frozen_encoder_and_a_head(name):
    module = build(name)
    assert TINY[name].freeze_depths(module).initial == len(TINY[name].stages(module))
    assert all(each.startswith("speech_encoder.") for each, _ in module.named_parameters())
    assert REGISTERED[name].head == name


@pytest.mark.parametrize("name", DIFFERENT)
def test_operations_are_counted_for_the_given_clips(name):
    network = classifier(name)
    complexity = measure_complexity(network, clips(1))
    assert complexity.params == sum(value.numel() for value in network.parameters())
    assert complexity.macs > 100_000


def test_the_default_size_is_that_of_torchaudios_bundles():
    from torchaudio import pipelines

    for bundle in ("WAV2VEC2_BASE", "HUBERT_BASE", "WAVLM_BASE"):
        theirs = getattr(pipelines, bundle)
        with torch.device("meta"):
            size = replace(EncoderSize(), relative_positions=bundle == "WAVLM_BASE")
            ours = size.build().state_dict()
            factory = "wavlm_model" if bundle == "WAVLM_BASE" else "wav2vec2_model"
            model = getattr(__import__("torchaudio").models, factory)(**theirs._params)
        shapes = {name: tensor.shape for name, tensor in model.state_dict().items()}
        assert {name: tensor.shape for name, tensor in ours.items()} == shapes
        assert not theirs._normalize_waveform  # so this plugin does not either
        assert theirs.sample_rate == 16000


def test_the_recognisers_encoder_has_the_size_of_torchaudios():
    from torchaudio.models import emformer_rnnt_base

    with torch.device("meta"):
        ours = REGISTERED["lu2020"].size.build().state_dict()
        theirs = emformer_rnnt_base(num_symbols=4097).transcriber.state_dict()
    assert {n: t.shape for n, t in ours.items()} == {n: t.shape for n, t in theirs.items()}


@pytest.mark.parametrize("name", DIFFERENT)
def test_a_network_gives_a_padded_clip_the_logits_that_it_gives_the_clip_alone(name):
    network = classifier(name).eval()
    network.front_end = Waveform().build(ClipFormat(16000, 1.0), TINY[name].input_spec())
    assert network.takes_lengths
    waveform = clips(2)[:, 0, 0]
    waveform[0, 9000:] = 0
    with torch.inference_mode():
        padded = network(waveform, torch.tensor([9000, 16000]))
        alone = network(waveform[:1, :9000])
    torch.testing.assert_close(padded[:1], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", DIFFERENT)
def test_a_recording_shorter_than_a_frame_is_made_up_for_by_the_silence_after_it(name):
    module = build(name).eval()
    with torch.inference_mode():
        assert vectors(name, module, clips(2), torch.tensor([1, 16000])).isfinite().all()
