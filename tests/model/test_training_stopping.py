"""When training ends: patience, the budget of epochs, divergence; and whose weights are taken."""

import numpy as np
import pytest
import torch
from trainings import N_CLASSES, equal, trained

from serbench.data.protocols import Fold
from serbench.errors import DivergedError
from serbench.model import training
from serbench.model.training import predict


def scripted_validation(monkeypatch, uars, losses=None):
    """Let validation find these UARs one epoch after the other (and these losses).

    Returns a list that holds the network's weights as they were in each epoch.
    """
    weights = []

    def report(epoch, epochs, train_losses, logits, targets):
        loss, uar = losses[epoch - 1] if losses else 1.0, uars[epoch - 1]
        return training.EpochReport(epoch, epochs, float(np.mean(train_losses)), loss, 0.1, uar)

    def listen(network, clips, rows, batch_size, compute_settings):
        weights.append({name: value.clone() for name, value in network.state_dict().items()})
        return np.zeros((len(rows), N_CLASSES), dtype=np.float32)

    monkeypatch.setattr(training, "predict", listen)
    monkeypatch.setattr(training, "_report", report)
    return weights


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


def test_patience_in_steps_is_rounded_up_and_the_papers_five_epochs_are_the_least(monkeypatch):
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


@pytest.mark.parametrize("learning_rate", [1e20, 1e30])
def test_a_training_whose_loss_is_no_number_has_diverged(learning_rate):
    with pytest.raises(DivergedError) as refusal:
        trained(learning_rate=learning_rate, epochs=20)
    assert not np.isfinite(refusal.value.facts["loss"])


def test_validation_logits_that_are_no_numbers_are_a_divergence(monkeypatch):
    monkeypatch.setattr(training.Watch, "step", lambda self, loss: None)
    with pytest.raises(DivergedError) as refusal:
        trained(learning_rate=1e30, epochs=20)
    assert refusal.value.facts["rows"]


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_network_with_weights_that_are_no_numbers_predicts_nothing(value):
    network, _, clips, _ = trained(epochs=1)
    with torch.no_grad():
        network.head.bias[0] = value
    with pytest.raises(DivergedError) as refusal:
        predict(network, clips, np.arange(48, 60), 8)
    assert refusal.value.facts["rows"] == tuple(range(48, 60))
