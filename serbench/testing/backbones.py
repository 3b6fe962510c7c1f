"""What every backbone promises of its network: images in, logits out, anywhere it may run."""

from __future__ import annotations

import torch
from torch import nn

from serbench.model.backbone import NO_WEIGHTS, Backbone, BuiltBackbone
from serbench.plugins import Plugins
from serbench.testing.networks import N_CLASSES, build, images_for, logits_of
from serbench.testing.onnx import onnx_logits
from serbench.testing.require import require, require_close, require_equal, require_members


def it_has_everything_a_backbone_needs(backbone: Backbone) -> None:
    """Every attribute and method of ``Backbone`` is there and takes its arguments."""
    require_members(backbone, Backbone)


def its_input_has_a_mean_and_a_deviation_for_each_channel(backbone: Backbone) -> None:
    """The input specification is one that a front end can be built for."""
    spec = backbone.input_spec()
    counts = (spec.channels, len(spec.mean), len(spec.std))
    require(len(set(counts)) == 1, f"channels, means and deviations number {counts}")
    require(spec.channels > 0 < min(spec.height, spec.width), f"an image of no size: {spec}")
    require(min(spec.std) > 0, f"a deviation of {min(spec.std)}: it is divided by")
    tuples = isinstance(spec.mean, tuple) and isinstance(spec.std, tuple)
    require(tuples, "mean and std are to be tuples")


def its_front_end_is_registered(backbone: Backbone) -> None:
    """The front end it is used with by default is one that some installed plugin brings."""
    name = backbone.front_end
    require(name in Plugins().front_ends, f"nobody registers front end '{name}'")


def it_builds_a_network(backbone: Backbone) -> None:
    """What is built is a ``BuiltBackbone`` with a module in it."""
    built = build(backbone)
    require(isinstance(built, BuiltBackbone), f"{type(built).__name__} is no BuiltBackbone")
    require(isinstance(built.module, nn.Module), f"{type(built.module).__name__} is no nn.Module")


def random_weights_are_called_none(backbone: Backbone) -> None:
    """The identity of a network that was asked to start at random is ``none``."""
    identity = build(backbone).weights
    require(identity == NO_WEIGHTS, f"weights none are called '{identity}'")


def random_weights_come_from_torchs_seed(backbone: Backbone) -> None:
    """The same seed gives the same network, another one another."""
    first, same, other = (build(backbone, seed=seed).module.state_dict() for seed in (1, 1, 2))
    for name, values in first.items():
        require_equal(same[name], values, f"{name} differs between two networks of one seed")
    different = any(not torch.equal(other[name], values) for name, values in first.items())
    require(different, "two seeds give the same network")


def images_become_logits(backbone: Backbone) -> None:
    """Each image becomes one row of finite float32 logits."""
    logits = logits_of(build(backbone).module, images_for(backbone, 3))
    shape = tuple(logits.shape)
    require(shape == (3, N_CLASSES), f"three images and {N_CLASSES} emotions give {shape}")
    require(logits.dtype == torch.float32, f"the logits are {logits.dtype}, not float32")
    require(bool(logits.isfinite().all()), "the logits are not finite")


def there_are_as_many_logits_as_emotions(backbone: Backbone) -> None:
    """Two emotions or nine, the last layer has that many outputs."""
    for n_classes in (2, 9):
        logits = logits_of(build(backbone, n_classes).module, images_for(backbone, 1))
        shape = tuple(logits.shape)
        require(shape == (1, n_classes), f"{n_classes} emotions give logits {shape}")


def a_batch_of_one_says_what_it_says_in_company(backbone: Backbone) -> None:
    """In evaluation mode a clip's logits are the same alone and in a batch."""
    module, images = build(backbone).module, images_for(backbone, 3)
    together = logits_of(module, images)
    alone = logits_of(module, images[1:2])
    require_close(alone[0], together[1], "a clip's logits depend on the others in its batch")


def asked_twice_it_says_the_same(backbone: Backbone) -> None:
    """In evaluation mode nothing is random: neither dropout nor anything else."""
    module, images = build(backbone).module, images_for(backbone, 2)
    first = logits_of(module, images)
    require_equal(logits_of(module, images), first, "asked twice, it says two things")


def the_order_in_memory_does_not_matter(backbone: Backbone) -> None:
    """Images with channels last, as front ends deliver them, and channels first give the same."""
    module, images = build(backbone).module, images_for(backbone, 2)
    first = logits_of(module, images.contiguous())
    last = logits_of(module.to(memory_format=torch.channels_last), images)
    require_close(last, first, "logits depend on the order of the images in memory")


def the_images_are_left_alone(backbone: Backbone) -> None:
    """The images are not changed in place."""
    images = images_for(backbone, 2)
    before = images.clone()
    logits_of(build(backbone).module, images)
    require_equal(images, before, "it changes the images it is given: work on a copy")


def it_exports_to_onnx(backbone: Backbone) -> None:
    """Exported by ``torch.onnx``, ONNX Runtime says what PyTorch says, to a thousandth."""
    module, images = build(backbone).module, images_for(backbone, 1)
    exported = onnx_logits(module, images)
    require_close(exported, logits_of(module, images), "ONNX Runtime says something else")
