"""Requirements on the network of every backbone, which turns images into vectors."""

from __future__ import annotations

import torch
from torch import nn

from serbench.data.licence import COMMERCIAL, Licence
from serbench.model.backbone import DEFAULT_WEIGHTS, NO_WEIGHTS, Backbone, Built, Features
from serbench.model.readout import ReadOut
from serbench.plugins import Plugins
from serbench.testing.networks import (
    build,
    classifier,
    images_for,
    initial_readout,
    logits_of,
    taps_of,
    vectors_of,
)
from serbench.testing.onnx import onnx_logits
from serbench.testing.require import require, require_close, require_equal, require_members


def it_has_everything_a_backbone_needs(backbone: Backbone) -> None:
    """It has every attribute and method of ``Backbone``, with the arguments of each."""
    require_members(backbone, Backbone)


def its_input_has_a_mean_and_a_standard_deviation_for_each_channel(backbone: Backbone) -> None:
    """A front end can be built for its input specification."""
    spec = backbone.input_spec()
    counts = (spec.channels, len(spec.mean), len(spec.std))
    require(len(set(counts)) == 1, f"the numbers of channels, means and deviations are {counts}")
    require(spec.channels > 0 < min(spec.height, spec.width), f"an image of size 0: {spec}")
    require(min(spec.std) > 0, f"a deviation of {min(spec.std)}, which is a divisor")
    tuples = isinstance(spec.mean, tuple) and isinstance(spec.std, tuple)
    require(tuples, "mean and std must be tuples")


def its_front_end_is_registered(backbone: Backbone) -> None:
    """An installed plugin registers its default front end."""
    name = backbone.front_end
    require(name in Plugins().front_ends, f"no plugin registers front end '{name}'")


def the_training_corpora_of_its_weights_are_named_or_unknown(backbone: Backbone) -> None:
    """Corpora of published weights are names in lower case, or None; random weights have none."""
    random = backbone.training_corpora(NO_WEIGHTS)
    require(random == (), f"random weights have the corpora {random}")
    for weights in (DEFAULT_WEIGHTS, "some/file.safetensors"):
        corpora = backbone.training_corpora(weights)
        named = corpora is None or (
            isinstance(corpora, tuple)
            and all(isinstance(name, str) and name == name.lower().strip() for name in corpora)
        )
        require(named, f"weights '{weights}' have the corpora {corpora!r}")


def the_licence_of_its_weights_is_stated(backbone: Backbone) -> None:
    """A ``Licence`` for every kind of weights; random ones need none."""
    for weights in (NO_WEIGHTS, DEFAULT_WEIGHTS, "some/file.safetensors"):
        licence = backbone.licence(weights)
        require(
            isinstance(licence, Licence) and licence.commercial in COMMERCIAL,
            f"the licence of weights '{weights}' is {licence!r}, not a Licence",
        )
    random = backbone.licence(NO_WEIGHTS)
    # A network without weights may have the licence of the software that computes its features.
    free = random.commercial == "yes" or not build(backbone).module.state_dict()
    require(free, f"random weights have licence {random!r}: give NOTHING")


def it_builds_a_network(backbone: Backbone) -> None:
    """``build`` returns a ``Built`` that contains a module."""
    built = build(backbone)
    require(isinstance(built, Built), f"{type(built).__name__} is not a Built")
    require(isinstance(built.module, nn.Module), f"{type(built.module).__name__} is no nn.Module")


def random_weights_are_identified_as_none(backbone: Backbone) -> None:
    """The identity of random weights is ``none``."""
    identity = build(backbone).weights
    require(identity == NO_WEIGHTS, f"the identity of random weights is '{identity}'")


def random_weights_come_from_torchs_seed(backbone: Backbone) -> None:
    """The same seed gives the same network, and another seed another one if it has weights."""
    first, same, other = (build(backbone, seed=seed).module.state_dict() for seed in (1, 1, 2))
    for name, values in first.items():
        require_equal(same[name], values, f"{name} differs between two networks of one seed")
    different = any(not torch.equal(other[name], values) for name, values in first.items())
    require(different or not first, "two seeds give the same network")


def its_head_is_registered(backbone: Backbone) -> None:
    """An installed plugin registers its default head."""
    require(backbone.head in Plugins().heads, f"no plugin registers head '{backbone.head}'")


def its_augmentations_are_registered(backbone: Backbone) -> None:
    """An installed plugin registers each of its default augmentations."""
    known = Plugins().augmentations
    missing = [name for name in backbone.augmentations if name not in known]
    require(not missing, f"no plugin registers augmentations {missing}")


def it_declares_no_augmentations_if_it_starts_frozen(backbone: Backbone) -> None:
    """With augmentations, the features of a frozen backbone could not be computed once."""
    module = build(backbone).module
    stages = len(backbone.stages(module))
    depths, augmentations = backbone.freeze_depths(module), tuple(backbone.augmentations)
    require(
        depths.initial < stages or not augmentations,
        f"all {stages} stages are frozen at first, and augmentations {augmentations} declared",
    )


def every_tap_has_the_declared_width(backbone: Backbone) -> None:
    """At each tap, an image becomes a finite float32 vector, or frames, of the declared width."""
    built = build(backbone)
    wrong = sorted(built.widths.keys() ^ set(backbone.taps))
    require(not wrong, f"taps and widths differ: {wrong}")
    for tap, output in taps_of(
        backbone, built.module, images_for(backbone, 3), backbone.taps
    ).items():
        shape, width = tuple(output.shape), built.widths[tap]
        require(shape[0] == 3 and shape[-1] == width, f"tap {tap} of width {width} gives {shape}")
        require(output.dtype == torch.float32, f"tap {tap} is {output.dtype}, not float32")
        require(bool(output.isfinite().all()), f"tap {tap} is not finite")


