"""Parity of exported networks with PyTorch, for networks with random weights."""

import dataclasses

import numpy as np
import torch

from serbench.builtin.onnx_runtime import OnnxRuntime
from serbench.data.clips import ClipFormat
from serbench.deploy.network import untrained_network
from serbench.model.deployable import Deployable, Recording
from serbench.model.recipe import Configuration
from serbench.plugins import Plugins
from serbench.search.plan import StudyPlan

N_CLASSES = 6


def deployable(backbone, front_end=None, readout=None, rate=None, seconds=2.618, seed=0, **plan):
    """A network of installed parts with random weights, in evaluation mode.

    Args:
        backbone: its name.
        front_end: by default the one that the backbone is used with.
        readout: by default the first of the backbone.
        rate: by default that of the front end, or 16,000 Hz.
        seconds: length of a clip.
        seed: of the weights.
        plan: further fields of the study's plan.
    """
    plugins = Plugins()
    chosen = plugins.backbones.get(backbone)
    first = plugins.front_ends.get(front_end or chosen.front_end)
    padding = "zeros" if chosen.takes_lengths else "reflect"
    values = {
        "backbone": backbone,
        "dataset": "none",
        "dataset_hash": "",
        "front_end": first.name,
        "schedule": "half-cycle",
        "protocol": "loso",
        "weights": "none",
        "trials": 1,
        "epochs": 1,
        "batch_size": 8,
        "seed": 0,
        "timeout": None,
        "head": chosen.head,
        "clip_format": ClipFormat(rate or first.sample_rate or 16_000, seconds, "rms", padding),
        "readouts": (readout or chosen.readouts[0],),
        "augmentations": (),
        **plan,
    }
    known = {field.name for field in dataclasses.fields(StudyPlan)}
    study = StudyPlan(**{name: value for name, value in values.items() if name in known})
    parameters = {"readout": study.readouts[0], "learning_rate": 0.001, "freeze_depth": 0}
    recipe = study.recipe_of(Configuration.from_parameters(parameters))
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = untrained_network(recipe, plugins, N_CLASSES)
    return Deployable(network, study.clip_format, temperature=1.3)


def recordings(made):
    """A chirp, noise, a short recording and silence."""
    samples, generator = made.clip_format.samples, torch.Generator().manual_seed(1)
    seconds = torch.arange(samples) / made.clip_format.sample_rate
    sounds = [
        0.5 * torch.sin(2 * torch.pi * 200 * seconds * (1 + seconds)),
        0.01 * torch.randn(samples, generator=generator),
    ]
    whole = torch.tensor([samples])
    return [
        *(Recording(sound[None], whole) for sound in sounds),
        Recording(sounds[0][None], torch.tensor([samples // 3])),
        Recording(torch.zeros(1, samples), whole),
    ]


def largest_error(made):
    """The largest difference of logits from PyTorch's, as a share of the largest logit or 1."""
    exported = OnnxRuntime().prepare(made, [], 1)
    given = recordings(made)
    with torch.inference_mode():
        expected = np.concatenate([made(*each).logits.numpy() for each in given])
    found = np.concatenate([exported(each) for each in given])
    assert np.ptp(expected, axis=0).max() > 0, "all recordings have the same logits"
    return float(np.abs(found - expected).max() / max(1.0, np.abs(expected).max()))
