"""The plans of studies of heads and read-outs."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from making.frozen import TwoLayers, plugins_with
from making.options import MANIFEST
from making.options import plans_of as plans_of_options

from serbench.errors import StudyFileError, UnknownNameError, UsageError
from serbench.run.candidates import Candidate, available
from serbench.run.planning import differing, explain_augmentations, make_plans, option_value
from serbench.run.study_file import read_options, with_candidates

PLUGINS = plugins_with(TwoLayers())


def plans_of(file=None, plugins=PLUGINS, **given):
    return plans_of_options(file, plugins, **{"backbone": ("two-layers",), **given})


def test_all_declared_readouts_are_searched_by_default():
    [plan] = plans_of()
    assert plan.readouts == ("all/mean+std", "1/mean", "all/mean+std/weighted")
    assert plan.recipe.readout == "all/mean+std"


def test_the_head_is_by_default_the_one_that_the_backbone_declares():
    assert [plan.head for plan in plans_of()] == ["linear"]
    backbone = replace(TwoLayers(), head="logistic")
    assert [plan.head for plan in plans_of(plugins=plugins_with(backbone))] == ["logistic"]
    assert [plan.head for plan in plans_of(head=("mlp", "linear"))] == ["mlp", "linear"]


def test_each_given_readout_is_a_study_in_its_shortest_form():
    plans = plans_of(readout=("1/mean", "2+1/mean", "1/mean"))
    assert [plan.readouts for plan in plans] == [("1/mean",), ("all/mean",)]
    assert differing(plans) == ["readout"]
    assert [option_value(plan, "readout") for plan in plans] == ["1/mean", "all/mean"]


def test_readouts_with_the_same_meaning_are_one_study():
    assert len(plans_of(readout=("1+2/mean", "all/mean", "1-2/mean"))) == 1


@pytest.fixture
def study_file(tmp_path):
    def write(text):
        path = tmp_path / "study.toml"
        path.write_text(text)
        return path

    return write


def test_a_study_file_names_the_readouts_that_are_searched(study_file):
    file = study_file('[search]\nreadouts = ["2/mean", "1/mean+std"]')
    [plan] = plans_of(file)
    assert plan.readouts == ("2/mean", "1/mean+std")
    [alone] = plans_of(file, readout=("1/mean",))
    assert alone.readouts == ("1/mean",), "the option fixes it"


def test_a_list_without_a_readout_is_refused(study_file):
    with pytest.raises(StudyFileError):
        plans_of(study_file("[search]\nreadouts = []"))


def test_an_unknown_tap_is_refused():
    with pytest.raises(UnknownNameError) as refused:
        plans_of(readout=("7/mean",))
    assert refused.value.name == "7"


@pytest.mark.parametrize("readout", ["1/median", "2-1/mean"])
def test_another_form_is_refused(readout):
    with pytest.raises(UsageError) as refused:
        plans_of(readout=(readout,))
    assert refused.value.facts == {"readout": readout}


def test_a_head_that_takes_frames_gets_all_readouts_without_pooling():
    [plan] = plans_of(head=("attention",))
    assert plan.readouts == ("all", "1", "all/weighted")
    with pytest.raises(UsageError) as refused:
        plans_of(head=("attention",), readout=("1/mean",))
    assert refused.value.facts == {"head": "attention", "readout": "1/mean"}


@pytest.mark.parametrize("head", ["logistic", "linear"])
def test_a_head_that_takes_vectors_is_refused_frames(head):
    with pytest.raises(UsageError) as refusal:
        plans_of(head=(head,), readout=("1",))
    assert refusal.value.facts == {"head": head, "readout": "1"}


def test_a_fitted_head_cannot_learn_weights_of_taps():
    [plan] = plans_of(head=("logistic",))
    assert plan.readouts == ("all/mean+std", "1/mean")
    with pytest.raises(UsageError) as refused:
        plans_of(head=("logistic",), readout=("all/mean/weighted",))
    assert refused.value.facts == {"head": "logistic", "readout": "all/mean/weighted"}


def test_a_fitted_head_has_no_training_and_its_options_give_a_notice(capsys):
    plans = plans_of(
        head=("logistic",), schedule=("half-cycle", "one-cycle"), batch_size=(8, 16), epochs=3
    )
    [plan] = plans
    assert plan.is_fitted
    assert (plan.schedule, plan.objective, plan.augmentations) == ("", "", ())
    assert (plan.epochs, plan.batch_size) == (0, 0)
    written = capsys.readouterr().err
    assert all(name in written for name in ("--schedule", "--batch-size", "--epochs", "logistic"))
    assert "--objective" not in written
    plans_of(head=("logistic",))
    assert capsys.readouterr().err == ""


def test_plans_of_a_fitted_and_a_trained_head_do_not_differ_in_options_of_training():
    plans = plans_of(plugins=plugins_with(TwoLayers()), head=("logistic", "linear"), epochs=7)
    assert "head" in differing(plans)
    training = {"schedule", "objective", "batch_size"}
    assert training.isdisjoint(differing(plans))
    assert {option_value(plans[0], name) for name in training} == {None}
    assert option_value(plans[1], "schedule") == "half-cycle"


def test_without_a_backbone_the_usual_ones_are_tried(monkeypatch, capsys):
    missing = SimpleNamespace(backbone="yamnet", reason="pip install serbench-yamnet")
    monkeypatch.setattr(
        "serbench.run.candidates.available", lambda plugins: (["two-layers"], [missing])
    )
    options = with_candidates(read_options({}, None, PLUGINS), PLUGINS)
    plans = make_plans(options, MANIFEST, PLUGINS, None, None)
    assert [plan.backbone for plan in plans] == ["two-layers"]
    written = capsys.readouterr().err
    assert "two-layers" in written
    assert missing.reason in written


@pytest.mark.parametrize(
    "option", [{"weights": ("none",)}, {"front_end": ("mel",)}, {"readout": ("1/mean",)}]
)
def test_options_of_one_backbone_need_a_backbone(option):
    options = read_options(option, None, PLUGINS)
    with pytest.raises(UsageError) as refused:
        with_candidates(options, PLUGINS)
    assert refused.value.facts == {"missing": "backbone"}


def test_a_candidate_of_a_missing_package_is_left_out_with_the_package_named():
    candidates = (Candidate("homebrew"), Candidate("nowhere", "serbench-nowhere"))
    names, missing = available(PLUGINS, candidates)
    assert names == ["homebrew"]
    assert [each.backbone for each in missing] == ["nowhere"]
    assert "./plugins/serbench-nowhere" in missing[0].reason


def test_where_no_candidate_can_be_tried_a_backbone_is_asked_for():
    with pytest.raises(UsageError) as refused:
        available(PLUGINS, (Candidate("nowhere", "serbench-nowhere"), Candidate("nothing")))
    assert refused.value.facts == {"missing": "backbone"}


def test_augmentations_are_those_that_the_backbone_declares_unless_others_are_given():
    asked = {"backbone": ("two-layers", "homebrew")}
    frozen, trained = plans_of(**asked)
    assert frozen.augmentations == ()
    assert trained.augmentations == PLUGINS.backbones.get("homebrew").augmentations != ()
    assert {plan.augmentations for plan in plans_of(**asked, augmentations="gain")} == {("gain",)}
    assert {plan.augmentations for plan in plans_of(**asked, augmentations="none")} == {()}


@pytest.mark.parametrize("head", ["logistic", "linear"])
def test_a_plan_with_views_has_their_augmentations_also_for_a_fitted_head(head):
    given = {"head": (head,), "augmentations": "octave-gain,noise"}
    [plan] = plans_of(views=2, **given)
    assert (plan.views, plan.recipe.views) == (2, 2)
    assert plan.recipe.augmentations == plan.augmentations == ("octave-gain", "noise")
    [clean] = plans_of(**given)
    assert clean.views == 0
    assert clean.key != plan.key


def test_views_keep_their_widths_for_a_fitted_head(study_file):
    file = study_file(
        'augmentations = "noise"\nviews = 1\nhead = "logistic"\n'
        "[search]\nlearning_rate = 0.1\nwidths.noise = 0.05"
    )
    [plan] = plans_of(file)
    assert plan.bounds == {"width:noise": (0.05, 0.05)}


def test_views_without_augmentations_are_refused():
    with pytest.raises(UsageError) as refused:
        plans_of(views=2)
    assert refused.value.facts == {"backbone": "two-layers", "views": 2}


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({}, "two-layers"),
        ({"augmentations": "none"}, "--augmentations"),
        ({"augmentations": "gain"}, "--augmentations"),
        ({"head": ("logistic",)}, "logistic"),
        ({"head": ("logistic",), "augmentations": "gain", "views": 3}, "3 views"),
    ],
)
def test_the_reason_for_the_augmentations_is_stated(given, reason):
    asked = read_options({"backbone": ("two-layers",), **given}, None, PLUGINS)
    [plan] = plans_of(**given)
    text = explain_augmentations(plan, asked)
    assert reason in text
    assert ("none" if not plan.augmentations else "gain") in text.partition("(")[0]
