"""Features of augmented views of clips, and heads that are trained on them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from making.frozen import TwoLayers, context_of, job_of, network_of
from making.scripted import MATERIAL

from serbench.execute.executor import SILENT, Channel
from serbench.execute.feature_views import View
from serbench.execute.features import FeatureProgress
from serbench.execute.fold import FeatureJob, compute_features, run_fold
from serbench.model.compute import ComputeSettings
from serbench.model.readout import ReadOut

WIDTHS = {"time-window": 0.5, "noise": 0.2, "frequency-mask": 0.3}
N = len(MATERIAL.clips)
PASSES = -(-N // 32)


def viewed_job(readout="all/mean+std", views=2, widths=WIDTHS, **given):
    """A job whose training rows have views."""
    job = job_of(readout, **given)
    return replace(
        job,
        recipe=replace(job.recipe, augmentations=tuple(widths), views=views),
        configuration=replace(job.configuration, widths=widths),
    )


def views_of(context, job, channel=SILENT):
    readout = ReadOut.parse(job.recipe.readout, ("1", "2"))
    material = context.material(job.material)
    return context.frozen.viewed(
        job.recipe, job.configuration.widths, material, readout, (), channel
    )


def test_the_rows_of_a_dataset_are_clean_clips_and_views_differ(tmp_path):
    context = context_of(TwoLayers(), tmp_path)
    found = views_of(context, viewed_job())
    clean = views_of(context, viewed_job(views=0))
    rows = np.array([3, 0, N - 1])
    assert found.batch(rows).tolist() == clean.batch(rows).tolist()
    every = found.with_views(rows)
    assert every.tolist() == [*rows, *(rows + N), *(rows + 2 * N)]
    three = found.batch(every).reshape(3, len(rows), -1)
    for first, second in ((0, 1), (0, 2), (1, 2)):
        assert (np.abs(three[first] - three[second]).max(axis=1) > 1e-4).all()
    mixed = every[np.random.default_rng(0).permutation(len(every))]
    assert found.batch(mixed).tolist() == [found.batch(each[None])[0].tolist() for each in mixed]


def test_a_view_is_what_the_whole_network_computes_of_the_augmented_clip(tmp_path):
    context = context_of(TwoLayers(), tmp_path)
    job = viewed_job()
    found = views_of(context, job).batch(np.arange(N, N + 4))
    view = View(
        1, [(context.plugins.augmentations.get(name), width) for name, width in WIDTHS.items()]
    )
    network = network_of(job, context).eval()
    cut = []
    for row in range(4):
        waveforms = MATERIAL.clips.batch(np.array([row]))
        random = view.generators(waveforms)
        lengths = torch.from_numpy(MATERIAL.clips.lengths[row : row + 1])
        with torch.inference_mode():
            noisy, kept = view.augmented(torch.from_numpy(waveforms), lengths, "waveform", random)
            assert kept.tolist() == lengths.tolist()
            image, columns = network.images(noisy, kept)
            image, columns = view.augmented(image, columns, "features", random)
            taps = network.reader.features(network.backbone, image, columns, ("1", "2"))
            shorter = view.of_frames(taps, random)
            cut.append(int(taps.lengths - shorter.lengths))
            expected, _ = network.readout.pooled(shorter)
        assert found[row] == pytest.approx(expected[0].numpy(), abs=1e-5)
    assert max(cut) > 0


def test_a_view_depends_only_on_its_clip(tmp_path):
    order = np.random.default_rng(0).permutation(N)[: N // 2]
    clips = MATERIAL.clips
    fewer = replace(
        clips,
        waveforms=clips.waveforms[order],
        peaks=clips.peaks[order],
        lengths=clips.lengths[order],
        content="fewer",
    )
    every = views_of(context_of(TwoLayers(), tmp_path), viewed_job())
    context = context_of(TwoLayers(), tmp_path, replace(MATERIAL, clips=fewer))
    found = views_of(context, viewed_job()).batch(np.arange(len(order), 2 * len(order)))
    assert found == pytest.approx(every.batch(order + N), abs=1e-5)


def test_views_are_computed_once_and_found_by_number_and_widths(tmp_path):
    calls, messages = [], []
    job = viewed_job()
    context = context_of(TwoLayers(calls=calls), tmp_path)
    settings = ComputeSettings(1)
    features = FeatureJob(job.material, job.recipe, ("1", "2"), settings, WIDTHS)
    compute_features(features, context, Channel(messages.append))
    assert len(calls) == 3 * PASSES
    assert messages[-1] == FeatureProgress(3 * N, 3 * N)
    assert [message.done for message in messages] == sorted({each.done for each in messages})
    again = context_of(TwoLayers(calls=calls), tmp_path)
    for readout in ("1/mean", "all/mean+std"):
        run_fold(viewed_job(readout, views=1), again, SILENT)
        run_fold(viewed_job(readout, head="logistic"), again, SILENT)
    assert len(calls) == 3 * PASSES
    views_of(again, viewed_job(views=3))
    assert len(calls) == 4 * PASSES
    views_of(again, viewed_job(views=1, widths={**WIDTHS, "noise": 0.1}))
    assert len(calls) == 5 * PASSES
    kept = [each.about.get("view") for each in context.frozen.cache.stored()]
    assert sorted(each["number"] for each in kept if each) == [1, 1, 1, 1, 2, 2, 3, 3]


def test_a_fitted_head_gets_the_views_of_its_training_clips_only(tmp_path, monkeypatch):
    context = context_of(TwoLayers(), tmp_path)
    job = viewed_job(head="logistic")
    head = context.plugins.heads.get("logistic")
    given = []

    def fit(self, features, targets, how):
        given.append((features, targets, how))
        return real(self, features, targets, how)

    real = type(head).fit
    monkeypatch.setattr(type(head), "fit", fit)
    outcome = run_fold(job, context, SILENT)
    [(features, targets, how)] = given
    rows = np.sort(np.concatenate([job.train, job.validation]))
    found = views_of(context, job)
    assert features.tolist() == found.batch(found.with_views(rows)).tolist()
    assert targets.tolist() == MATERIAL.manifest.targets[rows].tolist() * 3
    assert how.copies == 3
    assert how.speakers.tolist() == how.speakers[: len(rows)].tolist() * 3
    layer = head.fit(features, targets, how)
    with torch.inference_mode():
        expected = layer(torch.from_numpy(found.batch(job.test)))
    assert outcome.logits == pytest.approx(expected.numpy(), abs=1e-5)


def test_a_head_is_trained_by_gradient_descent_on_views(tmp_path):
    outcomes = {
        views: run_fold(
            viewed_job(views=views, epochs=2), context_of(TwoLayers(), tmp_path), SILENT
        )
        for views in (1, 2)
    }
    clean = run_fold(job_of("all/mean+std", epochs=2), context_of(TwoLayers(), tmp_path), SILENT)
    found = [clean.logits, outcomes[1].logits, outcomes[2].logits]
    assert len({logits.tobytes() for logits in found}) == 3
