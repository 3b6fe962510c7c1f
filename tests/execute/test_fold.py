"""One training and its test: the clips it reads, its outcome, and its random numbers."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from making.frozen import TwoLayers, context_of, job_of
from making.scripted import MATERIAL, PLUGINS, make_search

from serbench.data.clips import Clips
from serbench.errors import WeightsError
from serbench.execute.executor import SILENT, Cancelled, Channel, JobContext
from serbench.execute.fold import features_suffice, run_fold
from serbench.execute.job import FIRST_EPOCHS, LossReference
from serbench.execute.networks import build_network
from serbench.model.environment import this_environment
from serbench.model.readout import ReadOut
from serbench.model.recipe import Configuration
from serbench.model.weights import file_identity

SEARCH = make_search(protocol="speaker-2:holdout", epochs=2)
CONFIGURATION = Configuration.from_parameters(SEARCH.space.initial())
JOB = SEARCH.job(0, CONFIGURATION, 0)
STAGES = 4


def context_with(**changes):
    """A job context with other clips or with weights files."""
    material = replace(MATERIAL, **changes)
    return JobContext(PLUGINS, {MATERIAL.key: material})


CONTEXT = context_with()


def frozen_to(depth, **recipe):
    """A job with a number of frozen stages."""
    return replace(
        JOB,
        configuration=replace(CONFIGURATION, freeze_depth=depth),
        recipe=replace(JOB.recipe, **recipe),
        frozen=depth == STAGES and "weights" in recipe,
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A weights file from a fold: its path, its identity, its arrays."""
    state = run_fold(JOB, CONTEXT, SILENT).state
    path = tmp_path_factory.mktemp("weights") / "w.pth"
    torch.save({name: torch.from_numpy(np.array(array)) for name, array in state.items()}, path)
    return str(path), file_identity(path), state


def test_the_state_is_that_of_backbone_and_head():
    state = run_fold(JOB, CONTEXT, SILENT).state
    network, _ = build_network(JOB.recipe, PLUGINS, len(MATERIAL.manifest.emotions))
    expected = {name for name in network.state_dict() if not name.startswith("front_end.")}
    assert state.keys() == expected
    assert {"head.weight", "head.bias"} < expected
    assert all(isinstance(array, np.ndarray) for array in state.values())
    assert all(array.flags["C_CONTIGUOUS"] for array in state.values())


def test_an_outcome_has_the_environment_it_was_trained_in():
    assert run_fold(JOB, CONTEXT, SILENT).environment == this_environment()


def test_of_a_completely_frozen_network_only_the_head_is_returned(trained):
    path, identity, _ = trained
    context = context_with(weights_files={identity: path})
    outcome = run_fold(frozen_to(STAGES, weights=identity), context, SILENT)
    assert outcome.partial
    assert outcome.state.keys() == {"head.weight", "head.bias"}
    assert outcome.weights == identity


def test_the_omitted_part_is_in_the_weights_file(trained):
    path, identity, given = trained
    context = context_with(weights_files={identity: path})
    job = frozen_to(STAGES, weights=identity)
    partial = run_fold(job, context, SILENT)
    whole = run_fold(replace(job, whole=True), context, SILENT)
    assert not whole.partial
    assert whole.logits.tobytes() == partial.logits.tobytes()
    assert whole.state.keys() == given.keys()
    left_out = whole.state.keys() - partial.state.keys()
    assert all(np.array_equal(whole.state[name], given[name]) for name in left_out)
    assert all(np.array_equal(whole.state[name], partial.state[name]) for name in partial.state)


@pytest.mark.parametrize("depth", [0, STAGES - 1])
def test_a_network_with_a_trained_stage_is_returned_completely(trained, depth):
    path, identity, given = trained
    context = context_with(weights_files={identity: path})
    outcome = run_fold(frozen_to(depth, weights=identity), context, SILENT)
    assert not outcome.partial
    assert outcome.state.keys() == given.keys()


def test_a_frozen_network_with_random_weights_is_returned_completely(trained):
    outcome = run_fold(frozen_to(STAGES), CONTEXT, SILENT)
    assert not outcome.partial
    assert outcome.state.keys() == trained[2].keys()


