"""What every backbone promises of its network: images in, vectors out, anywhere it may run."""

from __future__ import annotations

import torch
from torch import nn

from serbench.data.licence import COMMERCIAL, Licence
from serbench.model.backbone import DEFAULT_WEIGHTS, NO_WEIGHTS, Backbone, Built
from serbench.plugins import Plugins
from serbench.testing.networks import (
    answers_of,
    build,
    classifier,
    images_for,
)
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
    require(name in Plugins().front_ends, f"no plugin registers front end '{name}'")


def what_its_weights_were_trained_on_is_named_or_unknown(backbone: Backbone) -> None:
    """Corpora of the published weights are names in lower case, or None; random ones have none."""
    random = backbone.training_corpora(NO_WEIGHTS)
    require(random == (), f"random weights are of corpora {random}")
    for weights in (DEFAULT_WEIGHTS, "some/file.safetensors"):
        corpora = backbone.training_corpora(weights)
        named = corpora is None or (
            isinstance(corpora, tuple)
            and all(isinstance(name, str) and name == name.lower().strip() for name in corpora)
        )
        require(named, f"weights '{weights}' are of corpora {corpora!r}")


def the_licence_of_its_weights_is_stated(backbone: Backbone) -> None:
    """A ``Licence`` for every kind of weights; random ones need none."""
    for weights in (NO_WEIGHTS, DEFAULT_WEIGHTS, "some/file.safetensors"):
        licence = backbone.licence(weights)
        require(
            isinstance(licence, Licence) and licence.commercial in COMMERCIAL,
            f"the licence of weights '{weights}' is {licence!r}, not a Licence",
        )
    random = backbone.licence(NO_WEIGHTS)
    require(random.commercial == "yes", f"random weights have licence {random!r}: give NOTHING")


def it_builds_a_network(backbone: Backbone) -> None:
    """What is built is a ``Built`` with a module in it."""
    built = build(backbone)
    require(isinstance(built, Built), f"{type(built).__name__} is no Built")
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


def images_become_vectors_of_the_width_it_states(backbone: Backbone) -> None:
    """Each image becomes one row of finite float32 values, as many as ``width``."""
    built = build(backbone)
    vectors = answers_of(built.module, images_for(backbone, 3))
    shape = tuple(vectors.shape)
    require(shape == (3, built.width), f"three images and width {built.width} give {shape}")
    require(vectors.dtype == torch.float32, f"the vectors are {vectors.dtype}, not float32")
    require(bool(vectors.isfinite().all()), "the vectors are not finite")


def every_tap_can_be_read(backbone: Backbone) -> None:
    """``features`` gives out each tap that is named, a row for each clip, and no other."""
    require(len(backbone.taps) > 0, "it names no tap: there is nothing to read out")
    module, images = build(backbone).module.eval(), images_for(backbone, 2)
    for tap in backbone.taps:
        with torch.inference_mode():
            features = backbone.features(module, images, None, [tap])
        require(set(features.taps) == {tap}, f"asked for {tap}, it gives {sorted(features.taps)}")
        shape = tuple(features.taps[tap].shape)
        require(len(shape) in (2, 3) and shape[0] == 2, f"tap {tap} of two clips has shape {shape}")


def a_last_layer_of_its_own_fits(backbone: Backbone) -> None:
    """A last layer that is handed on has a row for each emotion; for no emotions there is none."""
    for n_classes in (2, 9):
        built = build(backbone, n_classes)
        if built.head is not None:
            shape = tuple(built.head["weight"].shape)
            require(shape == (n_classes, built.width), f"{n_classes} emotions: layer {shape}")
            require(tuple(built.head["bias"].shape) == (n_classes,), "its bias does not fit")
    require(build(backbone, None).head is None, "a last layer is handed on for no emotions")


def a_batch_of_one_gives_what_it_gives_with_others(backbone: Backbone) -> None:
    """In evaluation mode a clip's vector is the same alone and in a batch."""
    module, images = build(backbone).module, images_for(backbone, 3)
    together = answers_of(module, images)
    alone = answers_of(module, images[1:2])
    require_close(alone[0], together[1], "a clip's vector depends on the others in its batch")


def called_twice_it_gives_the_same(backbone: Backbone) -> None:
    """In evaluation mode nothing is random: neither dropout nor anything else."""
    module, images = build(backbone).module, images_for(backbone, 2)
    first = answers_of(module, images)
    require_equal(answers_of(module, images), first, "called twice, it gives two vectors")


def the_order_in_memory_does_not_matter(backbone: Backbone) -> None:
    """Images with channels last, as front ends deliver them, and channels first give the same."""
    module, images = build(backbone).module, images_for(backbone, 2)
    first = answers_of(module, images.contiguous())
    last = answers_of(module.to(memory_format=torch.channels_last), images)
    require_close(last, first, "vectors depend on the order of the images in memory")


def the_images_are_left_alone(backbone: Backbone) -> None:
    """The images are not changed in place."""
    images = images_for(backbone, 2)
    before = images.clone()
    answers_of(build(backbone).module, images)
    require_equal(images, before, "it changes the images it is given: work on a copy")


def it_exports_to_onnx(backbone: Backbone) -> None:
    """Exported by ``torch.onnx`` with a linear head, ONNX Runtime agrees to a thousandth."""
    network, images = classifier(backbone), images_for(backbone, 1)
    exported = onnx_logits(network, images)
    require_close(exported, answers_of(network, images), "ONNX Runtime answers otherwise")
