"""What every backbone promises: logits, ordered stages that can be frozen, honest weights."""

import random

import huggingface_hub.constants
import pytest
import safetensors.torch
import timm
import torch
import torch.nn.functional as F
from torch import nn

from serbench.errors import UsageError, WeightsError
from serbench.model.backbone import Freezing
from serbench.model.weights import file_identity
from serbench.plugins import Plugins

BACKBONES = Plugins().backbones
SMALL = ["homebrew", "mobilenetv3_small_050", "resnet18", "convnext_atto"]
LARGER = ["tf_efficientnetv2_b0", "inception_v3", "vit_tiny_patch16_224"]
N_CLASSES = 6


def build(name, n_classes=N_CLASSES, weights="none"):
    """A fresh network whose random numbers are always the same."""
    torch.manual_seed(0)
    return BACKBONES.get(name).build(n_classes, weights).module


def on_paper(name, n_classes=N_CLASSES):
    """A network without memory or values: names and shapes only."""
    with torch.device("meta"):
        return BACKBONES.get(name).build(n_classes, "none").module


def images_for(name, n_clips=2, device="cpu"):
    """Random feature images of the size that the backbone asks for, or smaller where it may."""
    spec = BACKBONES.get(name).input_spec()
    size = (64, 64) if name in SMALL and device == "cpu" else (spec.height, spec.width)
    generator = torch.Generator().manual_seed(0)
    return torch.randn(n_clips, spec.channels, *size, generator=generator).to(device)


def head_of(name, module):
    """Names of the parameters that belong to no stage."""
    staged = {parameter for stage in BACKBONES.get(name).stages(module) for parameter in stage}
    return [each for each, _ in module.named_parameters() if each not in staged]


def frozen(name, module, depth):
    freezing = Freezing(module, BACKBONES.get(name).stages(module), depth)
    freezing.train()
    return freezing


def learning(module):
    return {name for name, parameter in module.named_parameters() if parameter.requires_grad}


