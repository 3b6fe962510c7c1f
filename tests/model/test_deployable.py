"""Deployed networks: a recording is prepared as a training clip is."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from serbench.builtin.mel import Mel
from serbench.data.clips import ClipFormat, standardise
from serbench.model.deployable import Deployable, Recording
from serbench.model.frontend import FrontEndModule, InputSpec
from serbench.model.network import EmotionNetwork
from serbench.model.onnx_graph import FORBIDDEN, OPSET, exported, graphs_of, split

RATE, SECONDS = 8000, 0.25
SPEC = InputSpec(1, 32, 32, (0.5,), (0.25,))


def deployable(level="rms", padding="reflect", temperature=2.0):
    clip_format = ClipFormat(RATE, SECONDS, level, padding)
    torch.manual_seed(0)
    body = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    network = EmotionNetwork(Mel().build(clip_format, SPEC), body, nn.Linear(4, 3))
    return Deployable(network, clip_format, temperature)


@settings(deadline=None, max_examples=40)
@given(
    valid=st.integers(1, round(RATE * SECONDS)),
    level=st.sampled_from(["keep", "rms"]),
    padding=st.sampled_from(["reflect", "zeros"]),
    gain=st.sampled_from([1e-4, 1.0, 3.0]),
)
def test_a_clip_is_the_one_of_training(valid, level, padding, gain):
    made = deployable(level, padding)
    generator = np.random.default_rng(valid)
    sound = (gain * generator.normal(0, 0.1, valid)).astype(np.float32)
    waveform = np.full(made.clip_format.samples, 9.0, np.float32)
    waveform[:valid] = sound
    clip = made.clip(torch.from_numpy(waveform)[None], torch.tensor([valid]))[0].numpy()
    expected = standardise(sound, RATE, made.clip_format)
    np.testing.assert_allclose(clip, expected, rtol=1e-5, atol=1e-7)


def test_digital_silence_stays_silence():
    made = deployable()
    silence = torch.zeros(1, made.clip_format.samples)
    assert not made.clip(silence, torch.tensor([5])).any()


def test_probabilities_are_those_of_the_temperature():
    made = deployable(temperature=2.0)
    answer = made(*made.recording())
    expected = torch.softmax(made.network(made.clip(*made.recording())) / 2, dim=1)
    torch.testing.assert_close(answer.probabilities, expected)
    torch.testing.assert_close(answer.logits, made.network.head(answer.features))


def test_an_exported_file_gives_the_answers_of_pytorch():
    onnxruntime = pytest.importorskip("onnxruntime")
    made = deployable()
    model = graphs_of(made).joined()
    assert {node.domain for node in model.graph.node} == {""}
    assert max(each.version for each in model.opset_import) <= OPSET
    assert not {node.op_type for node in model.graph.node}.intersection(FORBIDDEN)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    for valid in (1, 300, made.clip_format.samples):
        recording = made.recording()._replace(valid_samples=torch.tensor([valid]))
        with torch.inference_mode():
            expected = made(*recording)
        inputs = {name: part.numpy() for name, part in recording._asdict().items()}
        for name, found in zip(
            expected._fields, session.run(list(expected._fields), inputs), strict=True
        ):
            np.testing.assert_allclose(found, getattr(expected, name).numpy(), atol=1e-5)


def test_a_file_is_split_into_front_end_and_network():
    onnxruntime = pytest.importorskip("onnxruntime")
    made = deployable()
    parts = split(graphs_of(made).joined().SerializeToString())
    recording = made.recording()
    inputs = {name: part.numpy() for name, part in recording._asdict().items()}
    front_end, network = (
        onnxruntime.InferenceSession(part.SerializeToString())
        for part in (parts.front_end, parts.network)
    )
    (image,) = front_end.run(None, inputs)
    logits = network.run(["logits"], {"image": image})[0]
    with torch.inference_mode():
        np.testing.assert_allclose(logits, made(*recording).logits.numpy(), atol=1e-5)


class Outside(FrontEndModule):
    outside = "The image is the mean of the recording."

    def forward(self, waveform):
        return torch.from_numpy(waveform.numpy().mean(axis=1)).view(-1, 1, 1, 1)


def test_a_front_end_outside_of_the_file_leaves_its_image_as_the_input():
    pytest.importorskip("onnxruntime")
    network = EmotionNetwork(Outside(), nn.Flatten(), nn.Linear(1, 3))
    made = Deployable(network, ClipFormat(RATE, SECONDS))
    assert made.outside == (Outside.outside,)
    model = graphs_of(made).joined()
    assert [each.name for each in model.graph.input] == ["image"]


def test_a_loudness_is_left_to_the_caller():
    made = deployable(level="ebu")
    assert len(made.outside) == 1
    recording = Recording(torch.randn(1, made.clip_format.samples), torch.tensor([10**6]))
    assert torch.equal(made.clip(*recording), recording.waveform)


class Columns(nn.Module):
    """The columns of a front end that are not padding, of a long clip."""

    samples, width = 480_000, 3_000

    def forward(self, lengths):
        return FrontEndModule().columns(lengths, self.samples, self.width)


def test_exported_columns_are_computed_with_whole_numbers():
    onnxruntime = pytest.importorskip("onnxruntime")
    graph = exported(Columns(), (torch.tensor([7]),), ("lengths",), ("columns",))
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    for length in range(1, Columns.samples, 9_973):
        (found,) = session.run(None, {"lengths": np.array([length])})
        assert found == -(-length * Columns.width // Columns.samples)
