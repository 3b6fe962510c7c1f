"""The training loop: learning, repeatability, reports, and the clips that it reads."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from trainings import (
    ALL_ROWS,
    N_CLASSES,
    PAPERS_WIDTHS,
    PLUGINS,
    STAGES,
    ReadClips,
    Reports,
    equal,
    fresh_network,
    regime,
    toy_problem,
    trained,
)

from serbench.data.protocols import Fold
from serbench.model import batches as feeding
from serbench.model.batches import batches, select_augmentations
from serbench.model.network import EmotionNetwork, Freezing
from serbench.model.training import Watch, predict, train
from serbench.score.confusion import uar_of

ALL_PARTS = ALL_ROWS.train, ALL_ROWS.test


def test_it_learns_a_simple_problem():
    network, account, clips, targets = trained(widths=PAPERS_WIDTHS, epochs=10)
    unused = np.arange(48, 60)
    before = uar_of(predict(fresh_network(), clips, unused, 8), targets[unused])
    after = uar_of(predict(network, clips, unused, 8), targets[unused])
    assert after > 0.9 > before
    assert 1 <= account.best_epoch <= account.epochs <= 10
    assert account.seconds > 0


def test_the_same_seed_gives_the_same_logits_and_another_seed_others():
    logits = []
    for seed in (1, 1, 2):
        network, _, clips, _ = trained(seed=seed, widths=PAPERS_WIDTHS, epochs=2)
        logits.append(predict(network, clips, np.arange(48, 60), 8))
    assert np.array_equal(logits[0], logits[1])
    assert not np.allclose(logits[0], logits[2], atol=1e-3)


def test_earlier_random_numbers_have_no_influence():
    clips, targets = toy_problem()
    logits = []
    for drawn in (0, 5):
        network = fresh_network()
        torch.rand(drawn)
        freezing = Freezing(network.backbone, STAGES, 0)
        train(network, freezing, clips, targets, *ALL_PARTS, regime(epochs=1, widths=PAPERS_WIDTHS))
        logits.append(predict(network, clips, np.arange(48, 60), 8))
    assert np.array_equal(*logits)


def test_only_training_and_validation_clips_are_read():
    _, _, clips, _ = trained(epochs=3)
    assert clips.read == set(range(48))


def test_every_training_clip_is_read_once_an_epoch_in_a_new_order(monkeypatch):
    asked = []
    batch = ReadClips.batch
    monkeypatch.setattr(
        ReadClips, "batch", lambda self, rows: (asked.append(rows.tolist()), batch(self, rows))[1]
    )
    trained(part=Fold(np.arange(0, 30), np.arange(40, 44)), epochs=2)
    rows = [row for some in asked for row in some]
    first, validated, second = rows[:30], rows[30:34], rows[34:64]
    assert sorted(first) == sorted(second) == list(range(30))
    assert first != sorted(first)
    assert first != second
    assert validated == [40, 41, 42, 43]
    assert len(rows) == 68


def test_validation_targets_are_not_learnt():
    clips, targets = toy_problem()
    networks = []
    for shift in (0, 1):
        changed = targets.copy()
        changed[ALL_ROWS.test] = (changed[ALL_ROWS.test] + shift) % N_CLASSES
        network = fresh_network()
        freezing = Freezing(network.backbone, STAGES, 0)
        train(network, freezing, clips, changed, *ALL_PARTS, regime(epochs=1))
        networks.append(network.state_dict())
    assert all(torch.equal(networks[0][name], networks[1][name]) for name in networks[0])


def test_frozen_stages_do_not_change():
    network, _, _, _ = trained(depth=1, epochs=2)
    start = fresh_network().state_dict()
    end = network.state_dict()
    for name in start:
        assert torch.equal(start[name], end[name]) == (not name.startswith("head.")), name


def test_each_epoch_is_reported():
    watch = Reports()
    trained(epochs=3, watch=watch)
    reports = watch.epochs
    assert [report.epoch for report in reports] == [1, 2, 3]
    assert {report.epochs for report in reports} == {3}
    assert all(0 <= report.validation.uar <= 1 for report in reports)
    assert all(report.loss > 0 and report.validation.loss > 0 for report in reports)


def test_reports_agree_with_the_networks_predictions_on_the_validation_part():
    watch = Reports()
    network, account, clips, targets = trained(epochs=2, watch=watch)
    logits = predict(network, clips, ALL_ROWS.test, 8)
    best = watch.epochs[account.best_epoch - 1]
    assert account.curve == tuple(report.validation.uar for report in watch.epochs)
    assert best.validation.uar == pytest.approx(uar_of(logits, targets[ALL_ROWS.test]))
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    right = shares[np.arange(len(logits)), targets[ALL_ROWS.test]]
    assert account.losses == tuple(report.validation.loss for report in watch.epochs)
    assert best.validation.loss == pytest.approx(-np.log(right).mean(), rel=1e-4)
    error = np.log(right).std() / len(right) ** 0.5
    assert best.validation.error == pytest.approx(error, rel=1e-3)


def test_predictions_have_the_requested_order_for_any_batch_size():
    clips, _ = toy_problem()
    network = fresh_network()
    rows = np.array([5, 3, 59, 0, 7, 3, 21])
    expected = predict(network, clips, rows, 100)
    assert expected.shape == (7, N_CLASSES)
    assert expected.dtype == np.float32
    for batch_size in (1, 2, 3, 7):
        np.testing.assert_allclose(
            predict(network, clips, rows, batch_size), expected, rtol=1e-4, atol=1e-5
        )


def test_predicting_changes_nothing():
    clips, _ = toy_problem()
    network = fresh_network()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    predict(network, clips, np.arange(10), 4)
    assert equal(network.state_dict(), before)


@given(n_rows=st.integers(1, 200), batch_size=st.integers(2, 50))
def test_batches_split_the_rows_in_order_and_none_is_a_single_clip(n_rows, batch_size):
    rows = np.random.default_rng(n_rows).permutation(n_rows)
    parts = list(batches(rows, batch_size))
    assert np.array_equal(np.concatenate(parts), rows)
    sizes = [len(part) for part in parts]
    assert set(sizes[:-1]) <= {batch_size}
    assert sizes[-1] <= batch_size + 1
    assert n_rows == 1 or min(sizes) >= 2
    assert len(parts) <= -(-n_rows // batch_size)


def test_augmentations_without_a_width_are_off():
    known = list(PLUGINS.augmentations)
    chosen = select_augmentations(known, {"gain": 3.0})
    assert [augmentation for augmentation, _ in chosen] == known
    assert {a.name: width for a, width in chosen if width} == {"gain": 3.0}


def test_augmentation_is_for_training_only(monkeypatch):
    in_training = []
    apply = feeding.augment

    def watched(batch, acts_on, augmentations, generator, lengths):
        in_training.append(len(batch))
        return apply(batch, acts_on, augmentations, generator, lengths)

    monkeypatch.setattr(feeding, "augment", watched)
    trained(part=Fold(np.arange(16), np.arange(40, 60)), epochs=1, widths=PAPERS_WIDTHS)
    assert in_training == [8, 8, 8, 8]  # waveforms and images of two batches


def test_each_use_of_random_numbers_has_its_own_stream(monkeypatch):
    """With one common seed the order of clips would depend on the numbers of dropout."""
    seeds = {}
    augment = feeding.augment

    def watched(batch, acts_on, augmentations, generator, lengths):
        seeds["augmentation"] = generator.initial_seed()
        return augment(batch, acts_on, augmentations, generator, lengths)

    class Steps(Watch):
        def step(self, loss):
            seeds["dropout"] = torch.initial_seed()

    monkeypatch.setattr(feeding, "augment", watched)
    _, _, clips, _ = trained(seed=7, epochs=1, watch=Steps())
    order = [row for rows in clips.asked for row in rows][: len(ALL_ROWS.train)]
    assert len({7, *seeds.values()}) == 3
    for seed in {7, *seeds.values()}:
        same = torch.randperm(len(order), generator=torch.Generator().manual_seed(seed))
        assert ALL_ROWS.train[same.numpy()].tolist() != order


def test_the_order_of_the_clips_does_not_depend_on_the_augmentations():
    def order(widths):
        _, _, clips, _ = trained(seed=3, widths=widths, epochs=1)
        return clips.asked

    assert order({}) == order(PAPERS_WIDTHS)


def test_the_front_end_is_in_evaluation_mode_in_every_epoch():
    modes = []

    class FrontEnd(torch.nn.Module):
        def forward(self, waveform):
            modes.append(self.training)
            return waveform[:, None, :, None]

    network = EmotionNetwork(FrontEnd(), torch.nn.Flatten(), torch.nn.Identity())
    for mode in (True, False, True):
        network.train(mode)
        network(torch.zeros(1, 4))
        assert network.backbone.training is mode
    assert modes == [False] * 3
