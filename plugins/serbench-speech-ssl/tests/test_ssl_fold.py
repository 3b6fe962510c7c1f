"""Folds of a study: heads on features that are computed once, and the two systems at full size."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny_backbones import REGISTERED, SYSTEMS, TINY, clips
from torch import nn

from serbench.data.clips import ClipFormat, Clips
from serbench.data.manifest import Utterance, make_manifest
from serbench.deploy.network import trained_network
from serbench.execute.executor import SILENT, JobContext
from serbench.execute.feature_cache import FeatureCache
from serbench.execute.fold import run_fold
from serbench.execute.job import Job, Material
from serbench.model.compute import ComputeSettings
from serbench.model.network import EmotionNetwork
from serbench.model.readout import ReadOut
from serbench.model.recipe import Configuration, Recipe
from serbench.model.training import predict
from serbench.model.weights import file_identity
from serbench.plugins import Plugins
from serbench.testing.onnx import onnx_logits

EMOTIONS = ("anger", "sadness")


def material_of(seconds, speakers=6, takes=2, weights=None):
    """Tones with noise, two emotions of different pitch; half of the clips end with padding."""
    clip_format = ClipFormat(16000, seconds)
    utterances = [
        Utterance(
            path=f"/nowhere/{speaker}-{emotion}-{take}.wav",
            corpus="toy",
            speaker=f"toy/{speaker}",
            emotion=emotion,
            label=emotion,
            audio_hash=f"{speaker}-{emotion}-{take}",
            sample_rate=16000,
            channels=1,
            frames=clip_format.samples,
        )
        for speaker in range(speakers)
        for emotion in EMOTIONS
        for take in range(takes)
    ]
    manifest = make_manifest("toy", utterances)
    random = np.random.default_rng(0)
    pitch = np.where(manifest.targets == 0, 200, 500) * random.uniform(0.9, 1.1, len(manifest))
    place = np.arange(clip_format.samples)
    waveforms = np.sin(2 * np.pi * pitch[:, None] * place / 16000)
    waveforms += 0.1 * random.standard_normal(waveforms.shape)
    lengths = np.where(np.arange(len(manifest)) % 2, clip_format.samples, 2 * len(place) // 3)
    waveforms *= place < lengths[:, None]
    peaks = np.abs(waveforms).max(axis=1).astype(np.float32)
    stored = np.rint(waveforms / peaks[:, None] * 32767).astype(np.int16)
    files = {} if weights is None else {file_identity(weights): str(weights)}
    return Material(manifest, Clips(clip_format, stored, peaks, lengths, "toy"), files)


def job_of(backbone, material, readout=None, head=None, epochs=2, **changes):
    """Training on all speakers but two, of which one stops it early and one is tested."""
    module = backbone.build("none").module
    configuration = Configuration(
        readout or backbone.readouts[0], 1e-3, 0.01, backbone.freeze_depths(module).initial
    )
    recipe = Recipe(
        backbone=backbone.name,
        front_end=backbone.front_end,
        schedule="constant",
        head=head or backbone.head,
        objective="cross-entropy",
        readout=configuration.readout,
        weights=next(iter(material.weights_files), "none"),
        clip_format=material.clips.format,
        augmentations=(),
        epochs=epochs,
        batch_size=8,
    )
    speakers = np.unique([each.speaker for each in material.manifest.utterances])
    of = np.array([each.speaker for each in material.manifest.utterances])
    train, validation, test = (
        np.flatnonzero(np.isin(of, each)) for each in (speakers[:-2], speakers[-2], speakers[-1])
    )
    job = Job(
        material=material.key,
        recipe=recipe,
        configuration=configuration,
        trial=0,
        fold=0,
        train=train,
        validation=validation,
        test=test,
        seed=0,
        compute=ComputeSettings(1),
    )
    return replace(job, **changes)


def context_of(backbone, material, folder):
    plugins = Plugins()
    plugins.backbones.get = {backbone.name: backbone}.__getitem__
    return JobContext(plugins, {material.key: material}, FeatureCache(folder, 10**9))


@pytest.mark.parametrize("name", ["wavlm_base", "distilhubert"])
@pytest.mark.parametrize("head", ["logistic", "linear"])
def test_a_head_on_stored_features_gives_the_logits_of_the_network(name, head, tmp_path):
    torch.manual_seed(0)
    weights = tmp_path / "encoder.pth"
    torch.save(TINY[name].size.build().state_dict(), weights)
    material = material_of(0.5, weights=weights)
    job = job_of(TINY[name], material, head=head, frozen=True, taps=TINY[name].taps)
    context = context_of(TINY[name], material, tmp_path / "features")
    first, again = (run_fold(job, context, SILENT) for _ in range(2))
    stored = context.frozen.cache.stored()
    assert len(stored) == len(TINY[name].taps)
    assert np.array_equal(first.logits, again.logits)
    whole = run_fold(replace(job, whole=True), context, SILENT)
    network = trained_network(job.recipe, context.plugins, len(EMOTIONS), whole.state)
    assert predict(network, material.clips, job.test, 3) == pytest.approx(first.logits, abs=1e-4)
    other = replace(job.recipe, readout=TINY[name].readouts[-1])
    run_fold(replace(job, recipe=other), context, SILENT)
    assert len(context.frozen.cache.stored()) == len(stored)


def finished(backbone, material, folder):
    """The outcome of a fold of a system, whose frames are computed once."""
    readout = ReadOut.parse(backbone.readouts[0], backbone.taps).unpooled.text(backbone.taps)
    job = job_of(backbone, material, readout, frozen=True, taps=backbone.taps, whole=True)
    context = context_of(backbone, material, folder)
    outcome = run_fold(job, context, SILENT)
    assert outcome.epochs == 2
    network = trained_network(job.recipe, context.plugins, len(EMOTIONS), outcome.state)
    logits = predict(network, material.clips, job.test, 3)
    assert logits == pytest.approx(outcome.logits, abs=1e-4)
    assert len(context.frozen.cache.stored()) == len(backbone.taps) + 1  # and their numbers


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_system_finishes_a_fold(name, tmp_path):
    finished(TINY[name], material_of(0.5), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", SYSTEMS)
def test_a_system_at_full_size_finishes_a_fold(name, tmp_path):
    finished(REGISTERED[name], material_of(3.0), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", SYSTEMS)
def test_a_system_at_full_size_exports_to_onnx(name):
    backbone = REGISTERED[name]
    torch.manual_seed(0)
    built = backbone.build("none")
    readout = ReadOut.parse(backbone.readouts[0], backbone.taps).unpooled
    head = Plugins().heads.get(backbone.head).module(readout.width(built.widths), 6, None, {})
    network = EmotionNetwork(nn.Identity(), built.module, head, backbone, readout).eval()
    images = clips(1, samples=48_000)
    with torch.inference_mode():
        logits = network(images)
    torch.testing.assert_close(onnx_logits(network, images), logits, rtol=0, atol=1e-4)
