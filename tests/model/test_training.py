"""The training loop: it learns, it repeats itself, it knows when to stop, it hears no more."""

from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from serbench.data.clips import ClipFormat, Clips
from serbench.data.protocols import Fold
from serbench.model import training
from serbench.model.backbone import EmotionNetwork, Freezing
from serbench.model.frontend import InputSpec
from serbench.model.metrics import score
from serbench.model.training import Regime, batches, predict, select_augmentations, train
from serbench.plugins import Plugins

PLUGINS = Plugins()
RATE, N_CLASSES = 8000, 3
FORMAT = ClipFormat(RATE, 0.25)
ALL_ROWS = Fold(train=np.arange(0, 36), test=np.arange(36, 48))


@dataclass(frozen=True)
class HeardClips(Clips):
    """Clips that remember which rows somebody asked for."""

    heard: set[int] = field(default_factory=set)

    def batch(self, rows):
        self.heard.update(rows.tolist())
        return super().batch(rows)


def toy_problem(n_clips=60):
    """Noisy tones whose pitch tells the class: clips and targets ``[n_clips]``."""
    random = np.random.default_rng(0)
    targets = np.arange(n_clips) % N_CLASSES
    pitch = np.array([300, 900, 2400])[targets] * random.uniform(0.93, 1.07, n_clips)
    seconds = np.arange(FORMAT.samples) / RATE
    phase = random.uniform(0, 2 * np.pi, (n_clips, 1))
    waveforms = np.sin(2 * np.pi * pitch[:, None] * seconds + phase)
    waveforms += 0.3 * random.standard_normal(waveforms.shape)
    peaks = np.abs(waveforms).max(axis=1)
    stored = np.rint(waveforms / peaks[:, None] * 32767).astype(np.int16)
    return HeardClips(FORMAT, stored, peaks.astype(np.float32)), targets


