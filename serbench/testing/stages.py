"""What every backbone promises of its stages: frozen from the input on, they stay as they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest import SkipTest

import torch
import torch.nn.functional as F
from torch import nn

from serbench.model.backbone import Backbone
from serbench.model.network import Freezing
from serbench.testing.networks import (
    answers_of,
    build,
    classifier,
    depths_of,
    freeze,
    images_for,
)
from serbench.testing.require import require, require_equal


def _learning(module: nn.Module) -> set[str]:
    return {name for name, parameter in module.named_parameters() if parameter.requires_grad}


def _backward(backbone: Backbone, network: nn.Module) -> None:
    logits = network(images_for(backbone, 4))
    torch.autograd.backward(F.cross_entropy(logits, torch.arange(4)))


def stages_are_disjoint(backbone: Backbone) -> None:
    """There are stages, none is empty, and no parameter is in two."""
    stages = backbone.stages(build(backbone).module)
    require(len(stages) > 0, "it has no stages: there is nothing to freeze")
    empty = [number for number, stage in enumerate(stages) if not stage]
    require(not empty, f"stages {empty} hold no parameter")
    staged = [name for stage in stages for name in stage]
    twice = sorted({name for name in staged if staged.count(name) > 1})
    require(not twice, f"{len(twice)} parameters are in more than one stage, such as {twice[:1]}")


def stages_hold_every_parameter(backbone: Backbone) -> None:
    """Every name in a stage is a parameter's, and every parameter is in a stage."""
    module = build(backbone).module
    names = {name for name, _ in module.named_parameters()}
    staged = {name for stage in backbone.stages(module) for name in stage}
    unknown, forgotten = sorted(staged - names), sorted(names - staged)
    require(not unknown, f"there is no parameter {unknown[:1]}, which a stage names")
    require(not forgotten, f"{forgotten[:1]} is in no stage")


def stages_are_ordered_from_the_input_on(backbone: Backbone) -> None:
    """Layers are reached in the order of the stages their parameters are in."""
    module = build(backbone).module
    stages = enumerate(backbone.stages(module))
    stage_of = {name: number for number, stage in stages for name in stage}
    reached: list[int] = []
    for layer, part in module.named_modules():
        own = [name for name, _ in part.named_parameters(prefix=layer, recurse=False)]
        numbers = sorted({stage_of[name] for name in own if name in stage_of})
        if layer and numbers:
            require(len(numbers) == 1, f"layer {layer} is in several stages: {numbers}")
            part.register_forward_pre_hook(_appending(reached, numbers[0]))
    answers_of(module, images_for(backbone, 1))
    if not reached:
        raise SkipTest("no stage's parameters belong to a module that is called")
    order = list(dict.fromkeys(reached))
    require(order == sorted(order), f"stages are reached in the order {order}")


def _appending(reached: list[int], number: int) -> Callable[[nn.Module, Any], None]:
    return lambda module, inputs: reached.append(number)


def deeper_freezing_never_frees_a_parameter(backbone: Backbone) -> None:
    """Each stage more that is frozen lets less learn; with all of them frozen nothing learns."""
    module = build(backbone).module
    stages = backbone.stages(module)
    before = {name for name, _ in module.named_parameters()}
    for depth in range(len(stages) + 1):
        Freezing(module, stages, depth)
        now = _learning(module)
        freed = sorted(now - before)
        require(not freed, f"at depth {depth} {freed[:1]} learns, and did not before")
        require(depth == 0 or now < before, f"depth {depth} freezes no more than {depth - 1}")
        before = now
    require(not before, "with all stages frozen something learns")


def thawing_undoes_freezing(backbone: Backbone) -> None:
    """Frozen whole and thawed again, everything learns and nothing stays in evaluation mode."""
    network = classifier(backbone)
    names = _learning(network)
    freeze(backbone, network, len(backbone.stages(network.backbone)))
    freeze(backbone, network, 0)
    require(_learning(network) == names, "some parameters stay frozen")
    learning = (*network.backbone.modules(), *network.head.modules())
    training = all(part.training for part in learning)
    require(training, "some modules stay in evaluation mode")


def gradients_reach_what_learns_and_nothing_else(backbone: Backbone) -> None:
    """Frozen not at all, half or whole: what learns gets a finite gradient, the rest none."""
    network = classifier(backbone)
    for depth in depths_of(backbone, network.backbone):
        frozen = freeze(backbone, network, depth)
        network.zero_grad(set_to_none=True)
        _backward(backbone, network)
        for name, parameter in network.named_parameters():
            gradient = parameter.grad
            if name in frozen:
                require(gradient is None, f"at depth {depth} {name} is frozen and gets a gradient")
            else:
                require(gradient is not None, f"at depth {depth} no gradient reaches {name}")
                finite = gradient is not None and bool(gradient.isfinite().all())
                require(finite, f"at depth {depth} the gradient of {name} is not finite")


def a_step_moves_the_head_and_nothing_frozen(backbone: Backbone) -> None:
    """A training step leaves frozen parameters alone, and frozen batch norms' statistics too."""
    for depth in depths_of(backbone, build(backbone).module):
        network = classifier(backbone)
        frozen = freeze(backbone, network, depth)
        before = {name: values.clone() for name, values in network.state_dict().items()}
        _backward(backbone, network)
        learning = [each for each in network.parameters() if each.requires_grad]
        torch.optim.SGD(learning, lr=0.1).step()
        after = network.state_dict()
        still = frozen | {
            buffer
            for path, part in network.named_modules()
            for buffer, _ in part.named_buffers(prefix=path, recurse=False)
            if frozen & {name for name, _ in part.named_parameters(prefix=path, recurse=False)}
        }
        for name in sorted(still & after.keys()):
            require_equal(after[name], before[name], f"at depth {depth} frozen {name} moves")
        moved = not torch.equal(after["head.weight"], before["head.weight"])
        require(moved, f"at depth {depth} the head does not move")


def no_graph_is_built_through_frozen_stages(backbone: Backbone) -> None:
    """What consists of frozen parameters is computed without a graph, hence in less time."""
    network = classifier(backbone)
    frozen = freeze(backbone, network, len(backbone.stages(network.backbone)) // 2)
    graphs: dict[str, bool] = {}
    for path, part in network.named_modules():
        own = {name for name, _ in part.named_parameters(prefix=path)}
        if own and own <= frozen:
            part.register_forward_hook(_noting(graphs, path))
    require(network(images_for(backbone, 2)).requires_grad, "the logits need no gradient")
    through = [path for path, graph in graphs.items() if graph]
    require(not through, f"a graph is built through frozen {through[:1]}")


def _noting(graphs: dict[str, bool], path: str) -> Callable[[nn.Module, Any, Any], None]:
    def note(module: nn.Module, inputs: Any, output: Any) -> None:
        graphs[path] = bool(getattr(output, "requires_grad", False))

    return note


def the_initial_freeze_depth_is_one_of_the_depths(backbone: Backbone) -> None:
    """The depth that is tried first is between no stage and all of them."""
    module = build(backbone).module
    depth, stages = backbone.initial_freeze_depth(module), len(backbone.stages(module))
    require(0 <= depth <= stages, f"the initial freeze depth is {depth} of {stages} stages")
