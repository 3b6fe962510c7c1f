"""Features of frozen backbones: equal to those of the whole network, and finite."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from making.frozen import TwoLayers, context_of, job_of, network_of
from making.scripted import MATERIAL

from serbench.errors import DivergedError
from serbench.execute.executor import SILENT, Cancelled, Channel
from serbench.execute.features import FeatureProgress
from serbench.execute.fold import FeatureJob, compute_features, run_fold
from serbench.model.compute import ComputeSettings
from serbench.model.readout import ReadOut

TAPS = ("1", "2")
LENGTHS = np.linspace(700, 2000, len(MATERIAL.clips)).astype(np.int64)
SHORTER = replace(MATERIAL, clips=replace(MATERIAL.clips, lengths=LENGTHS))


def features_of(context, readout, channel=SILENT, taps=TAPS):
    job = job_of(readout)
    parsed = ReadOut.parse(readout, TAPS)
    material = context.material(job.material)
    return context.frozen.features(job.recipe, material, parsed, taps, channel)


def expected_of(context, readout):
    """What the whole network computes of all clips, and the lengths."""
    network = network_of(job_of(readout), context).eval()
    clips = context.material(job_of(readout).material).clips
    rows = np.arange(len(clips))
    with torch.inference_mode():
        waveforms = torch.from_numpy(clips.batch(rows))
        images = network.images(waveforms, torch.from_numpy(clips.lengths))
        return network.features(*images)


@pytest.mark.parametrize(
    "readout", ["1/mean", "2/mean+std", "all/mean", "1-2/mean+std", "all/mean+std/weighted"]
)
@pytest.mark.parametrize("material", [MATERIAL, SHORTER])
def test_vectors_are_those_of_the_network(tmp_path, readout, material):
    context = context_of(TwoLayers(), tmp_path, material)
    found = features_of(context, readout).batch(np.arange(len(material.clips)))
    expected, _ = expected_of(context, readout)
    assert found == pytest.approx(expected.numpy(), abs=1e-5)


@pytest.mark.parametrize("readout", ["1", "all", "all/weighted"])
def test_frames_are_those_of_the_network_and_have_lengths(tmp_path, readout):
    context = context_of(TwoLayers(), tmp_path, SHORTER)
    features = features_of(context, readout)
    expected, lengths = expected_of(context, readout)
    assert features.batch(np.arange(len(LENGTHS))) == pytest.approx(expected.numpy(), abs=1e-5)
    assert features.lengths.tolist() == lengths.tolist()
    assert len(set(lengths.tolist())) > 5


def test_all_readouts_of_a_study_need_one_pass(tmp_path):
    calls = []
    context = context_of(TwoLayers(calls=calls), tmp_path)
    for readout in ("1/mean", "2/mean+std", "all/mean+std/weighted"):
        features_of(context, readout)
    passes = -(-len(MATERIAL.clips) // 32)
    assert calls == [TAPS] * passes
    features_of(context_of(TwoLayers(calls=calls), tmp_path), "all/mean")
    assert len(calls) == passes, "another process reads them from the cache"


def test_other_clips_have_other_features(tmp_path):
    first = features_of(context_of(TwoLayers(), tmp_path), "1/mean")
    louder = replace(MATERIAL.clips, peaks=MATERIAL.clips.peaks * 2, content="louder")
    context = context_of(TwoLayers(), tmp_path, replace(MATERIAL, clips=louder))
    rows = np.arange(3)
    assert not np.allclose(first.batch(rows), features_of(context, "1/mean").batch(rows))


def test_features_that_are_not_finite_are_an_error_and_not_kept(tmp_path):
    context = context_of(TwoLayers(factor=float("nan")), tmp_path)
    with pytest.raises(DivergedError) as failed:
        features_of(context, "1/mean")
    assert failed.value.facts["rows"] == tuple(range(len(MATERIAL.clips)))
    assert context.frozen.cache.stored() == []


def test_progress_is_sent_and_a_cancelled_computation_ends(tmp_path):
    messages = []
    features_of(context_of(TwoLayers(), tmp_path / "a"), "1/mean", Channel(messages.append))
    total = len(MATERIAL.clips)
    assert messages == [FeatureProgress(32, total), FeatureProgress(total, total)]
    cancelled = Channel(messages.append, lambda: True)
    with pytest.raises(Cancelled):
        features_of(context_of(TwoLayers(), tmp_path / "b"), "1/mean", cancelled)


@pytest.mark.parametrize(("limit", "calls"), [(10**9, 2), (0, 0)])
def test_features_are_computed_before_the_trainings_where_they_are_kept(tmp_path, limit, calls):
    backbone = TwoLayers(calls=[])
    context = context_of(backbone, tmp_path, limit=limit)
    job = job_of("1/mean")
    settings = ComputeSettings(1)
    compute_features(FeatureJob(job.material, job.recipe, TAPS, settings), context, SILENT)
    assert len(backbone.calls) == calls


@pytest.mark.parametrize(
    ("frozen", "widths", "objective", "suffice"),
    [
        (True, {}, "cross-entropy", True),
        (True, {"gain": 0.0}, "cross-entropy", True),
        (True, {"gain": 3.0}, "cross-entropy", False),
        (False, {}, "cross-entropy", False),
    ],
)
def test_a_training_uses_kept_features_if_nothing_below_the_head_changes(
    tmp_path, frozen, widths, objective, suffice
):
    backbone = TwoLayers(calls=[])
    context = context_of(backbone, tmp_path)
    job = job_of("all/mean", epochs=3)
    depth = 2 if frozen else 1
    configuration = replace(job.configuration, widths=widths, freeze_depth=depth)
    recipe = replace(job.recipe, augmentations=tuple(widths), objective=objective)
    run_fold(
        replace(job, configuration=configuration, recipe=recipe, frozen=frozen), context, SILENT
    )
    once = -(-len(MATERIAL.clips) // 32)
    assert (len(backbone.calls) == once) is suffice
    assert bool(context.frozen.cache.stored()) is suffice
