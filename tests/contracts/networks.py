"""Networks of every backbone: in memory or on paper, and what their last layer is called."""

import torch

from serbench.plugins import Plugins

BACKBONES = Plugins().backbones
N_CLASSES = 6


def build(name, n_classes=N_CLASSES, weights="none"):
    """A fresh network whose random numbers are always the same."""
    torch.manual_seed(0)
    return BACKBONES.get(name).build(n_classes, weights).module


def on_paper(name, n_classes=N_CLASSES):
    """A network without memory or values: names and shapes only."""
    with torch.device("meta"):
        return BACKBONES.get(name).build(n_classes, "none").module


def head_of(name, module):
    """Names of the parameters that belong to no stage."""
    staged = {parameter for stage in BACKBONES.get(name).stages(module) for parameter in stage}
    return [each for each, _ in module.named_parameters() if each not in staged]