@pytest.mark.parametrize("name", SMALL)
def test_feature_images_become_logits(name):
    module = build(name).eval()
    images = images_for(name, n_clips=3)
    with torch.inference_mode():
        logits = module(images)
        alone = module(images[1:2])
    assert logits.shape == (3, N_CLASSES)
    assert logits.dtype == torch.float32
    assert logits.isfinite().all()
    torch.testing.assert_close(alone[0], logits[1], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", [*SMALL, *LARGER])
def test_there_are_as_many_logits_as_emotions(name):
    module = on_paper(name, n_classes=9).eval()
    assert module(images_for(name, device="meta")).shape == (2, 9)


@pytest.mark.parametrize("name", [*SMALL, *LARGER])
def test_the_input_has_a_mean_and_a_deviation_for_each_channel(name):
    spec = BACKBONES.get(name).input_spec()
    assert spec.channels == len(spec.mean) == len(spec.std)
    assert spec.channels in (1, 3)
    assert min(spec.std) > 0
    assert isinstance(spec.mean, tuple)
    assert isinstance(spec.std, tuple)


@pytest.mark.parametrize("name", [*SMALL, *LARGER])
def test_stages_hold_every_parameter_but_the_last_layers_exactly_once(name):
    module = on_paper(name)
    staged = [each for stage in BACKBONES.get(name).stages(module) for each in stage]
    everything = [each for each, _ in module.named_parameters()]
    assert len(staged) == len(set(staged))
    assert set(staged) <= set(everything)
    head = head_of(name, module)
    assert len(head) == 2
    assert {module.get_parameter(each).shape[0] for each in head} == {N_CLASSES}
    assert everything[-2:] == head
    assert all(BACKBONES.get(name).stages(module)), "no stage is empty"


@pytest.mark.parametrize(("name", "count"), [("homebrew", 4), ("resnet18", 5)])
def test_the_number_of_stages_is_what_the_architecture_says(name, count):
    assert len(BACKBONES.get(name).stages(on_paper(name))) == count


@pytest.mark.parametrize("name", [*SMALL, *LARGER, "convformer_s18", "pit_ti_224", "rdnet_tiny"])
def test_stages_are_ordered_from_the_input_on(name):
    """Leaf modules are reached in the order of the stages their parameters are in."""
    module = on_paper(name).eval()
    stage_of = {
        parameter: number
        for number, stage in enumerate(BACKBONES.get(name).stages(module))
        for parameter in stage
    }
    reached = []
    for leaf_name, leaf in module.named_modules():
        own = [f"{leaf_name}.{each}" for each, _ in leaf.named_parameters(recurse=False)]
        numbers = {stage_of[each] for each in own if each in stage_of}
        if leaf_name and numbers:
            (number,) = numbers
            leaf.register_forward_pre_hook(
                lambda module, inputs, number=number: reached.append(number)
            )
    module(images_for(name, device="meta"))
    firsts = list(dict.fromkeys(reached))
    assert firsts == sorted(firsts)
    assert len(firsts) > 1


@pytest.mark.parametrize("name", [*SMALL, *LARGER])
def test_the_deeper_the_freeze_the_less_learns_and_the_last_layer_always_does(name):
    module = on_paper(name)
    stages = BACKBONES.get(name).stages(module)
    head = set(head_of(name, module))
    before = {each for each, _ in module.named_parameters()} | {"more"}
    for depth in range(len(stages) + 1):
        Freezing(module, stages, depth)
        now = learning(module)
        assert now < before
        assert head <= now
        assert now == head | {each for stage in stages[depth:] for each in stage}
        before = now
    assert before == head


def test_thawing_undoes_freezing():
    module = on_paper("homebrew")
    stages = BACKBONES.get("homebrew").stages(module)
    Freezing(module, stages, 4)
    Freezing(module, stages, 0).train()
    assert learning(module) == {each for each, _ in module.named_parameters()}
    assert all(part.training for part in module.modules())


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("part", [0, 1, -1])
def test_a_training_step_moves_what_learns_and_nothing_else(name, part):
    module = build(name)
    stages = BACKBONES.get(name).stages(module)
    depth = part % (len(stages) + 1)
    frozen(name, module, depth)
    still = {each for stage in stages[:depth] for each in stage}
    before = {each: value.clone() for each, value in module.state_dict().items()}
    logits = module(images_for(name, n_clips=4))
    F.cross_entropy(logits, torch.arange(4)).backward()
    for each, parameter in module.named_parameters():
        if each in still:
            assert parameter.grad is None, each
        else:
            assert parameter.grad is not None, each
            assert parameter.grad.isfinite().all(), each
    torch.optim.SGD((p for p in module.parameters() if p.requires_grad), lr=0.1).step()
    after = module.state_dict()
    for each in still:
        assert torch.equal(after[each], before[each]), each
    for each in head_of(name, module):
        assert not torch.equal(after[each], before[each]), each


@pytest.mark.parametrize("name", ["homebrew", "mobilenetv3_small_050", "resnet18"])
def test_frozen_batch_norms_keep_their_statistics(name):
    module = build(name)
    stages = BACKBONES.get(name).stages(module)
    still = {each for stage in stages[:2] for each in stage}
    frozen(name, module, 2)
    norms = {path: part for path, part in module.named_modules() if hasattr(part, "running_mean")}
    before = {path: norm.running_mean.clone() for path, norm in norms.items()}
    module(images_for(name, n_clips=4) + 1)
    for path, norm in norms.items():
        unchanged = torch.equal(norm.running_mean, before[path])
        assert unchanged == (f"{path}.weight" in still), path
        assert unchanged != norm.training, path


@pytest.mark.parametrize("name", SMALL)
def test_no_graph_is_built_through_frozen_stages(name):
    module = build(name)
    stages = BACKBONES.get(name).stages(module)
    depth = len(stages) // 2
    frozen(name, module, depth)
    still = {each for stage in stages[:depth] for each in stage}
    seen = {}
    for path, part in module.named_modules():
        own = [f"{path}.{each}" for each, _ in part.named_parameters()]
        if own and still.issuperset(own):
            part.register_forward_hook(
                lambda module, inputs, output, path=path: seen.update({path: output.requires_grad})
            )
    logits = module(images_for(name))
    assert logits.requires_grad
    assert seen
    assert not any(seen.values()), seen


def test_dropout_inside_a_frozen_stage_is_off():
    module = nn.Sequential(nn.Sequential(nn.Linear(2, 2), nn.Dropout(0.5)), nn.Linear(2, 2))
    Freezing(module, [["0.0.weight", "0.0.bias"]], 1).train()
    assert not module[0][1].training
    assert module[1].training


@pytest.mark.parametrize("name", [*SMALL, *LARGER])
def test_the_papers_freeze_depth_is_one_of_the_depths(name):
    module = on_paper(name)
    depth = BACKBONES.get(name).paper_freeze_depth(module)
    assert 0 <= depth <= len(BACKBONES.get(name).stages(module))
    assert (depth > 0) == (name == "inception_v3")


@pytest.mark.parametrize("name", ["inception_v3", "inception_v3.tf_in1k"])
def test_of_inception_the_paper_trained_the_last_eight_mixed_layers(name):
    module = on_paper(name)
    backbone = BACKBONES.get(name)
    Freezing(module, backbone.stages(module), backbone.paper_freeze_depth(module))
    assert {each.split(".")[0] for each in learning(module)} == {
        *("Mixed_6a", "Mixed_6b", "Mixed_6c", "Mixed_6d", "Mixed_6e"),
        *("Mixed_7a", "Mixed_7b", "Mixed_7c"),
        "fc",
    }


@pytest.mark.parametrize("name", ["homebrew", "mobilenetv3_small_050"])
def test_without_weights_the_identity_is_none(name):
    assert BACKBONES.get(name).build(N_CLASSES, "none").weights == "none"


def test_homebrew_has_no_weights_of_its_own():
    assert BACKBONES.get("homebrew").build(N_CLASSES, "default").weights == "none"


@pytest.mark.parametrize("name", ["homebrew", "mobilenetv3_small_050"])
def test_random_weights_come_from_torchs_seed(name):
    first, same = build(name).state_dict(), build(name).state_dict()
    assert all(torch.equal(first[each], same[each]) for each in first)


@pytest.fixture(params=[".safetensors", ".pth"])
def save(request, tmp_path):
    """``save(module)`` writes a weights file of either kind and gives its path."""

    def write(state):
        path = tmp_path / f"trained{request.param}"
        if request.param == ".safetensors":
            safetensors.torch.save_file(state, path)
        else:
            torch.save(state, path)
        return path

    return write


@pytest.mark.parametrize("name", ["homebrew", "mobilenetv3_small_050"])
def test_a_file_of_as_many_emotions_is_loaded_whole(name, save):
    torch.manual_seed(1)
    trained = BACKBONES.get(name).build(N_CLASSES, "none").module.state_dict()
    path = save(trained)
    torch.manual_seed(2)
    built = BACKBONES.get(name).build(N_CLASSES, str(path))
    assert built.weights == file_identity(path)
    assert built.weights.startswith(f"file:{path.name}:")
    loaded = built.module.state_dict()
    assert all(torch.equal(loaded[each], trained[each]) for each in trained)


@pytest.mark.parametrize("name", ["homebrew", "mobilenetv3_small_050"])
def test_of_a_file_of_other_emotions_all_but_the_last_layer_is_loaded(name, save):
    torch.manual_seed(1)
    trained = BACKBONES.get(name).build(4, "none").module.state_dict()
    torch.manual_seed(2)
    module = BACKBONES.get(name).build(N_CLASSES, str(save(trained))).module
    head = head_of(name, module)
    loaded = module.state_dict()
    assert {each for each in trained if loaded[each].shape != trained[each].shape} == set(head)
    assert all(torch.equal(loaded[e], trained[e]) for e in trained if e not in head)
    assert module.get_parameter(head[0]).std() > 0


def test_a_last_layer_may_be_missing_from_the_file(save):
    trained = build("homebrew").state_dict()
    headless = {each: value for each, value in trained.items() if not each.startswith("head.")}
    loaded = build("homebrew", weights=str(save(headless))).state_dict()
    assert all(torch.equal(loaded[each], headless[each]) for each in headless)


@pytest.mark.parametrize("name", ["homebrew", "mobilenetv3_small_050"])
def test_the_weights_of_another_network_are_refused(name, save):
    path = save({"layer1.weight": torch.zeros(3, 3), "layer1.bias": torch.zeros(3)})
    with pytest.raises(WeightsError, match="does not fit this backbone"):
        BACKBONES.get(name).build(N_CLASSES, str(path))


def test_a_file_with_one_wrong_shape_is_refused_by_name(save):
    trained = build("homebrew").state_dict()
    trained["block1.0.weight"] = torch.zeros(1)
    with pytest.raises(WeightsError, match=r"1 tensors differ, such as block1\.0\.weight"):
        BACKBONES.get("homebrew").build(N_CLASSES, str(save(trained)))


@pytest.mark.parametrize("name", ["homebrew", "mobilenetv3_small_050"])
def test_a_missing_file_is_an_error_that_names_it(name, tmp_path):
    with pytest.raises(WeightsError, match=r"no weights at .*nowhere\.pth"):
        BACKBONES.get(name).build(N_CLASSES, str(tmp_path / "nowhere.pth"))


@pytest.mark.parametrize("file", ["weights.safetensors", "weights.pth"])
@pytest.mark.parametrize("content", [b"", b"hello, I am a text file\n", bytes(range(256)) * 20])
def test_garbage_is_refused(file, content, tmp_path):
    (tmp_path / file).write_bytes(content)
    with pytest.raises(WeightsError, match="cannot be read as weights"):
        BACKBONES.get("homebrew").build(N_CLASSES, str(tmp_path / file))


@pytest.fixture
def no_network(monkeypatch, tmp_path):
    """A Hugging Face hub that can neither be reached nor has been asked before."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HOME", str(tmp_path))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.mark.usefixtures("no_network")
def test_weights_that_cannot_be_fetched_are_an_error_that_names_the_ways_out():
    with pytest.raises(WeightsError) as failure:
        BACKBONES.get("mobilenetv3_small_050").build(N_CLASSES, "default")
    message = str(failure.value)
    assert "mobilenetv3_small_050" in message
    assert "connect to the internet" in message
    assert "HF_HOME" in message
    assert "--weights FILE" in message
    assert "--weights none" in message
    assert "\n" not in message


@pytest.mark.usefixtures("no_network")
def test_a_network_nobody_has_trained_is_never_started_at_random_by_default():
    untrained = next(
        name for name in timm.list_models("*nano*") if not timm.models.is_model_pretrained(name)
    )
    with pytest.raises(WeightsError):
        BACKBONES.get(untrained).build(N_CLASSES, "default")


def test_fetched_weights_are_identified_by_architecture_and_tag(monkeypatch):
    asked = {}
    create = timm.create_model

    def fetch(name, *, pretrained, num_classes):
        asked.update(name=name, pretrained=pretrained)
        return create(name, pretrained=False, num_classes=num_classes)

    monkeypatch.setattr(timm, "create_model", fetch)
    built = BACKBONES.get("mobilenetv3_small_050").build(N_CLASSES, "default")
    assert asked == {"name": "mobilenetv3_small_050", "pretrained": True}
    assert built.weights == "timm:mobilenetv3_small_050.lamb_in1k"


@pytest.mark.skipif("qwen3_vit_88m_enc" not in BACKBONES, reason="older timm")
def test_an_encoder_without_a_last_layer_is_refused():
    with torch.device("meta"), pytest.raises(UsageError, match="no last layer for classes"):
        BACKBONES.get("qwen3_vit_88m_enc").build(N_CLASSES, "none")


def small_timm_names(count):
    """A random choice, always the same, of architectures that are quick to write down."""
    sizes = ("tiny", "nano", "atto", "pico", "femto", "small", "18", "b0", "xxs")
    names = [n for n in timm.list_models() if any(size in n for size in sizes) and "enc" not in n]
    return random.Random(20240607).sample(names, count)


@pytest.mark.parametrize("name", small_timm_names(8))
def test_any_small_timm_network_can_be_built_and_frozen(name):
    module = on_paper(name)
    backbone = BACKBONES.get(name)
    stages = backbone.stages(module)
    assert len(stages) >= 2
    staged = [each for stage in stages for each in stage]
    head = head_of(name, module)
    assert len(staged) == len(set(staged))
    assert head
    Freezing(module, stages, len(stages)).train()
    assert learning(module) == set(head)
    assert backbone.input_spec().channels == 3
    assert backbone.front_end in Plugins().front_ends


def test_every_timm_architecture_is_offered_with_and_without_its_tags():
    assert set(timm.list_models()) <= {backbone.name for backbone in BACKBONES}
    assert "inception_v3.tf_in1k" in BACKBONES
