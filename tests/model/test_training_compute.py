"""Compute settings of a training, and the end of a training by its watch."""

import numpy as np
import pytest
import torch
from torch import nn
from trainings import PAPERS_WIDTHS, Reports, equal, fresh_network, trained

from serbench.model.batches import ahead
from serbench.model.compute import BF16, CONTIGUOUS, ComputeSettings
from serbench.model.training import predict


def logits_of(**how):
    network, account, clips, _ = trained(epochs=2, widths=PAPERS_WIDTHS, **how)
    return predict(network, clips, np.arange(48, 60), 8), account


def test_preparing_batches_ahead_changes_no_logit():
    plain, ahead_ = (
        logits_of(compute=ComputeSettings(1, prefetch=prefetch)) for prefetch in (False, True)
    )
    assert plain[0].tobytes() == ahead_[0].tobytes()
    assert plain[1].curve == ahead_[1].curve


@pytest.mark.parametrize(
    "compute_settings",
    [ComputeSettings(1, BF16), ComputeSettings(1, memory_format=CONTIGUOUS)],
    ids=lambda n: n.text,
)
def test_the_same_compute_settings_give_the_same_logits(compute_settings):
    assert (
        logits_of(compute=compute_settings)[0].tobytes()
        == logits_of(compute=compute_settings)[0].tobytes()
    )


def test_half_precision_trains_in_half_and_predicts_in_full_precision():
    full, half = logits_of()[0], logits_of(compute=ComputeSettings(1, BF16))[0]
    assert half.dtype == np.float32
    assert not np.array_equal(full, half)
    np.testing.assert_allclose(half, full, atol=0.2)
    as_bf16 = torch.from_numpy(half).bfloat16().float().numpy()
    assert not np.array_equal(half, as_bf16), "its logits are rounded"


def test_half_precision_keeps_the_weights_in_full_precision():
    network, _, _, _ = trained(epochs=1, compute=ComputeSettings(1, BF16))
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}


def test_memory_formats_order_images_and_filters():
    image, network = torch.zeros(2, 3, 4, 5), nn.Conv2d(3, 6, 3)
    for compute_settings, last in (
        (ComputeSettings(1), True),
        (ComputeSettings(1, memory_format=CONTIGUOUS), False),
    ):
        compute_settings.arrange_filters(network)
        for tensor in (compute_settings.arrange(image), network.weight):
            assert tensor.is_contiguous(memory_format=torch.channels_last) == last


def test_tensors_other_than_images_are_not_changed():
    waveform = torch.zeros(2, 3)
    assert ComputeSettings(1).arrange(waveform) is waveform


def test_a_training_that_falls_behind_is_pruned_with_its_best_epoch():
    class Impatient(Reports):
        def behind(self, reports):
            assert reports == self.epochs
            return len(reports) == 3

    network, account, _, _ = trained(epochs=8, watch=Impatient())
    assert account.pruned
    assert account.epochs == 3
    _, uncut, _, _ = trained(epochs=8)
    assert not uncut.pruned
    assert uncut.curve[:3] == account.curve, "pruning changed earlier epochs"
    assert 1 <= account.best_epoch <= 3
    assert account.curve[account.best_epoch - 1] == max(account.curve)
    assert not equal(network.state_dict(), fresh_network().state_dict())


def test_every_step_is_reported_and_may_end_the_training():
    class EnoughError(Exception):
        pass

    class Counting(Reports):
        losses = []  # noqa: RUF012

        def step(self, loss):
            self.losses.append(loss)
            if len(self.losses) == 3:
                raise EnoughError

    for prefetch in (False, True):
        Counting.losses.clear()
        with pytest.raises(EnoughError):
            trained(watch=Counting(), compute=ComputeSettings(1, prefetch=prefetch))
        assert all(loss > 0 for loss in Counting.losses)


def test_items_made_in_advance_are_the_same_in_the_same_order():
    assert list(ahead(iter(range(1, 50)))) == list(range(1, 50))
    assert list(ahead(iter([]))) == []


def test_an_error_in_making_an_item_is_raised_at_its_use():
    error = RuntimeError("no more")

    def failing():
        yield 1
        raise error

    items = ahead(failing())
    assert next(items) == 1
    with pytest.raises(RuntimeError) as raised:
        next(items)
    assert raised.value is error
