"""Exported files: the facts that they carry, files that are refused, and their predictions."""

import builtins
import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from making.facts import FACTS
from torch import nn

from serbench.builtin.mel import Mel
from serbench.data.clips import ClipFormat, standardise
from serbench.deploy.answering import EagerAnswerer
from serbench.deploy.model_file import (
    facts_of,
    open_model,
    with_facts,
)
from serbench.errors import ExportError, MissingPackageError, UsageError
from serbench.model.deployable import Deployable
from serbench.model.frontend import FrontEndModule, InputSpec
from serbench.model.network import EmotionNetwork
from serbench.model.onnx_graph import graphs_of

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

CLIPS = ClipFormat(8_000, 0.25, "rms", "reflect")
EMOTIONS, TEMPERATURE = FACTS.emotions, FACTS.temperature


@pytest.fixture(scope="module")
def network():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        body = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        front_end = Mel().build(CLIPS, InputSpec(1, 32, 32, (0.5,), (0.25,)))
        made = EmotionNetwork(front_end, body, nn.Linear(4, len(EMOTIONS)))
        nn.init.normal_(made.head.weight, std=20)
    return made.eval()


@pytest.fixture(scope="module")
def file(network, tmp_path_factory):
    """An exported file with ``FACTS``."""
    graph = graphs_of(Deployable(network, CLIPS, TEMPERATURE)).joined()
    path = tmp_path_factory.mktemp("file") / "model.onnx"
    path.write_bytes(with_facts(graph.SerializeToString(), FACTS))
    return path


def test_the_facts_come_back_with_the_file(file):
    assert open_model(file).facts == FACTS
    named = {each.key: each.value for each in onnx.load(file).metadata_props}
    assert (named["sample_rate"], named["samples"]) == ("8000", "2000")
    assert named["labels"] == ",".join(EMOTIONS)


def test_no_path_of_this_machine_and_no_note_of_the_exporter_remains(file):
    model = onnx.load(file)
    assert not any(node.metadata_props for node in model.graph.node)
    assert not any(node.doc_string for node in model.graph.node)
    assert b"site-packages" not in file.read_bytes()
    assert (model.producer_name, model.producer_version) == ("serbench", "0.1.0")


def test_facts_replace_earlier_ones(file):
    other = replace(FACTS, entry=8, uar_ci=None)
    model = onnx.load_from_string(with_facts(file.read_bytes(), other))
    assert facts_of({each.key: each.value for each in model.metadata_props}, file) == other


texts = st.text(max_size=20)


@given(
    emotions=st.lists(texts, min_size=1, max_size=4).map(tuple),
    outside=st.lists(texts, max_size=2).map(tuple),
    interval=st.none() | st.tuples(st.floats(0, 1), st.floats(0, 1)),
    temperature=st.floats(1e-3, 1e3),
)
def test_any_facts_come_back_from_json(emotions, outside, interval, temperature):
    facts = replace(
        FACTS, emotions=emotions, outside=outside, uar_ci=interval, temperature=temperature
    )
    assert facts_of({"serbench": json.dumps(asdict(facts))}, Path("a.onnx")) == facts


@pytest.mark.parametrize("seconds", [0.001, 0.1, 0.25])
@pytest.mark.parametrize("gain", [1e-3, 1.0, 3.0])
def test_probabilities_are_those_of_the_network_in_pytorch(file, network, seconds, gain):
    sound = gain * np.random.default_rng(0).normal(0, 0.1, round(seconds * 8000))
    answerer = open_model(file)
    assert answerer.emotions == EMOTIONS
    eager = EagerAnswerer(network, CLIPS, EMOTIONS, TEMPERATURE)
    found, expected = (
        each.probabilities(
            standardise(sound.astype(np.float32), 8000, each.clip_format)[np.newaxis],
            np.array([len(sound)]),
        )
        for each in (answerer, eager)
    )
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert found.max() > 0.4  # not the probabilities of silence or chance


def test_silence_is_answered_like_in_pytorch(file, network):
    clips, lengths = np.zeros((2, CLIPS.samples), np.float32), np.array([CLIPS.samples, 5])
    eager = EagerAnswerer(network, CLIPS, EMOTIONS, TEMPERATURE)
    found = open_model(file).probabilities(clips, lengths)
    np.testing.assert_allclose(found, eager.probabilities(clips, lengths), atol=1e-4)


