"""The contracts catch what breaks them, and say what could not be tried."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import torch
from error_facts import words_in
from making.contracts import failures
from torch import nn
from torch.optim import SGD
from torch.optim.lr_scheduler import LambdaLR

from serbench.builtin.homebrew import Homebrew
from serbench.builtin.mel import Mel
from serbench.builtin.savee import SAVEE
from serbench.builtin.schedules import AdamSchedule, half_cycle
from serbench.builtin.time_shift import TimeShift
from serbench.data.corpus import NamedFiles
from serbench.data.emotions import EMOTIONS
from serbench.errors import UnknownNameError
from serbench.plugins import Plugins
from serbench.testing import KINDS, contract, recordings_of, sample, verdicts


@dataclass(frozen=True)
class Shouting(TimeShift):
    def apply(self, batch, width, generator):
        return batch.mul_(2)


@dataclass(frozen=True)
class Growing(TimeShift):
    def apply(self, batch, width, generator):
        return torch.cat([batch, batch], dim=1).double()


def test_an_augmentation_that_violates_its_contract_is_reported():
    assert failures("augmentation", Shouting()) >= {
        "width_zero_changes_nothing",
        "the_seed_determines_the_result",
        "the_input_is_not_changed",
        "each_clip_is_changed_independently",
        "a_greater_width_changes_more",
    }
    assert "shape_and_type_are_kept" in failures("augmentation", Growing())
    wrong = replace(TimeShift(), widths=replace(TimeShift().widths, low=0.1))
    assert failures("augmentation", wrong) == {
        "its_range_starts_at_0_and_includes_its_initial_width"
    }


def test_a_front_end_that_violates_its_contract_is_reported():
    class Learning(Mel):
        def build(self, clip_format, spec):
            module = super().build(clip_format, replace(spec, height=spec.height + 1))
            module.scale_by = nn.Parameter(torch.ones(1))
            module.notes = "one text"
            module.columns = lambda lengths, samples, width: lengths * width
            return module

    assert failures("front end", Learning()) == {
        "it_can_be_sent_to_another_process",
        "images_have_the_size_that_the_backbone_requires",
        "it_takes_a_batch_of_one",
        "it_has_no_parameters",
        "columns_without_padding_lie_within_its_images",
        "its_notes_are_sentences",
    }


@dataclass(frozen=True)
class Rising:
    """Rises to twice what was asked for, and forgets the parameters it is given."""

    name: str = "ri sing"
    learning_rates: object = field(default_factory=lambda: half().learning_rates)
    weight_decays: object = field(default_factory=lambda: half().weight_decays)

    def build(self, parameters, learning_rate, steps, weight_decay=0.0):
        optimizer = SGD([nn.Parameter(torch.ones(1))], lr=learning_rate)
        return optimizer, LambdaLR(optimizer, lambda step: 1 + step / steps)


def half():
    return AdamSchedule("half", half_cycle)


def test_a_scheduler_that_violates_its_contract_is_reported():
    assert failures("scheduler", half()) == set()
    assert failures("scheduler", Rising()) == {
        "its_name_can_be_typed",
        "any_number_of_steps_works",
        "the_requested_rate_is_the_highest",
        "the_optimiser_has_exactly_the_given_parameters",
        "steps_bring_a_parameter_nearer_to_its_optimum",
        "weight_decay_makes_weights_smaller",
    }


def test_a_corpus_that_takes_everything_is_caught():
    greedy = NamedFiles("Greedy", "", "", "home", r"(?P<speaker>.)(?P<label>.).*", {})
    assert failures("corpus", greedy) == {
        "its_name_is_lower_case",
        "it_says_what_it_is",
        "foreign_files_give_nothing",
    }


def test_a_missing_method_or_other_arguments_are_reported():
    class Bare:
        name = "bare"
        learning_rates = half().learning_rates
        weight_decays = half().weight_decays

        def build(self, parameters):
            raise AssertionError

    found = {each.check: each.reason for each in verdicts("scheduler", Bare())}
    wanted = "build(parameters, learning_rate, steps, weight_decay)"
    assert wanted in found["it has everything a scheduler needs"]
    found = {each.check: each.reason for each in verdicts("backbone", half())}
    wanted = {"front_end", "Backbone"}
    assert wanted <= words_in(found["it has everything a backbone needs"])


def test_what_holds_a_lambda_cannot_be_sent():
    schedule = AdamSchedule(
        "mine", lambda optimizer, rate, steps: half_cycle(optimizer, rate, steps)
    )
    [broken] = [each for each in verdicts("scheduler", schedule) if each.result == "failed"]
    assert broken.check == "it can be sent to another process"
    assert "lambda" in broken.reason
    assert "\n" not in broken.reason


def test_every_check_states_its_requirement_in_a_sentence():
    for kind in KINDS:
        checks = contract(kind)
        assert len({check.__name__ for check in checks}) == len(checks) > 5
        assert all(check.__doc__.partition("\n")[0].endswith(".") for check in checks)


def test_the_kinds_are_those_of_the_registries():
    assert list(KINDS) == [registry.kind for registry in Plugins([], frozenset()).registries()]


def test_an_unknown_kind_is_refused():
    with pytest.raises(UnknownNameError) as refusal:
        contract("backbones")
    assert refusal.value.nearest[0] == "backbone"


def test_recordings_are_given_once_they_are_sound():
    files = ["DC/a01.wav", Path("notes.txt"), "JE/sa04.wav"]
    assert [each.speaker for each in recordings_of(SAVEE, files)] == ["DC", "JE"]
    odd = replace(SAVEE, emotions={"a": "rage"})
    with pytest.raises(AssertionError) as refusal:
        recordings_of(odd, files)
    assert words_in(refusal.value) >= {"a01.wav", "rage", *EMOTIONS}


def test_a_sample_is_spread_over_all_and_skips_what_is_too_large():
    assert sample("corpus", list(range(10)), 3) == [0, 3, 7]
    assert sample("corpus", [1, 2], 3) == [1, 2]

    @dataclass(frozen=True)
    class Large(Homebrew):
        def input_spec(self):
            return replace(super().input_spec(), width=512)

    things = [Large(), Homebrew("one"), Homebrew("two"), Large()]
    assert [thing.name for thing in sample("backbone", things, 2)] == ["one", "two"]


class Fixed:
    """A metric that is always a half, and no number on one clip."""

    name, label, higher_is_better, share = "fixed", "fixed", True, True

    def score(self, logits, targets):
        return 0.5 if len(targets) > 1 else float("nan")

    def ratios(self, logits, targets, speakers):
        return None


def test_a_metric_that_breaks_its_contract_is_caught():
    assert failures("metric", Fixed())
    for metric in Plugins().metrics:
        assert failures("metric", metric) == set(), metric.name


def test_built_in_heads_objectives_and_runtimes_keep_their_contracts():
    plugins = Plugins()
    for kind, registry in (
        ("head", plugins.heads),
        ("objective", plugins.objectives),
        ("runtime", plugins.runtimes),
    ):
        assert len(list(registry)) >= 1
        for each in registry:
            assert failures(kind, each) == set(), each.name


@pytest.mark.parametrize(("own", "kept"), [("fervour", True), ("Fervour", False), ("rage", False)])
def test_own_emotions_of_a_corpus_are_written_alike_and_outside_of_the_vocabulary(own, kept):
    broken = "own_emotions_are_outside_of_the_vocabulary" in failures(
        "corpus", replace(SAVEE, own_emotions=(own,))
    )
    assert broken is not kept