def test_weights_without_a_file_on_this_machine_are_an_error():
    with pytest.raises(WeightsError):
        run_fold(frozen_to(0, weights="file:w.pth:0123456789ab"), CONTEXT, SILENT)


def test_a_fold_depends_only_on_its_own_seeds():
    torch.manual_seed(1)
    before = torch.random.get_rng_state()
    first = run_fold(JOB, CONTEXT, SILENT)
    assert torch.equal(torch.random.get_rng_state(), before)
    torch.manual_seed(2)
    again = run_fold(JOB, CONTEXT, SILENT)
    assert again.logits.tobytes() == first.logits.tobytes()
    other = run_fold(replace(JOB, seed=JOB.seed + 1), CONTEXT, SILENT)
    assert other.logits.tobytes() != first.logits.tobytes()


def test_epochs_are_sent_as_they_end():
    reports = []
    outcome = run_fold(JOB, CONTEXT, Channel(reports.append))
    assert [report.epoch for report in reports] == [1, 2]
    assert tuple(report.validation.loss for report in reports) == outcome.losses
    assert tuple(report.validation.uar for report in reports) == outcome.curve


def test_a_cancelled_fold_ends_at_its_next_step():
    reports = []
    with pytest.raises(Cancelled):
        run_fold(JOB, CONTEXT, Channel(reports.append, lambda: True))
    assert reports == []


def test_a_last_training_without_test_rows_has_no_logits_and_no_score():
    search = make_search(protocol="speaker-2", epochs=3)
    reports = []
    job = search.last_job(0, CONFIGURATION, [2, 2])
    outcome = run_fold(job, CONTEXT, Channel(reports.append))
    assert outcome.logits.shape == (0, 2)
    assert outcome.logits.dtype == np.float32
    assert not outcome.confusion.any()
    assert outcome.confusion.shape == (2, 2)
    assert (outcome.epochs, outcome.best_epoch) == (2, 2)
    assert outcome.curve == outcome.losses == ()
    assert [report.validation for report in reports] == [None, None]
    assert outcome.state.keys() == run_fold(JOB, CONTEXT, SILENT).state.keys()
    with pytest.raises(ValueError, match="clip"):
        _ = outcome.uar


def test_a_fold_that_is_behind_is_pruned_and_still_scored():
    longer = make_search(trials=1, protocol="speaker-2:holdout", epochs=FIRST_EPOCHS + 2)
    epochs = longer.plan.epochs
    whole, ended = (
        run_fold(longer.job(0, CONFIGURATION, 0, LossReference((loss,) * epochs)), CONTEXT, SILENT)
        for loss in (9.0, -9.0)
    )
    assert (whole.epochs, whole.pruned) == (epochs, False)
    assert (ended.epochs, ended.pruned) == (FIRST_EPOCHS, True)
    assert ended.losses == whole.losses[:FIRST_EPOCHS]
    assert ended.logits.shape == whole.logits.shape


def test_a_fold_reads_its_test_clips_only_after_training():
    read = []

    @dataclass(frozen=True)
    class Watched(Clips):
        def batch(self, rows):
            read.append(set(rows.tolist()))
            return super().batch(rows)

    clips = Watched(**vars(MATERIAL.clips))
    run_fold(JOB, context_with(clips=clips), SILENT)
    tested = set(JOB.test.tolist())
    first = next(place for place, rows in enumerate(read) if rows & tested)
    assert set().union(*read[:first]) == {*JOB.train.tolist(), *JOB.validation.tolist()}
    assert set().union(*read[first:]) == tested


READOUTS = ["1-2/mean+std", "1/mean", "all/mean+std/weighted"]


