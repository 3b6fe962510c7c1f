"""Entries in other runtimes: which network is tested on which clips, and what is stored."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from making.networks import CLIPS, PROTOCOLS

from serbench.data.preparation import prepare_clips
from serbench.errors import DivergedError, ExportError, UsageError, WeightsError
from serbench.plugins import Plugins
from serbench.run.runtimes import RuntimeVariants, recordings
from serbench.score.scoring import score_holdout
from serbench.store.predictions import scored_predictions
from serbench.store.schema import PredictionRow
from serbench.store.systems import Systems, find_system
from serbench.store.variants import Variants


@dataclass(frozen=True)
class Rounded:
    """A runtime that rounds logits to whole numbers, or keeps them; it has what it received."""

    received: list
    name: str = "rounded"
    changes_logits: bool = True
    makes_files: bool = False
    wrong: float = 0.0

    @property
    def identity(self):
        return {"precision": "whole", "version": "1"}

    def prepare(self, network, calibration, threads, file=None):
        self.received.append((network, list(calibration), threads))

        def logits(recording):
            with torch.inference_mode():
                logits = network(*recording).logits
                rounded = logits.round() if self.changes_logits else logits
                return rounded.numpy() + np.float32(self.wrong)

        return logits


@pytest.fixture
def database(planted):
    return planted.database


@pytest.fixture
def variants(planted):
    return RuntimeVariants(Plugins(), planted.workspace, planted.database)


@pytest.fixture(params=[1, 2], ids=PROTOCOLS)
def entry(request):
    """An entry whose clips are tested by two networks, and one of a holdout."""
    return request.param


def predictions(database, number, runtime=None):
    with database.session() as session:
        [found] = scored_predictions(session, find_system(session, number), runtime)
    return found.by_row()


def test_the_scores_are_those_of_the_runtimes_logits(entry, variants, database, planted, made):
    runtime, progress = Rounded([]), []
    variants.score(entry, runtime, lambda *counts: progress.append(counts))
    own, eager = (predictions(database, entry, name) for name in ("rounded", None))
    assert np.array_equal(own.rows, eager.rows)
    assert (own.logits == eager.logits.round()).mean() > 0.95  # rounding may differ at a half
    np.testing.assert_allclose(own.logits, eager.logits.round(), atol=1)
    targets = planted.manifest.targets[own.rows]
    stored = Variants(database)
    tallied = stored.tally(entry, "rounded")
    assert np.trace(tallied.confusion) == (own.logits.argmax(axis=1) == targets).sum()
    if ":" in PROTOCOLS[entry - 1]:  # the other protocol corrects for the selection
        expected = score_holdout(
            made.metrics, own.logits, targets, planted.manifest.speakers[own.rows]
        )
        assert stored.uar(entry, "rounded") == expected["uar"]
    count = len(runtime.received)
    assert progress == [(done, count) for done in range(count + 1)]


def test_each_network_is_calibrated_with_clips_it_was_trained_on(
    entry, variants, database, planted
):
    runtime = Rounded([])
    variants.score(entry, runtime)
    clips = prepare_clips(planted.manifest, planted.workspace.clips, CLIPS)
    known = {
        part.waveform.numpy().tobytes(): row
        for row, part in enumerate(recordings(clips, range(len(clips))))
    }
    for tested, (_, calibration, threads) in zip(
        Variants(database).networks(entry), runtime.received, strict=True
    ):
        used = {known[part.waveform.numpy().tobytes()] for part in calibration}
        assert used == set(tested.train.tolist())  # fewer than the 64 that are used at most
        assert used.isdisjoint(tested.test.tolist())
        assert threads == 1


def test_scores_in_a_runtime_do_not_disturb_those_of_training(entry, variants, database, made):
    before = Variants(database).uar(entry, "eager")
    variants.score(entry, Rounded([]))
    assert Systems(database).rescore(entry, made.metrics) == []
    assert Variants(database).uar(entry, "eager") == before


def test_the_shipped_network_is_calibrated_with_all_clips(variants, database, planted):
    runtime = Rounded([])
    variants.prepared(1, runtime, threads=2)
    [(network, calibration, threads)] = runtime.received
    assert threads == 2
    assert len(calibration) == len(planted.manifest.utterances)  # 36, fewer than 64
    assert network.temperature == Systems(database).temperature(1)
    assert not network.training


def test_the_holdout_is_not_used_for_calibration(variants, database, planted):
    runtime = Rounded([])
    variants.prepared(2, runtime)
    [(_, calibration, _)] = runtime.received
    [tested] = Variants(database).networks(2)
    clips = prepare_clips(planted.manifest, planted.workspace.clips, CLIPS)
    held_out = {part.waveform.numpy().tobytes() for part in recordings(clips, tested.test.tolist())}
    assert not any(part.waveform.numpy().tobytes() in held_out for part in calibration)


def test_a_runtime_that_keeps_logits_needs_no_recordings_and_has_no_scores(
    variants, database, monkeypatch
):
    runtime = Rounded([], changes_logits=False)
    monkeypatch.setattr("serbench.run.runtimes.prepare_clips", lambda *_: pytest.fail("read"))
    variants.prepared(1, runtime)
    variants.score(1, runtime)
    assert [calibration for _, calibration, _ in runtime.received] == [[]]
    stored = Variants(database)
    with pytest.raises(UsageError) as raised:
        stored.tally(1, runtime.name)
    assert raised.value.facts == {"number": 1, "runtime": "rounded"}
    assert stored.uar(1, runtime.name) == stored.uar(1, "eager")


def test_a_runtime_that_should_keep_logits_and_does_not_is_refused(variants):
    with pytest.raises(ExportError) as raised:
        variants.prepared(1, Rounded([], changes_logits=False, wrong=0.5))
    assert raised.value.facts["runtime"] == "rounded"
    assert raised.value.facts["difference"] == pytest.approx(0.5)


def test_an_entry_that_is_scored_already_is_left_as_it_is(variants):
    first, again = Rounded([]), Rounded([])
    variants.score(1, first)
    variants.score(1, again)
    assert first.received
    assert not again.received


def test_logits_that_are_no_numbers_are_an_error_and_are_not_stored(variants, database):
    with pytest.raises(DivergedError) as raised:
        variants.score(1, Rounded([], wrong=float("nan")))
    assert raised.value.facts == {"number": 1, "runtime": "rounded"}
    with database.session() as session:
        assert not session.query(PredictionRow).filter_by(runtime="rounded").count()


def test_an_entry_whose_weights_are_gone_is_refused(variants, planted):
    for path in planted.workspace.artifacts.glob("*.safetensors"):
        path.unlink()
    with pytest.raises(WeightsError):
        variants.deployable(1)
    with pytest.raises(WeightsError):
        variants.score(1, Rounded([]))


def test_recordings_have_the_length_without_padding(stored):
    long = replace(CLIPS, seconds=0.8)  # the recordings have half a second
    clips = prepare_clips(stored.manifest, stored.workspace.clips, long)
    [second, first] = recordings(clips, [1, 0])
    assert int(first.valid_samples) == 4000
    assert first.waveform.shape == (1, long.samples)
    assert np.array_equal(first.waveform[0].numpy(), clips.batch(np.array([0]))[0])
    assert not torch.equal(first.waveform, second.waveform)