DEFECTS = {
    "missing": lambda path, data: None,
    "a folder": lambda path, data: path.mkdir(),
    "empty": lambda path, data: path.write_bytes(b""),
    "not ONNX": lambda path, data: path.write_text("a recording\n" * 99),
    "metadata that are not UTF-8": lambda path, data: path.write_bytes(
        data.replace(b'"version": "0.1.0"', b'"version": "0.\xf0.0"')
    ),
    "an input whose name is not UTF-8": lambda path, data: path.write_bytes(
        data.replace(b"waveform", b"wavefor\xf0")
    ),
    "truncated": lambda path, data: path.write_bytes(data[: len(data) // 2]),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_file_that_cannot_be_read_is_a_usage_error_with_its_path(file, tmp_path, defect):
    path = tmp_path / "bad.onnx"
    DEFECTS[defect](path, file.read_bytes())
    with pytest.raises(UsageError) as raised:
        open_model(path)
    assert raised.value.facts == {"path": path}


def without(model, key):
    kept = [each for each in model.metadata_props if each.key != key]
    del model.metadata_props[:]
    model.metadata_props.extend(kept)


def changed(model, value):
    for each in model.metadata_props:
        if each.key == "serbench":
            each.value = value


def with_values(model, **values):
    changed(model, json.dumps({**asdict(FACTS), **values}))


def other_graph(inputs, output):
    """A graph that only repeats its first input."""
    vector = [onnx.helper.make_tensor_value_info(name, 1, [1, 4]) for name in (*inputs, output)]
    node = onnx.helper.make_node("Identity", inputs[:1], [output])
    return onnx.helper.make_graph([node], "other", vector[:-1], vector[-1:])


ELSEWHERE = {
    "no facts": lambda model: without(model, "serbench"),
    "no JSON": lambda model: changed(model, "{"),
    "a list": lambda model: changed(model, "[]"),
    "a number": lambda model: changed(model, "3"),
    "deep JSON": lambda model: changed(model, "[" * 100_000),
    "other facts": lambda model: changed(model, '{"emotions": ["fear"], "outside": []}'),
    "more facts": lambda model: with_values(model, colour="red"),
    "no emotions": lambda model: with_values(model, emotions=[]),
    "fewer emotions than probabilities": lambda model: with_values(model, emotions=["fear"]),
    "a rate of zero": lambda model: with_values(model, sample_rate=0),
    "a rate as text": lambda model: with_values(model, sample_rate="8000"),
    "a negative length": lambda model: with_values(model, samples=-5),
    "another length than the graph": lambda model: with_values(model, samples=100),
    "a length of hours": lambda model: with_values(model, samples=2**40),
    "no such channel": lambda model: with_values(model, channel="both"),
    "no such level": lambda model: with_values(model, level="loud"),
    "a temperature of NaN": lambda model: with_values(model, temperature=float("nan")),
    "another graph": lambda model: model.graph.CopyFrom(other_graph(["x"], "y")),
    "other shapes": lambda model: model.graph.CopyFrom(
        other_graph(["waveform", "valid_samples"], "probabilities")
    ),
}


@pytest.mark.parametrize("change", ELSEWHERE)
def test_an_onnx_file_from_elsewhere_is_refused(file, tmp_path, change):
    model = onnx.load(file)
    ELSEWHERE[change](model)
    path = tmp_path / "other.onnx"
    onnx.save(model, path)
    with pytest.raises(UsageError) as raised:
        open_model(path)
    assert raised.value.facts == {"path": path}


def executed_as(file, result):
    """An answerer whose graph gives ``result``, or raises it."""
    answerer = open_model(file)

    class Session:
        def run(self, names, inputs):
            if isinstance(result, Exception):
                raise result
            return [result]

    return replace(answerer, session=Session())


@pytest.mark.parametrize(
    "result",
    [
        RuntimeError("a node\nfailed"),
        MemoryError(),
        np.zeros((1, len(EMOTIONS) + 1), np.float32),
        np.zeros((2, len(EMOTIONS)), np.float32),
        np.zeros(len(EMOTIONS), np.float32),
    ],
    ids=str,
)
def test_a_graph_that_fails_or_gives_another_shape_is_an_export_error(file, result):
    answerer = executed_as(file, result)
    with pytest.raises(ExportError) as raised:
        answerer.probabilities(np.zeros((1, 2000), np.float32), np.array([2000]))
    assert raised.value.facts["path"] == file
    assert "\n" not in str(raised.value)


class Outside(FrontEndModule):
    outside = "The image is the mean of the recording."

    def forward(self, waveform):
        return torch.from_numpy(waveform.numpy().mean(axis=1)).view(-1, 1, 1, 1)


def test_a_file_that_takes_an_image_is_refused_for_recordings(tmp_path):
    made = Deployable(EmotionNetwork(Outside(), nn.Flatten(), nn.Linear(1, 3)), CLIPS)
    path = tmp_path / "image.onnx"
    path.write_bytes(
        with_facts(
            graphs_of(made).joined().SerializeToString(), replace(FACTS, outside=made.outside)
        )
    )
    with pytest.raises(UsageError) as raised:
        open_model(path)
    assert raised.value.facts == {"path": path}


def test_without_onnxruntime_its_package_is_named(file, monkeypatch):
    original = builtins.__import__

    def importing(name, *arguments, **named):
        if name.partition(".")[0] == "onnxruntime":
            raise ImportError(name)
        return original(name, *arguments, **named)

    monkeypatch.setattr(builtins, "__import__", importing)
    with pytest.raises(MissingPackageError) as raised:
        open_model(file)
    assert raised.value.facts == {"package": "onnxruntime"}
