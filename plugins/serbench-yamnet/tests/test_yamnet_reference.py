"""The published weights: compared with TensorFlow Lite's interpreter, and on real speech."""

import numpy as np
import pytest
import tflite
import torch
from serbench_yamnet.front_end import YAMNET_INPUT, YamnetFrontEnd
from serbench_yamnet.plugin import WEIGHTS_VARIABLE, YamnetBackbone
from serbench_yamnet.tflite_weights import AXES
from torch import nn
from yamnet_material import WEIGHTS, needs_speech, needs_weights, norms_of, recordings, seeded

from serbench.data.clips import ClipFormat, standardise
from serbench.errors import WeightsError

pytestmark = needs_weights

SPEECH_CLASS = 0
CLIP = ClipFormat(16000, 2.618, "keep")


@pytest.fixture(scope="module")
def yamnet():
    """The network with AudioSet's last layer, which it returns for 521 classes."""
    built = YamnetBackbone().build(str(WEIGHTS), 521)
    last = nn.Linear(built.widths["pooled"], 521)
    last.load_state_dict(dict(built.head))
    return nn.Sequential(built.module, last).eval()


@pytest.fixture(scope="module")
def front_end():
    return YamnetFrontEnd().build(CLIP, YAMNET_INPUT)


@pytest.fixture(scope="module")
def waveform():
    """A patch of 15,600 samples with the harmonics of a voice."""
    seconds = torch.arange(15600) / 16000
    phase = 2 * torch.pi * (150 * seconds + 20 * torch.sin(3 * seconds))
    voice = sum(torch.sin(k * phase) / k for k in range(1, 15)) * torch.sin(9 * seconds).abs()
    return 0.2 * voice + 0.003 * torch.randn(15600, generator=seeded())


@pytest.fixture(scope="module")
def interpreter(waveform):
    """TensorFlow Lite's reference kernels, run on the waveform; all intermediate results are
    kept."""
    litert = pytest.importorskip("ai_edge_litert.interpreter")
    interpreter = litert.Interpreter(
        str(WEIGHTS),
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=litert.OpResolverType.BUILTIN_REF,
    )
    interpreter.allocate_tensors()
    interpreter.set_tensor(0, waveform.numpy())
    interpreter.invoke()
    return interpreter


def operators(*kinds):
    """Numbers of the input and output tensors of these operators, in order."""
    model = tflite.Model.GetRootAsModel(WEIGHTS.read_bytes(), 0)
    graph = model.Subgraphs(0)
    for number in range(graph.OperatorsLength()):
        operator = graph.Operators(number)
        if model.OperatorCodes(operator.OpcodeIndex()).BuiltinCode() in kinds:
            yield int(operator.Inputs(0)), int(operator.Outputs(0))


def computed(interpreter, number):
    """A tensor of the interpreter as real values, and the size of one of its 8-bit steps."""
    (details,) = (each for each in interpreter.get_tensor_details() if each["index"] == number)
    scale, zero = details["quantization"]
    stored = torch.from_numpy(interpreter.get_tensor(number)).float()
    return (stored if scale == 0 else (stored - zero) * scale), scale


def test_the_front_end_equals_the_interpreters(interpreter, front_end, waveform):
    ((_, log_mel),) = operators(tflite.BuiltinOperator.LOG)
    theirs, _ = computed(interpreter, log_mel)
    torch.testing.assert_close(front_end.log_mel(waveform[None])[0], theirs, rtol=0, atol=3e-4)


def test_every_convolution_equals_the_interpreters_to_one_8_bit_step(interpreter, yamnet):
    convolutions = [part for part in yamnet.modules() if isinstance(part, nn.Conv2d)]
    for convolution, norm, (before, after) in zip(
        convolutions, norms_of(yamnet), operators(*AXES), strict=True
    ):
        given, _ = computed(interpreter, before)
        theirs, step = computed(interpreter, after)
        with torch.inference_mode():
            ours = norm(convolution(given.permute(0, 3, 1, 2))).permute(0, 2, 3, 1)
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1.01 * step)


def test_the_last_layer_equals_the_interpreters_to_one_8_bit_step(interpreter, yamnet):
    *_, (before, after) = operators(tflite.BuiltinOperator.FULLY_CONNECTED)
    theirs, step = computed(interpreter, after)
    with torch.inference_mode():
        ours = yamnet[1](computed(interpreter, before)[0].flatten(1))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1.01 * step)


def test_from_waveform_to_logits_it_differs_by_what_8_bits_lose(
    interpreter, yamnet, front_end, waveform
):
    """After 27 roundings to 8 bits single logits differ by a few steps; their order is the same."""
    *_, (_, after) = operators(tflite.BuiltinOperator.FULLY_CONNECTED)
    theirs, step = computed(interpreter, after)
    with torch.inference_mode():
        ours = yamnet(front_end(waveform[None]))
    assert (ours - theirs).abs().max() < 8 * step
    assert np.corrcoef(ours[0], theirs[0])[0, 1] > 0.995
    (scores,) = (
        computed(interpreter, each["index"])[0] for each in interpreter.get_output_details()
    )
    assert (ours.sigmoid() - scores).abs().max() < 0.05


@needs_speech
def test_real_speech_is_classified_as_speech(yamnet, front_end):
    clips = torch.from_numpy(np.stack([standardise(w, 16000, CLIP) for w in recordings(12)]))
    with torch.inference_mode():
        logits = yamnet(front_end(clips))
    assert (logits.argmax(1) == SPEECH_CLASS).sum() >= 11


def test_noise_is_not_classified_as_speech(yamnet, front_end):
    noise = 0.3 * torch.randn(4, CLIP.samples, generator=seeded())
    with torch.inference_mode():
        assert (yamnet(front_end(noise)).argmax(1) != SPEECH_CLASS).all()


def test_six_emotions_share_all_but_the_last_layer(yamnet):
    built = YamnetBackbone().build(str(WEIGHTS), 6)
    state, whole = built.module.state_dict(), yamnet[0].state_dict()
    assert all(torch.equal(state[name], whole[name]) for name in whole)
    assert len(built.head["weight"]) == 6
    assert built.weights.startswith("file:yamnet.tflite:")


def test_an_environment_variable_names_the_default_weights(monkeypatch):
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(WEIGHTS))
    by_default = YamnetBackbone().build("default", 6)
    assert by_default.weights == YamnetBackbone().build(str(WEIGHTS), 6).weights


@pytest.mark.parametrize("share", [0.001, 0.1, 0.5, 0.95])
def test_a_truncated_file_is_refused(share, tmp_path):
    content = WEIGHTS.read_bytes()
    path = tmp_path / "yamnet.tflite"
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(WeightsError) as refused:
        YamnetBackbone().build(str(path), 6)
    assert refused.value.facts == {"path": path}
