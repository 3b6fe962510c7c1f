"""A small frozen backbone with two taps of frames, and jobs that train heads on it."""

from dataclasses import dataclass, replace

import torch
from torch import nn

from making.scripted import MATERIAL, make_search
from serbench.data.licence import NOTHING
from serbench.execute.executor import JobContext
from serbench.execute.feature_cache import FeatureCache
from serbench.execute.networks import build_network
from serbench.model.backbone import Built, Features
from serbench.model.frontend import InputSpec
from serbench.model.ranges import Range
from serbench.model.recipe import Configuration
from serbench.plugins import Plugins

WIDTH = 6


class Layers(nn.Module):
    """Images ``[B, 1, 16, T]`` → the frames ``[B, T, 6]`` of each layer."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(16, WIDTH)
        self.second = nn.Linear(WIDTH, WIDTH)

    def forward(self, images):
        outputs = [torch.tanh(self.first(images[:, 0].transpose(1, 2)))]
        if hasattr(self, "second"):
            outputs.append(torch.tanh(self.second(outputs[0])))
        return outputs


@dataclass(frozen=True)
class TwoLayers:
    """A backbone whose weights are always those of one seed, with a name other than ``none``.

    Attributes:
        factor: by which the first layer is multiplied; NaN gives NaN features.
        calls: the taps of each call of ``features``.
    """

    factor: float = 1.0
    calls: list = None
    name: str = "two-layers"
    front_end: str = "mel"
    head: str = "linear"
    taps: tuple = ("1", "2")
    readouts: tuple = ("1-2/mean+std", "1/mean", "all/mean+std/weighted")
    takes_lengths: bool = True
    augmentations: tuple = ()

    def input_spec(self):
        return InputSpec(channels=1, height=16, width=20, mean=(0.5,), std=(0.25,))

    def build(self, weights, n_classes=None):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(3)
            module = Layers()
        return Built(module, "test:two-layers", {"1": WIDTH, "2": WIDTH})

    def cut(self, module, taps):
        if "2" not in taps:
            del module.second
        return module

    def features(self, module, inputs, lengths, taps):
        if self.calls is not None:
            self.calls.append(tuple(taps))
        outputs = dict(zip(self.taps, module(inputs), strict=False))
        return Features({tap: self.factor * outputs[tap] for tap in taps}, lengths)

    def stages(self, module):
        return [
            [f"{part}.weight", f"{part}.bias"]
            for part in ("first", "second")
            if hasattr(module, part)
        ]

    def freeze_depths(self, module):
        return Range(0, len(self.stages(module)), len(self.stages(module)))

    def training_corpora(self, weights):
        return ()

    def licence(self, weights):
        return NOTHING


def plugins_with(backbone):
    """All plugins and one more backbone."""
    plugins = Plugins()
    get, versions = plugins.backbones.get, plugins.version_of
    owners = plugins.backbones.owners
    plugins.backbones.get = lambda name: backbone if name == backbone.name else get(name)
    plugins.backbones.owners = lambda: {**owners(), backbone.name: "tests"}
    plugins.version_of = lambda plugin: "tests 1" if plugin == "tests" else versions(plugin)
    return plugins


def context_of(backbone, folder, material=MATERIAL, limit=10**9):
    """A job context with this backbone and a cache of features in a folder."""
    cache = FeatureCache(folder, limit)
    return JobContext(plugins_with(backbone), {MATERIAL.key: material}, cache)


def job_of(readout, head="linear", epochs=4, **parameters):
    """A job that trains or fits a head on the frozen backbone."""
    search = make_search(protocol="speaker-2:holdout", epochs=2)
    configuration = Configuration(readout, 1e-2, 0.01, 2, {}, parameters)
    job = search.job(0, replace(configuration, readout="pooled"), 0)
    recipe = replace(
        job.recipe, backbone="two-layers", weights="default", readout=readout, head=head
    )
    return replace(
        job,
        recipe=replace(recipe, augmentations=(), epochs=epochs),
        configuration=configuration,
        frozen=True,
        taps=("1", "2"),
    )


def network_of(job, context):
    """The whole network of a job, in the state in which a training starts."""
    emotions = len(context.material(job.material).manifest.emotions)
    return build_network(
        job.recipe, context.plugins, emotions, {}, job.configuration.head, job.seed
    )[0]