class SmallNet(nn.Module):
    """One convolution, one batch norm, dropout, one linear layer."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 8, 5, stride=2), nn.ReLU(), nn.BatchNorm2d(8), nn.Dropout(0.1)
        )
        self.head = nn.Linear(8 * 14, N_CLASSES)

    def forward(self, image):
        return self.head(self.body(image).mean(dim=3).flatten(1))


STAGES = [["body.0.weight", "body.0.bias", "body.2.weight", "body.2.bias"]]


def fresh_network(seed=0):
    torch.manual_seed(seed)
    spec = InputSpec(1, 32, 32, (0.5,), (0.25,))
    return EmotionNetwork(PLUGINS.front_ends.get("mel").build(FORMAT, spec), SmallNet())


def regime(seed=0, epochs=8, learning_rate=1e-2, batch_size=8, widths=None):
    return Regime(
        scheduler=PLUGINS.schedulers.get("half-cycle"),
        learning_rate=learning_rate,
        augmentations=select_augmentations(list(PLUGINS.augmentations), widths or {}),
        epochs=epochs,
        batch_size=batch_size,
        seed=seed,
    )


PAPERS_WIDTHS = {"time-shift": 0.3, "frequency-mask": 0.1, "time-mask": 0.1}


def trained(part=ALL_ROWS, depth=0, on_epoch=lambda report: None, **how):
    """A network trained on the toy problem, and the account of its training."""
    clips, targets = toy_problem()
    network = fresh_network()
    account = train(
        network,
        Freezing(network.backbone, STAGES, depth),
        clips,
        targets,
        part,
        regime(**how),
        on_epoch,
    )
    return network, account, clips, targets


def test_it_learns_what_can_be_learnt():
    network, account, clips, targets = trained(widths=PAPERS_WIDTHS, epochs=10)
    unheard = np.arange(48, 60)
    before = score(predict(fresh_network(), clips, unheard, 8), targets[unheard])
    after = score(predict(network, clips, unheard, 8), targets[unheard])
    assert after.uar > 0.9 > before.uar
    assert 1 <= account.best_epoch <= account.epochs <= 10
    assert account.seconds > 0


def test_the_same_seed_gives_the_same_logits_and_another_seed_others():
    logits = []
    for seed in (1, 1, 2):
        network, _, clips, _ = trained(seed=seed, widths=PAPERS_WIDTHS, epochs=2)
        logits.append(predict(network, clips, np.arange(48, 60), 8))
    assert np.array_equal(logits[0], logits[1])
    assert not np.allclose(logits[0], logits[2], atol=1e-3)


def test_random_numbers_drawn_before_change_nothing():
    clips, targets = toy_problem()
    logits = []
    for drawn in (0, 5):
        network = fresh_network()
        torch.rand(drawn)
        freezing = Freezing(network.backbone, STAGES, 0)
        train(network, freezing, clips, targets, ALL_ROWS, regime(epochs=1, widths=PAPERS_WIDTHS))
        logits.append(predict(network, clips, np.arange(48, 60), 8))
    assert np.array_equal(*logits)


def test_only_training_and_validation_clips_are_heard():
    _, _, clips, _ = trained(epochs=3)
    assert clips.heard == set(range(48))


def test_every_training_clip_is_heard_once_an_epoch_in_a_new_order(monkeypatch):
    asked = []
    batch = HeardClips.batch
    monkeypatch.setattr(
        HeardClips, "batch", lambda self, rows: (asked.append(rows.tolist()), batch(self, rows))[1]
    )
    trained(part=Fold(np.arange(0, 30), np.arange(40, 44)), epochs=2)
    rows = [row for some in asked for row in some]
    first, validated, second = rows[:30], rows[30:34], rows[34:64]
    assert sorted(first) == sorted(second) == list(range(30))
    assert first != sorted(first)
    assert first != second
    assert validated == [40, 41, 42, 43]
    assert len(rows) == 68


def test_validation_targets_do_not_teach():
    clips, targets = toy_problem()
    networks = []
    for shift in (0, 1):
        told = targets.copy()
        told[ALL_ROWS.test] = (told[ALL_ROWS.test] + shift) % N_CLASSES
        network = fresh_network()
        freezing = Freezing(network.backbone, STAGES, 0)
        train(network, freezing, clips, told, ALL_ROWS, regime(epochs=1))
        networks.append(network.state_dict())
    assert all(torch.equal(networks[0][name], networks[1][name]) for name in networks[0])


def test_frozen_stages_come_out_as_they_went_in():
    network, _, _, _ = trained(depth=1, epochs=2)
    start = fresh_network().backbone.state_dict()
    end = network.backbone.state_dict()
    for name in start:
        assert torch.equal(start[name], end[name]) == (not name.startswith("head.")), name


def scripted_validation(monkeypatch, uars, losses=None):
    """Let validation find these UARs one epoch after the other (and these losses).

    Returns a list that holds the network's weights as they were in each epoch.
    """
    weights = []

    def report(epoch, epochs, train_losses, logits, targets):
        loss, uar = losses[epoch - 1] if losses else 1.0, uars[epoch - 1]
        return training.EpochReport(epoch, epochs, float(np.mean(train_losses)), loss, uar)

    def listen(network, clips, rows, batch_size):
        weights.append({name: value.clone() for name, value in network.state_dict().items()})
        return np.zeros((len(rows), N_CLASSES), dtype=np.float32)

    monkeypatch.setattr(training, "predict", listen)
    monkeypatch.setattr(training, "_report", report)
    return weights


def equal(first, second):
    return all(torch.equal(first[name], second[name]) for name in first)


def test_training_stops_when_patience_is_over_and_takes_the_best_epochs_weights(monkeypatch):
    monkeypatch.setattr(training, "PATIENT_STEPS", 0)
    weights = scripted_validation(monkeypatch, [0.3, 0.5, 0.8, *[0.7] * 50])
    network, account, _, _ = trained(epochs=50)
    assert training.PATIENCE == 5
    assert (account.epochs, account.best_epoch) == (3 + 5, 3)
    assert equal(network.state_dict(), weights[2])
    assert not equal(network.state_dict(), weights[-1])


def test_progress_starts_patience_anew(monkeypatch):
    monkeypatch.setattr(training, "PATIENT_STEPS", 0)
    scripted_validation(monkeypatch, [0.5, *[0.4] * 4, 0.6, *[0.5] * 50])
    _, account, _, _ = trained(epochs=50)
    assert (account.epochs, account.best_epoch) == (6 + 5, 6)


def test_patience_lasts_a_hundred_and_fifty_steps_at_least(monkeypatch):
    scripted_validation(monkeypatch, [0.5, *[0.4] * 100])
    _, account, _, _ = trained(epochs=100, part=Fold(np.arange(16), np.arange(40, 44)))
    assert account.epochs == 1 + 150 // 2  # two batches of eight an epoch


def test_patience_in_steps_rounds_up_and_the_papers_five_epochs_are_the_least(monkeypatch):
    scripted_validation(monkeypatch, [0.5, *[0.4] * 100])
    monkeypatch.setattr(training, "PATIENT_STEPS", 31)
    part = Fold(np.arange(40), np.arange(40, 44))  # five batches of eight
    assert trained(epochs=100, part=part)[1].epochs == 1 + 7
    monkeypatch.setattr(training, "PATIENT_STEPS", 10)
    assert trained(epochs=100, part=part)[1].epochs == 1 + 5


def test_of_equally_good_epochs_the_one_with_the_lowest_loss_is_taken(monkeypatch):
    monkeypatch.setattr(training, "PATIENT_STEPS", 0)
    weights = scripted_validation(monkeypatch, [0.8] * 4, losses=[1.0, 0.6, 0.7, 0.6])
    network, account, _, _ = trained(epochs=4)
    assert account.best_epoch == 2
    assert equal(network.state_dict(), weights[1])


def test_the_budget_of_epochs_is_kept(monkeypatch):
    scripted_validation(monkeypatch, [0.1 * epoch for epoch in range(1, 10)])
    _, account, _, _ = trained(epochs=4)
    assert (account.epochs, account.best_epoch) == (4, 4)


def test_each_epoch_is_reported():
    reports = []
    trained(epochs=3, on_epoch=reports.append)
    assert [report.epoch for report in reports] == [1, 2, 3]
    assert {report.epochs for report in reports} == {3}
    assert all(0 <= report.validation_uar <= 1 for report in reports)
    assert all(report.loss > 0 and report.validation_loss > 0 for report in reports)


def test_reports_say_what_the_network_says_on_the_validation_part():
    reports = []
    network, account, clips, targets = trained(epochs=2, on_epoch=reports.append)
    logits = predict(network, clips, ALL_ROWS.test, 8)
    best = reports[account.best_epoch - 1]
    assert best.validation_uar == pytest.approx(score(logits, targets[ALL_ROWS.test]).uar)
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    right = shares[np.arange(len(logits)), targets[ALL_ROWS.test]]
    assert best.validation_loss == pytest.approx(-np.log(right).mean(), rel=1e-4)


def test_divergence_ends_training_but_not_the_program():
    network, account, clips, _ = trained(learning_rate=1e30, epochs=20)
    assert account.epochs < 20
    logits = predict(network, clips, np.arange(48, 60), 8)
    assert logits.shape == (12, N_CLASSES)


@pytest.mark.parametrize("learning_rate", [1e9, 1e20])
def test_absurd_learning_rates_are_survived(learning_rate):
    network, account, clips, targets = trained(learning_rate=learning_rate, epochs=3)
    assert account.epochs <= 3
    score(predict(network, clips, np.arange(48, 60), 8), targets[48:60])


def test_logits_that_are_never_finite_leave_the_start(monkeypatch):
    scripted_validation(monkeypatch, [0.9] * 5, losses=[float("nan")] * 5)
    network, account, _, _ = trained(epochs=5)
    assert (account.epochs, account.best_epoch) == (1, 0)
    assert equal(network.state_dict(), fresh_network().state_dict())


def test_predictions_come_in_the_order_asked_for_whatever_the_batch():
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
def test_batches_part_the_rows_in_order_and_none_is_a_single_clip(n_rows, batch_size):
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
    apply = training.augment

    def watched(batch, acts_on, augmentations, generator):
        in_training.append(len(batch))
        return apply(batch, acts_on, augmentations, generator)

    monkeypatch.setattr(training, "augment", watched)
    trained(part=Fold(np.arange(16), np.arange(40, 60)), epochs=1, widths=PAPERS_WIDTHS)
    assert in_training == [8, 8, 8, 8]  # waveforms and images of two batches