def every_tap_can_be_read(backbone: Backbone) -> None:
    """``features`` returns the requested taps and no others, with a row for each clip."""
    require(len(backbone.taps) > 0, "it names no tap")
    module, images = build(backbone).module, images_for(backbone, 2)
    for tap in backbone.taps:
        found = taps_of(backbone, module, images, [tap])
        require(set(found) == {tap}, f"for {tap} it returns {sorted(found)}")
        shape = tuple(found[tap].shape)
        require(len(shape) in (2, 3) and shape[0] == 2, f"tap {tap} of two clips has shape {shape}")


def every_readout_is_possible(backbone: Backbone) -> None:
    """Each declared read-out names its taps, and gives vectors or frames of one width."""
    require(len(backbone.readouts) > 0, "it names no read-out")
    built, images = build(backbone), images_for(backbone, 2)
    for text in backbone.readouts:
        readout = ReadOut.parse(text, backbone.taps)
        taps = taps_of(backbone, built.module, images, readout.taps)
        output, _ = readout.pooled(Features(taps))
        width = readout.width(built.widths) * (len(readout.taps) if readout.weighted else 1)
        found = output.shape[-1]
        require(found == width, f"read-out {text} has width {found}, not {width}")
    texts = [ReadOut.parse(text, backbone.taps).text(backbone.taps) for text in backbone.readouts]
    require(len(set(texts)) == len(texts), f"a read-out is declared twice: {texts}")


def a_cut_network_gives_the_same_features(backbone: Backbone) -> None:
    """After ``cut``, the features of the taps and the names of the parameters are the same."""
    images = images_for(backbone, 2)
    whole = build(backbone).module
    for text in backbone.readouts:
        taps = ReadOut.parse(text, backbone.taps).taps
        cut = backbone.cut(build(backbone).module, taps)
        more = sorted(cut.state_dict().keys() - whole.state_dict().keys())
        require(not more, f"cut for {text}, it has {more[:1]}, which the whole network has not")
        expected = taps_of(backbone, whole, images, taps)
        for tap, output in taps_of(backbone, cut, images, taps).items():
            require_close(output, expected[tap], f"cut for {text}, tap {tap} has other features")


def padding_changes_nothing_where_it_takes_lengths(backbone: Backbone) -> None:
    """Values beyond the length of a clip have no influence on the features."""
    if not backbone.takes_lengths:
        return
    module, images = build(backbone).module.eval(), images_for(backbone, 2)
    width = images.shape[-1]
    lengths = torch.tensor([width, width // 2])
    other = images.clone()
    other[1, ..., width // 2 :] = 0.5
    for tap in backbone.taps:
        with torch.inference_mode():
            first, second = (
                backbone.features(module, each, lengths, [tap]).taps[tap]
                for each in (images, other)
            )
        require_close(second, first, f"tap {tap} depends on values beyond a clip's length")


def its_own_last_layer_has_the_right_shape(backbone: Backbone) -> None:
    """A returned last layer has a row for each emotion; without emotions none is returned."""
    for n_classes in (2, 9):
        built = build(backbone, n_classes)
        if built.head is not None:
            shape = tuple(built.head["weight"].shape)
            width = initial_readout(backbone).width(built.widths)
            require(shape == (n_classes, width), f"{n_classes} emotions: layer {shape}")
            require(tuple(built.head["bias"].shape) == (n_classes,), "its bias does not fit")
    require(build(backbone, None).head is None, "a last layer is returned for no emotions")


def a_clips_vector_does_not_depend_on_its_batch(backbone: Backbone) -> None:
    """In evaluation mode the vector of a clip is the same alone and in a batch."""
    module, images = build(backbone).module, images_for(backbone, 3)
    together = vectors_of(backbone, module, images)
    alone = vectors_of(backbone, module, images[1:2])
    require_close(alone[0], together[1], "a clip's vector depends on the others in its batch")


def its_output_is_not_random(backbone: Backbone) -> None:
    """In evaluation mode it has no randomness, such as dropout."""
    module, images = build(backbone).module, images_for(backbone, 2)
    first = vectors_of(backbone, module, images)
    again = vectors_of(backbone, module, images)
    require_equal(again, first, "two calls give different vectors")


def the_order_in_memory_does_not_matter(backbone: Backbone) -> None:
    """Images in channels-last and in contiguous memory format give the same vectors."""
    module, images = build(backbone).module, images_for(backbone, 2)
    first = vectors_of(backbone, module, images.contiguous())
    last = vectors_of(backbone, module.to(memory_format=torch.channels_last), images)
    require_close(last, first, "vectors depend on the memory format of the images")


def the_images_are_not_changed(backbone: Backbone) -> None:
    """It does not change the images in place."""
    images = images_for(backbone, 2)
    before = images.clone()
    vectors_of(backbone, build(backbone).module, images)
    require_equal(images, before, "it changes its input images: work on a copy")


def it_exports_to_onnx(backbone: Backbone) -> None:
    """Exported by ``torch.onnx`` with a linear head, it gives the same logits to a thousandth."""
    network, images = classifier(backbone), images_for(backbone, 1)
    exported = onnx_logits(network, images)
    require_close(exported, logits_of(network, images), "ONNX Runtime gives other logits")
