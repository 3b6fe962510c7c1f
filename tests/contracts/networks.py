"""Networks of every backbone: in memory, or as names and shapes only."""

import torch

from serbench.plugins import Plugins

BACKBONES = Plugins().backbones
N_CLASSES = 6


def build(name, weights="none", n_classes=None):
    """A fresh network whose random numbers are always the same."""
    torch.manual_seed(0)
    return BACKBONES.get(name).build(weights, n_classes).module


def on_paper(name):
    """A network without memory or values: names and shapes only."""
    with torch.device("meta"):
        return BACKBONES.get(name).build("none").module
