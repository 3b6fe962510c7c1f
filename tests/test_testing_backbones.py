"""The contract of backbones reports what violates it, and what could not be tried."""

import sys

import pytest
from error_facts import words_in
from making.contracts import failures
from torch import nn

from serbench.builtin.homebrew import Homebrew
from serbench.model.backbone import Built
from serbench.model.ranges import Range
from serbench.testing import verdicts


class Unfrozen(Homebrew):
    def stages(self, module):
        return super().stages(module)[1:]


class Backwards(Homebrew):
    def stages(self, module):
        return super().stages(module)[::-1]


class Overlapping(Homebrew):
    def stages(self, module):
        stages = super().stages(module)
        return [stages[0], *stages]


class Unknown(Homebrew):
    def stages(self, module):
        return [*super().stages(module), ["head.weight", "head.bias"]]


class TooDeep(Homebrew):
    def freeze_depths(self, module):
        return Range(0, 5, 0)


class Outside(Homebrew):
    def freeze_depths(self, module):
        return Range(1, 3, 0)


class FrozenAtFirst(Homebrew):
    def freeze_depths(self, module):
        return Range(0, len(self.stages(module)), len(self.stages(module)))


class Unaugmented(Homebrew):
    augmentations = ("gain", "unknown")


class Deaf(Homebrew):
    def build(self, weights, n_classes=None):
        built = super().build("none", n_classes)
        return Built(built.module, "mine", built.widths, built.head)


class Wider(Homebrew):
    def build(self, weights, n_classes=None):
        built = super().build(weights, n_classes)
        return Built(built.module, built.weights, {"pooled": built.widths["pooled"] + 1})


class Everywhere(Homebrew):
    published_on = ("Everything",)


class Untapped(Homebrew):
    taps = ("pooled", "deep")


class Headless(Homebrew):
    head = "unknown"


class Misread(Homebrew):
    readouts = ("pooled/mean",)


class Hollow(Homebrew):
    def cut(self, module, taps):
        module.block1 = nn.Conv2d(8, 16, 3, 2)
        return module


class Shuffled(Homebrew):
    def cut(self, module, taps):
        module.block1 = nn.Conv2d(8, 16, 3, 2)
        return module

    def stages(self, module):
        stages = super().stages(module)
        return stages[::-1] if isinstance(module.block1, nn.Conv2d) else stages


class Dropping(Homebrew):
    def build(self, weights, n_classes=None):
        built = super().build(weights, n_classes)
        built.module.pool.register_forward_hook(lambda m, i, out: nn.functional.dropout(out))
        return built


class Detached(Homebrew):
    def build(self, weights, n_classes=None):
        built = super().build(weights, n_classes)
        built.module.block1.register_forward_hook(lambda module, inputs, output: output.detach())
        return built


class Unmasked(Homebrew):
    takes_lengths = True


class Half(Homebrew):
    def build(self, weights, n_classes=None):
        built = super().build(weights, n_classes)
        built.module.register_forward_hook(lambda module, inputs, output: output.double())
        return built


@pytest.mark.parametrize(
    ("backbone", "check"),
    [
        (Unfrozen(), "stages_contain_every_parameter"),
        (FrozenAtFirst(), "it_declares_no_augmentations_if_it_starts_frozen"),
        (Unaugmented(), "its_augmentations_are_registered"),
        (Backwards(), "stages_are_ordered_from_the_input_on"),
        (Overlapping(), "stages_are_disjoint"),
        (Unknown(), "stages_contain_every_parameter"),
        (Wider(), "every_tap_has_the_declared_width"),
        (Wider(), "every_readout_is_possible"),
        (Misread(), "every_readout_is_possible"),
        (Hollow(), "a_cut_network_gives_the_same_features"),
        (Shuffled(), "stages_of_a_cut_network_are_the_first_ones"),
        (Headless(), "its_head_is_registered"),
        (Untapped(), "every_tap_can_be_read"),
        (Everywhere(), "the_training_corpora_of_its_weights_are_named_or_unknown"),
        (TooDeep(), "its_freeze_depths_are_possible"),
        (Outside(), "its_freeze_depths_are_possible"),
        (Deaf(), "random_weights_are_identified_as_none"),
        (Deaf(), "a_file_of_serbench_is_loaded_completely"),
        (Deaf(), "the_weights_of_another_network_are_refused"),
        (Deaf(), "a_missing_file_is_refused"),
        (Dropping(), "its_output_is_not_random"),
        (Detached(), "only_trainable_parameters_get_gradients"),
        (Unmasked(), "padding_changes_nothing_where_it_takes_lengths"),
        (Half(), "every_tap_has_the_declared_width"),
        (Homebrew(front_end="unknown"), "its_front_end_is_registered"),
    ],
    ids=lambda each: each if isinstance(each, str) else type(each).__name__,
)
def test_a_backbone_that_violates_its_contract_is_reported(backbone, check):
    assert check in failures("backbone", backbone)


def test_a_sound_backbone_fails_nothing_and_what_cannot_be_tried_is_skipped_with_a_reason(
    monkeypatch,
):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    found = list(verdicts("backbone", Homebrew()))
    assert [verdict for verdict in found if verdict.result == "failed"] == []
    [skipped] = [verdict for verdict in found if verdict.result == "skipped"]
    assert skipped.check == "it exports to onnx"
    assert words_in(skipped.reason) >= {"pip", "install", "onnxscript"}