@pytest.mark.parametrize(
    ("head", "readout"),
    [*(("linear", readout) for readout in READOUTS), ("mlp", "1/mean"), ("attention", "all")],
)
def test_a_head_trained_on_stored_features_gives_the_logits_of_the_whole_network(
    tmp_path, head, readout
):
    context, job = context_of(TwoLayers(), tmp_path), job_of(readout, head)
    stored = run_fold(job, context, SILENT)
    whole = run_fold(replace(job, frozen=False), context, SILENT)
    assert np.abs(stored.logits - whole.logits).max() < 1e-4
    assert (stored.epochs, stored.best_epoch) == (whole.epochs, whole.best_epoch)
    assert stored.losses == pytest.approx(whole.losses, abs=1e-4)
    again = run_fold(job, context_of(TwoLayers(), tmp_path), SILENT)
    assert again.logits.tobytes() == stored.logits.tobytes()


def test_the_state_of_a_head_on_stored_features_is_that_of_the_trained_part(tmp_path):
    context, job = context_of(TwoLayers(), tmp_path), job_of("all/mean+std/weighted")
    outcome = run_fold(job, context, SILENT)
    assert outcome.partial
    assert outcome.state.keys() == {"weighting.scores", "head.weight", "head.bias"}
    assert outcome.weights == "test:two-layers"
    assert np.abs(outcome.state["weighting.scores"]).max() > 0, "the weights of taps are learnt"


def test_the_whole_network_of_a_holdout_ends_with_its_last_tap(tmp_path):
    context, job = context_of(TwoLayers(), tmp_path), replace(job_of("1/mean"), whole=True)
    outcome = run_fold(job, context, SILENT)
    assert not outcome.partial
    names = {f"backbone.first.{each}" for each in ("weight", "bias")}
    assert outcome.state.keys() == {*names, "head.weight", "head.bias"}
    features = run_fold(
        replace(job, recipe=replace(job.recipe, readout="all/mean")), context, SILENT
    )
    assert features.state.keys() >= {"backbone.second.weight", "backbone.first.weight"}


def test_augmentation_and_mixing_need_the_whole_network(tmp_path):
    context = context_of(TwoLayers(), tmp_path)
    job = job_of("1/mean")
    assert features_suffice(job, context.plugins)
    for width, enough in ((0.0, True), (0.1, False)):
        configuration = replace(job.configuration, widths={"gain": width})
        augmented = replace(job, configuration=configuration)
        assert features_suffice(augmented, context.plugins) is enough
    assert not features_suffice(replace(job, frozen=False), context.plugins)


@pytest.mark.parametrize("head", ["logistic", "svm"])
def test_a_fitted_head_has_no_epochs_and_uses_all_training_speakers(tmp_path, monkeypatch, head):
    context, job = context_of(TwoLayers(), tmp_path), job_of("1-2/mean+std", head)
    fitted, used = context.plugins.heads.get(head), []
    fit = type(fitted).fit

    def watched(self, features, targets, found):
        used.append((features.copy(), targets.copy(), found))
        return fit(self, features, targets, found)

    monkeypatch.setattr(type(fitted), "fit", watched)
    reports = []
    outcome = run_fold(job, context, Channel(reports.append))
    assert (outcome.epochs, outcome.best_epoch, outcome.curve, outcome.losses) == (0, 0, (), ())
    assert reports == [], "it has no epochs"
    [(features, targets, found)] = used
    rows = np.sort(np.concatenate([job.train, job.validation]))
    assert not set(rows) & set(job.test)
    every = context.frozen.features(
        job.recipe, MATERIAL, ReadOut.parse("1-2/mean+std", ("1", "2")), ("1", "2"), SILENT
    )
    assert np.array_equal(features, every.batch(rows))
    assert np.array_equal(targets, MATERIAL.manifest.targets[rows])
    speakers = [MATERIAL.manifest.utterances[row].speaker for row in rows]
    assert len(set(zip(speakers, found.speakers.tolist(), strict=True))) == len(set(speakers))
    assert run_fold(job, context, SILENT).logits.tobytes() == outcome.logits.tobytes()
    assert outcome.rows.tolist() == job.test.tolist()


def test_a_cancelled_fit_ends(tmp_path):
    with pytest.raises(Cancelled):
        run_fold(
            job_of("1/mean", "logistic"),
            context_of(TwoLayers(), tmp_path),
            Channel(lambda message: None, lambda: True),
        )
