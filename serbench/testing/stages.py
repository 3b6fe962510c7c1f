"""Requirements on the stages of every backbone, which can be frozen from the input on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from unittest import SkipTest

import torch
import torch.nn.functional as F
from torch import nn

from serbench.model.backbone import Backbone
from serbench.model.network import Freezing
from serbench.model.readout import ReadOut
from serbench.testing.networks import (
    build,
    classifier,
    depths_of,
    freeze,
    images_for,
    taps_of,
)
from serbench.testing.require import require, require_equal


def _learning(module: nn.Module) -> set[str]:
    return {name for name, parameter in module.named_parameters() if parameter.requires_grad}


def _backward(backbone: Backbone, network: nn.Module) -> None:
    logits = network(images_for(backbone, 4))
    torch.autograd.backward(F.cross_entropy(logits, torch.arange(4)))


def stages_are_disjoint(backbone: Backbone) -> None:
    """No stage is empty, no parameter is in two, and only a network without any has no stage."""
    module = build(backbone).module
    stages = backbone.stages(module)
    learns = len(list(module.parameters())) > 0
    require(len(stages) > 0 or not learns, "it has no stages")
    empty = [number for number, stage in enumerate(stages) if not stage]
    require(not empty, f"stages {empty} have no parameter")
    staged = [name for stage in stages for name in stage]
    twice = sorted({name for name in staged if staged.count(name) > 1})
    require(not twice, f"{len(twice)} parameters are in more than one stage, such as {twice[:1]}")


def stages_contain_every_parameter(backbone: Backbone) -> None:
    """Every name in a stage is the name of a parameter, and every parameter is in a stage."""
    module = build(backbone).module
    names = {name for name, _ in module.named_parameters()}
    staged = {name for stage in backbone.stages(module) for name in stage}
    unknown, forgotten = sorted(staged - names), sorted(names - staged)
    require(not unknown, f"a stage names {unknown[:1]}, which is not a parameter")
    require(not forgotten, f"{forgotten[:1]} is not in a stage")


def stages_are_ordered_from_the_input_on(backbone: Backbone) -> None:
    """Layers are executed in the order of the stages of their parameters."""
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
    taps_of(backbone, module, images_for(backbone, 1), backbone.taps[-1:])
    if not reached:
        raise SkipTest("no module with parameters of a stage is called")
    order = list(dict.fromkeys(reached))
    require(order == sorted(order), f"stages are executed in the order {order}")


def _appending(reached: list[int], number: int) -> Callable[[nn.Module, Any], None]:
    return lambda module, inputs: reached.append(number)


def a_greater_freeze_depth_freezes_more_parameters(backbone: Backbone) -> None:
    """Each further frozen stage leaves fewer trainable parameters, and the last one leaves none."""
    module = build(backbone).module
    stages = backbone.stages(module)
    before = {name for name, _ in module.named_parameters()}
    for depth in range(len(stages) + 1):
        Freezing(module, stages, depth)
        now = _learning(module)
        freed = sorted(now - before)
        require(not freed, f"at depth {depth} {freed[:1]} is trainable, and was frozen before")
        require(depth == 0 or now < before, f"depth {depth} freezes no more than {depth - 1}")
        before = now
    require(not before, "with all stages frozen some parameters are trainable")


def unfreezing_undoes_freezing(backbone: Backbone) -> None:
    """After freezing and unfreezing all stages, everything is trainable and in training mode."""
    network = classifier(backbone)
    names = _learning(network)
    freeze(backbone, network, len(backbone.stages(network.backbone)))
    freeze(backbone, network, 0)
    require(_learning(network) == names, "some parameters remain frozen")
    learning = (*network.backbone.modules(), *network.head.modules())
    training = all(part.training for part in learning)
    require(training, "some modules remain in evaluation mode")


def only_trainable_parameters_get_gradients(backbone: Backbone) -> None:
    """At every freeze depth, trainable parameters get finite gradients and frozen ones none."""
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
                require(gradient is not None, f"at depth {depth} {name} gets no gradient")
                finite = gradient is not None and bool(gradient.isfinite().all())
                require(finite, f"at depth {depth} the gradient of {name} is not finite")


def a_step_changes_the_head_and_no_frozen_part(backbone: Backbone) -> None:
    """A training step changes neither frozen parameters nor statistics of frozen batch norms."""
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
            require_equal(after[name], before[name], f"at depth {depth} frozen {name} changes")
        moved = not torch.equal(after["head.weight"], before["head.weight"])
        require(moved, f"at depth {depth} the head does not change")


def no_graph_is_built_through_frozen_stages(backbone: Backbone) -> None:
    """Modules whose parameters are all frozen are computed without a graph, which saves time."""
    network = classifier(backbone)
    frozen = freeze(backbone, network, len(backbone.stages(network.backbone)) // 2)
    graphs: dict[str, bool] = {}
    for path, part in network.named_modules():
        own = {name for name, _ in part.named_parameters(prefix=path)}
        if own and own <= frozen:
            part.register_forward_hook(_noting(graphs, path))
    require(network(images_for(backbone, 2)).requires_grad, "the logits require no gradient")
    through = [path for path, graph in graphs.items() if graph]
    require(not through, f"a graph is built through frozen {through[:1]}")


def _noting(graphs: dict[str, bool], path: str) -> Callable[[nn.Module, Any, Any], None]:
    def note(module: nn.Module, inputs: Any, output: Any) -> None:
        graphs[path] = bool(getattr(output, "requires_grad", False))

    return note


def its_freeze_depths_are_possible(backbone: Backbone) -> None:
    """The freeze depths are whole numbers from 0 to that of stages; the initial one is in them."""
    module = build(backbone).module
    depths, stages = backbone.freeze_depths(module), len(backbone.stages(module))
    numbers = (depths.low, depths.initial, depths.high)
    require(all(number == int(number) for number in numbers), f"a freeze depth of {numbers}")
    ordered = 0 <= depths.low <= depths.initial <= depths.high <= stages
    require(ordered, f"freeze depths {depths}, of {stages} stages")
    require(not depths.log, "freeze depths are not searched on a logarithmic scale")


def stages_of_a_cut_network_are_the_first_ones(backbone: Backbone) -> None:
    """After ``cut``, the stages are the first ones of the whole network, without what was cut."""
    whole = backbone.stages(build(backbone).module)
    for text in backbone.readouts:
        readout = ReadOut.parse(text, backbone.taps)
        module = backbone.cut(build(backbone).module, readout.taps)
        names = {name for name, _ in module.named_parameters()}
        expected = [[name for name in stage if name in names] for stage in whole]
        found = [list(stage) for stage in backbone.stages(module)]
        require(
            [sorted(stage) for stage in found] == [sorted(stage) for stage in expected if stage],
            f"the stages of the network that is cut for {text} are not the first ones",
        )
