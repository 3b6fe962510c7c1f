"""Gradients of batches that are too large for the memory, which is simulated."""

from types import SimpleNamespace

import pytest
import torch
from torch import nn

from serbench.errors import DeviceMemoryError
from serbench.model.backpropagation import Backpropagation
from serbench.model.batches import Batch

CLIPS, WIDTH, EMOTIONS = 7, 5, 3


class Network(nn.Module):
    """Layers with dropout; ``norm`` is between them."""

    device = torch.device("cpu")

    def __init__(self, norm):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(WIDTH, 16), norm(16), nn.Dropout(0.5), nn.ReLU(), nn.Linear(16, EMOTIONS)
        )

    def forward(self, images):
        return self.layers(images)


def network(norm=nn.LayerNorm):
    torch.manual_seed(0)
    return Network(norm).train()


def batch(columns=False):
    generator = torch.Generator().manual_seed(1)
    images = torch.randn(CLIPS, WIDTH, generator=generator)
    counts = torch.arange(CLIPS) if columns else None
    return Batch(images, counts, torch.arange(CLIPS) % EMOTIONS)


def backpropagation(made, most=CLIPS, loss=nn.functional.cross_entropy):
    """With memory for so many clips; ``calls`` has the size of each attempt."""
    calls = []

    def classify(images, columns):
        calls.append(len(images))
        assert columns is None or len(columns) == len(images)
        if len(images) > most:
            raise torch.OutOfMemoryError("simulated")
        return made(images)

    return SimpleNamespace(run=Backpropagation(made, classify, loss), calls=calls)


def contrast(logits, targets):
    """A loss that is no mean over clips."""
    return nn.functional.cross_entropy(logits, targets) + (logits @ logits.T).std()


@pytest.mark.parametrize("loss", [nn.functional.cross_entropy, contrast])
@pytest.mark.parametrize(("most", "parts"), [(4, 2), (2, 4), (1, 7)])
def test_parts_have_the_gradients_of_the_whole_batch(loss, most, parts):
    made = network().eval()
    whole = backpropagation(made, loss=loss).run(batch())
    expected = [each.grad.clone() for each in made.parameters()]
    for each in made.parameters():
        each.grad = None
    tried = backpropagation(made, most, loss)
    torch.testing.assert_close(tried.run(batch(columns=True)), whole.detach())
    torch.testing.assert_close([each.grad for each in made.parameters()], expected)
    assert tried.calls[-1] <= most
    for each in made.parameters():
        each.grad = None
    tried.calls.clear()
    tried.run(batch())
    assert len(tried.calls) == 2 * parts, "later batches begin with as many parts"


def test_dropout_is_the_same_in_both_passes():
    """The first parts' masks are those of the logits from which the gradient was computed."""
    made = network()
    masks = []
    made.layers[2].register_forward_hook(lambda layer, given, out: masks.append(out == 0))
    torch.manual_seed(3)
    backpropagation(made, most=4).run(batch())
    first, second = masks[:2], masks[2:]
    assert all(torch.equal(one, other) for one, other in zip(first, second, strict=True))
    assert any(each.any() for each in first)
    after = torch.rand(1)
    torch.manual_seed(3)
    with torch.no_grad():
        for part in batch().images.tensor_split(2):
            made(part)
    assert torch.equal(torch.rand(1), after)


def test_batch_norms_that_learn_are_refused_and_frozen_ones_are_not():
    with pytest.raises(DeviceMemoryError) as raised:
        backpropagation(network(nn.BatchNorm1d), most=4).run(batch())
    assert raised.value.facts == {"clips": CLIPS}
    frozen = network(nn.BatchNorm1d)
    frozen.layers[1].eval()
    assert torch.isfinite(backpropagation(frozen, most=4).run(batch()))


def test_memory_for_not_even_one_clip_is_an_error():
    made = network()
    with pytest.raises(DeviceMemoryError):
        backpropagation(made, most=0).run(batch())
    assert all(each.grad is None for each in made.parameters())
