"""The runtimes `onnx` and `onnx-int8`: parity with PyTorch, and networks of 8 bits."""

import builtins

import numpy as np
import pytest
import torch
from making.parity import deployable
from torch import nn

from serbench.builtin import onnx_int8
from serbench.builtin.onnx_int8 import DYNAMIC, STATIC, OnnxInt8, quantised
from serbench.builtin.onnx_runtime import OnnxRuntime, session
from serbench.data.clips import ClipFormat
from serbench.errors import ExportError, MissingPackageError, UsageError
from serbench.model.deployable import Deployable
from serbench.model.network import EmotionNetwork
from serbench.model.onnx_graph import graphs_of
from serbench.testing.parity import parity_error

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

PARITY = 1e-4


@pytest.mark.parametrize("front_end", ["mel", "logmel", "mfcc", "whisper-mel"])
def test_every_front_end_gives_the_logits_of_pytorch(front_end):
    assert parity_error(deployable("homebrew", front_end)) < PARITY


@pytest.mark.slow
@pytest.mark.parametrize(
    "backbone", ["mobilenetv3_large_100", "tf_efficientnetv2_b0", "inception_v3"]
)
def test_every_network_of_the_paper_gives_the_logits_of_pytorch(backbone):
    assert parity_error(deployable(backbone, rate=24_414)) < PARITY


@pytest.mark.slow
@pytest.mark.parametrize("readout", [None, "2/mean+std"])
def test_whisper_gives_the_logits_of_pytorch(readout):
    assert parity_error(deployable("whisper_tiny.en", readout=readout, head="linear")) < PARITY


CLIPS = ClipFormat(1_000, 0.4, "keep", "zeros")


class Image(nn.Module):
    """A recording as an image of 20 × 20."""

    def forward(self, waveform):
        return waveform.reshape(-1, 1, 20, 20)


def network(*body, width):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for layer in body:
            if hasattr(layer, "reset_parameters"):
                layer.reset_parameters()
        head = nn.Linear(width, 3)
        nn.init.normal_(head.weight, std=5)
        return Deployable(EmotionNetwork(Image(), nn.Sequential(*body), head).eval(), CLIPS)


@pytest.fixture(scope="module")
def convolutional():
    """Convolutions, one of them of single values as in a squeeze-excite block."""
    return network(
        *(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU()),
        *(nn.AdaptiveAvgPool2d(1), nn.Conv2d(8, 8, 1), nn.Hardswish(), nn.Flatten()),
        width=8,
    )


@pytest.fixture(scope="module")
def dense():
    """Matrix products with the activations of a transformer."""
    return network(
        *(nn.Flatten(2), nn.Linear(400, 32), nn.GELU(), nn.Linear(32, 8), nn.Flatten()), width=8
    )


@pytest.fixture(scope="module", params=["convolutional", "dense"])
def kind(request):
    return request.param, request.getfixturevalue(request.param)


def given(made, count=12):
    generator = torch.Generator().manual_seed(3)
    return [
        made.recording(0.3 * torch.randn(CLIPS.samples, generator=generator)) for _ in range(count)
    ]


@pytest.fixture(scope="module")
def small(kind):
    """The network in 8 bits, and the operators of its graph."""
    name, made = kind
    runnable = OnnxInt8().prepare(made, given(made), 1)
    return name, made, runnable, onnx.load_from_string(runnable.file)


def test_8_bits_give_nearly_the_logits_of_pytorch(small):
    _, made, runnable, _ = small
    used = given(made)
    with torch.inference_mode():
        expected = np.concatenate([made(*each).logits.numpy() for each in used])
    found = np.concatenate([runnable(each) for each in used])
    assert 0 < np.abs(found - expected).mean() < 0.1 * np.ptp(expected)


def test_convolutions_have_fixed_ranges_and_products_do_not(small):
    name, _, _, model = small
    operators = {node.op_type for node in model.graph.node}
    assert ("QuantizeLinear" in operators) == (name == "convolutional")
    assert ("DynamicQuantizeLinear" in operators) == (name == "dense")
    assert any(tensor.data_type == onnx.TensorProto.INT8 for tensor in model.graph.initializer)


def test_the_head_keeps_its_weights_of_32_bits(small):
    _, made, _, model = small
    weight = made.network.head.weight.detach().numpy()
    floats = [
        onnx.numpy_helper.to_array(tensor)
        for tensor in model.graph.initializer
        if tensor.data_type == onnx.TensorProto.FLOAT
    ]
    assert any(
        each.shape in (weight.shape, weight.T.shape)
        and (np.array_equal(each, weight) or np.array_equal(each, weight.T))
        for each in floats
    )


