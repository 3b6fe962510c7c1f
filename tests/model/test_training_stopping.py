"""The end of training: patience, greatest number of epochs, divergence; and the kept weights."""

import numpy as np
import pytest
import torch
from trainings import ALL_ROWS, N_CLASSES, Reports, equal, trained

from serbench.data.protocols import Fold
from serbench.errors import DivergedError
from serbench.model import training
from serbench.model.training import predict


def scripted_validation(monkeypatch, uars, losses=None):
    """Replace validation results by these UARs (and losses), one per epoch.

    Returns a list with the network's weights in each epoch.
    """
    weights = []

    def validated(logits, targets):
        place = len(weights) - 1
        return training.Validation(losses[place] if losses else 1.0, 0.1, uars[place])

    def validate(network, clips, rows, batch_size, compute_settings):
        weights.append({name: value.clone() for name, value in network.state_dict().items()})
        return np.zeros((len(rows), N_CLASSES), dtype=np.float32)

    monkeypatch.setattr(training, "predict", validate)
    monkeypatch.setattr(training, "_validated", validated)
    return weights


def test_training_stops_after_its_patience_with_the_weights_of_the_best_epoch(monkeypatch):
    monkeypatch.setattr(training, "PATIENT_STEPS", 0)
    weights = scripted_validation(monkeypatch, [0.3, 0.5, 0.8, *[0.7] * 50])
    network, account, _, _ = trained(epochs=50)
    assert training.PATIENCE == 5
    assert (account.epochs, account.best_epoch) == (3 + 5, 3)
    assert equal(network.state_dict(), weights[2])
    assert not equal(network.state_dict(), weights[-1])


def test_an_improvement_resets_the_patience(monkeypatch):
    monkeypatch.setattr(training, "PATIENT_STEPS", 0)
    scripted_validation(monkeypatch, [0.5, *[0.4] * 4, 0.6, *[0.5] * 50])
    _, account, _, _ = trained(epochs=50)
    assert (account.epochs, account.best_epoch) == (6 + 5, 6)


def test_patience_lasts_a_hundred_and_fifty_steps_at_least(monkeypatch):
    scripted_validation(monkeypatch, [0.5, *[0.4] * 100])
    _, account, _, _ = trained(epochs=100, part=Fold(np.arange(16), np.arange(40, 44)))
    assert account.epochs == 1 + 150 // 2  # two batches of eight an epoch


def test_patience_in_steps_is_rounded_up_and_the_papers_five_epochs_are_the_least(monkeypatch):
    scripted_validation(monkeypatch, [0.5, *[0.4] * 100])
    monkeypatch.setattr(training, "PATIENT_STEPS", 31)
    part = Fold(np.arange(40), np.arange(40, 44))  # five batches of eight
    assert trained(epochs=100, part=part)[1].epochs == 1 + 7
    monkeypatch.setattr(training, "PATIENT_STEPS", 10)
    assert trained(epochs=100, part=part)[1].epochs == 1 + 5


def test_of_equally_good_epochs_the_one_with_the_lowest_loss_is_kept(monkeypatch):
    monkeypatch.setattr(training, "PATIENT_STEPS", 0)
    weights = scripted_validation(monkeypatch, [0.8] * 4, losses=[1.0, 0.6, 0.7, 0.6])
    network, account, _, _ = trained(epochs=4)
    assert account.best_epoch == 2
    assert equal(network.state_dict(), weights[1])


def test_the_budget_of_epochs_is_kept(monkeypatch):
    scripted_validation(monkeypatch, [0.1 * epoch for epoch in range(1, 10)])
    _, account, _, _ = trained(epochs=4)
    assert (account.epochs, account.best_epoch) == (4, 4)


def test_a_training_of_exactly_three_epochs_equals_a_longer_one_after_its_third(monkeypatch):
    watch = Reports()
    network, account, clips, _ = trained(epochs=8, exactly=3, watch=watch)
    assert (account.epochs, account.best_epoch) == (3, 3)
    assert (account.curve, account.losses, account.pruned) == ((), (), False)
    assert [(report.epoch, report.epochs, report.validation) for report in watch.epochs] == [
        (1, 3, None),
        (2, 3, None),
        (3, 3, None),
    ]
    assert not clips.read & set(ALL_ROWS.test.tolist())
    weights = scripted_validation(monkeypatch, [0.1 * epoch for epoch in range(1, 10)])
    trained(epochs=8)
    assert equal(network.state_dict(), weights[2])
    assert not equal(network.state_dict(), weights[1])


def test_a_training_of_exactly_some_epochs_needs_no_validation_clips():
    nobody = Fold(ALL_ROWS.train, ALL_ROWS.train[:0])
    with_them, without = (trained(part, epochs=3, exactly=2)[0] for part in (ALL_ROWS, nobody))
    assert equal(with_them.state_dict(), without.state_dict())


def test_a_training_of_exactly_some_epochs_has_the_schedule_of_the_whole_length():
    longer, shorter = (trained(epochs=epochs, exactly=3)[0] for epochs in (6, 3))
    assert not equal(longer.state_dict(), shorter.state_dict())


@pytest.mark.parametrize("learning_rate", [1e20, 1e30])
def test_a_training_whose_loss_is_nan_has_diverged(learning_rate):
    with pytest.raises(DivergedError) as refusal:
        trained(learning_rate=learning_rate, epochs=20)
    assert not np.isfinite(refusal.value.facts["loss"])


def test_nan_in_validation_logits_is_a_divergence(monkeypatch):
    monkeypatch.setattr(training.Watch, "step", lambda self, loss: None)
    with pytest.raises(DivergedError) as refusal:
        trained(learning_rate=1e30, epochs=20)
    assert refusal.value.facts["rows"]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_network_with_nan_or_infinite_weights_does_not_predict(value):
    network, _, clips, _ = trained(epochs=1)
    with torch.no_grad():
        network.head.bias[0] = value
    with pytest.raises(DivergedError) as refusal:
        predict(network, clips, np.arange(48, 60), 8)
    assert refusal.value.facts["rows"] == tuple(range(48, 60))
