"""What every backbone promises: logits, ordered stages that can be frozen."""

import random

import pytest
import timm
import torch
import torch.nn.functional as F
from networks import BACKBONES, N_CLASSES, build, head_of, on_paper
from torch import nn

from serbench.errors import UsageError
from serbench.model.backbone import Freezing
from serbench.plugins import Plugins

SMALL = ["homebrew", "mobilenetv3_small_050", "resnet18", "convnext_atto"]
LARGER = ["tf_efficientnetv2_b0", "inception_v3", "vit_tiny_patch16_224"]


def images_for(name, n_clips=2, device="cpu"):
    """Random feature images of the size that the backbone asks for, or smaller where it may."""
    spec = BACKBONES.get(name).input_spec()
    size = (64, 64) if name in SMALL and device == "cpu" else (spec.height, spec.width)
    generator = torch.Generator().manual_seed(0)
    return torch.randn(n_clips, spec.channels, *size, generator=generator).to(device)


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
