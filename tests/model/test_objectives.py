"""Objectives in the training loop: mixing of batches, and arguments of the loss."""

from dataclasses import dataclass, field, replace

import pytest
import torch
import torch.nn.functional as F
from trainings import (
    ALL_ROWS,
    N_CLASSES,
    STAGES,
    fresh_network,
    regime,
    toy_problem,
)

from serbench.model.compute import ComputeSettings
from serbench.model.network import Freezing
from serbench.model.training import predict, train


@dataclass
class Mixup:
    """Mixes each clip with another, and records its arguments."""

    acts_on: str
    prepared_with: list = field(default_factory=list)
    batches: list = field(default_factory=list)
    losses: list = field(default_factory=list)

    name = "mixup"
    ranges = {}  # noqa: RUF012

    def prepare(self, targets, n_classes, parameters, teacher_logits=None):
        self.prepared_with.append((targets, n_classes, dict(parameters)))
        self.share = parameters["share"]
        return self

    def mix(self, batch, targets, generator):
        self.batches.append(batch.shape)
        order = torch.randperm(len(batch), generator=generator)
        shares = F.one_hot(targets, N_CLASSES).float()
        mixed = (1 - self.share) * batch + self.share * batch[order]
        return mixed, (1 - self.share) * shares + self.share * shares[order]

    def loss(self, logits, targets):
        self.losses.append((logits.dtype, targets.shape))
        return F.cross_entropy(logits, targets)


def trained(objective, share=0.2, prefetch=False, epochs=2):
    clips, targets = toy_problem()
    network = fresh_network()
    training = train(
        network,
        Freezing(network.backbone, STAGES, 0),
        clips,
        targets,
        ALL_ROWS.train,
        ALL_ROWS.test,
        replace(regime(epochs=epochs), objective=(objective, {"share": share})),
        compute=ComputeSettings(1, "bf16", prefetch=prefetch),
    )
    return predict(network, clips, ALL_ROWS.test, 8), training


@pytest.mark.parametrize(("acts_on", "axes"), [("waveform", (2000,)), ("features", (1, 32, 32))])
def test_a_batch_is_mixed_once_as_waveforms_or_as_features(acts_on, axes):
    objective = Mixup(acts_on)
    trained(objective, epochs=1)
    assert [tuple(shape) for shape in objective.batches] == [
        (size, *axes) for size in (8, 8, 8, 8, 4)
    ]


def test_the_loss_gets_logits_in_full_precision_and_the_mixed_targets():
    objective = Mixup("features")
    trained(objective, epochs=1)
    assert set(objective.losses) == {
        (torch.float32, (8, N_CLASSES)),
        (torch.float32, (4, N_CLASSES)),
    }


def test_an_objective_is_prepared_once_with_only_the_training_clips():
    objective = Mixup("waveform")
    trained(objective)
    ((targets, n_classes, parameters),) = objective.prepared_with
    _, expected = toy_problem()
    assert targets.tolist() == expected[ALL_ROWS.train].tolist()
    assert (n_classes, parameters) == (N_CLASSES, {"share": 0.2})


def test_mixing_is_repeatable_prepared_ahead_or_not_and_validation_is_not_mixed():
    (first, course), (again, _), (ahead, _), (unmixed, _) = (
        trained(Mixup("features")),
        trained(Mixup("features")),
        trained(Mixup("features"), prefetch=True),
        trained(Mixup("features"), share=0.0),
    )
    assert first.tobytes() == again.tobytes() == ahead.tobytes()
    assert first.tobytes() != unmixed.tobytes()
    assert len(course.losses) == 2