@pytest.mark.parametrize("recipe", [*STATIC, *DYNAMIC])
def test_no_recipe_quantises_the_head(graphs, monkeypatch, recipe):
    model, inputs = graphs
    monkeypatch.setattr(onnx_int8, "STATIC", (recipe,))
    made = quantised(model, inputs)
    [head] = [tensor for tensor in made.graph.initializer if "head.weight" in tensor.name]
    assert head.data_type == onnx.TensorProto.FLOAT


def test_a_file_is_used_again_without_another_conversion(small, monkeypatch):
    _, made, runnable, _ = small
    monkeypatch.setattr(onnx_int8, "graphs_of", lambda *_: pytest.fail("converted again"))
    again = OnnxInt8().prepare(made, [], 1, runnable.file)
    recording = given(made, 1)[0]
    assert np.array_equal(again(recording), runnable(recording))


@pytest.fixture(scope="module")
def graphs(convolutional):
    """The graph of the convolutions and its inputs for some recordings."""
    parts = graphs_of(convolutional)
    return parts.network, onnx_int8.images(session(parts.front_end, 1), given(convolutional))


@pytest.mark.parametrize("best", range(len(STATIC)))
def test_the_recipe_that_changes_the_answers_least_is_used(graphs, monkeypatch, best):
    model, inputs = graphs
    tried, divergences = [], iter([float(place != best) for place in range(len(STATIC))])
    quantise = onnx_int8._quantise

    def recorded(source, network, path, recipe, inputs):
        tried.append(recipe)
        quantise(source, network, path, recipe, inputs)

    written = []
    loaded = onnx_int8._loaded
    monkeypatch.setattr(onnx_int8, "_quantise", recorded)
    monkeypatch.setattr(onnx_int8, "_divergence", lambda *_: next(divergences))
    monkeypatch.setattr(
        onnx_int8, "_loaded", lambda path: written.append(loaded(path)) or written[-1]
    )
    assert quantised(model, inputs) is written[1 + best]
    assert tuple(tried) == STATIC


def test_the_divergence_is_that_of_kullback_and_leibler():
    wanted, given_ = np.array([[2.0, 0.0], [0.0, 0.0]]), np.array([[0.0, 0.0], [1.0, 0.0]])
    p, q = (np.exp(each) / np.exp(each).sum(axis=1, keepdims=True) for each in (wanted, given_))
    expected = (p * np.log(p / q)).sum(axis=1).mean()
    assert onnx_int8._divergence(wanted, given_) == pytest.approx(expected)
    assert onnx_int8._divergence(wanted, wanted) == 0


def test_dynamic_recipes_differ_only_in_their_scales():
    assert [recipe.static for recipe in DYNAMIC] == [False, False]
    assert {recipe.per_channel for recipe in DYNAMIC} == {True, False}


def test_logits_of_8_bits_that_are_all_nan_are_refused(graphs, monkeypatch):
    model, inputs = graphs
    monkeypatch.setattr(onnx_int8, "STATIC", STATIC[:1])
    logits = onnx_int8._logits
    calls = []

    def broken(network, inputs):
        calls.append(network)
        return logits(network, inputs) * (1 if len(calls) == 1 else np.nan)

    monkeypatch.setattr(onnx_int8, "_logits", broken)
    with pytest.raises(ExportError):
        quantised(model, inputs)


def test_without_calibration_recordings_8_bits_are_refused(convolutional):
    with pytest.raises(UsageError):
        OnnxInt8().prepare(convolutional, [], 1)


def test_a_network_without_products_before_its_head_is_refused():
    made = network(nn.AdaptiveAvgPool2d(2), nn.Flatten(), width=4)
    with pytest.raises(ExportError):
        OnnxInt8().prepare(made, given(made, 2), 1)


@pytest.mark.parametrize("runtime", [OnnxRuntime(), OnnxInt8()])
def test_without_the_package_it_is_named(runtime, convolutional, monkeypatch):
    original = builtins.__import__

    def importing(name, *arguments, **named):
        if name.partition(".")[0] == "onnxruntime":
            raise ImportError(name)
        return original(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", importing)
    for act in (lambda: runtime.identity, lambda: runtime.prepare(convolutional, [], 1, b"")):
        with pytest.raises(MissingPackageError) as raised:
            act()
        assert raised.value.facts == {"package": "onnxruntime"}


def test_both_parts_together_give_the_answer(convolutional):
    runnable = OnnxRuntime().prepare(convolutional, [], 1)
    recording = given(convolutional, 1)[0]
    parts = runnable.parts(recording)
    assert list(parts) == ["front_end", "network"]
    parts["front_end"]()
    assert any(np.array_equal(each, runnable(recording)) for each in parts["network"]())
