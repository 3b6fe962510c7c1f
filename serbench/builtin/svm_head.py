"""Support vector machine with RBF kernel on the features of a frozen backbone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np
import numpy.typing as npt
import torch
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.model_selection import GroupKFold, KFold
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from torch import Tensor, nn

from serbench import hookimpl
from serbench.model.head import (
    ABSENT,
    Arrays,
    Head,
    HeadContext,
    load_arrays,
    require_finite_features,
)
from serbench.model.ranges import Range

C = Range(0.01, 100.0, 1.0, log=True)
"""Inverse strength of the penalty, as scikit-learn defines it."""

GAMMA = Range(0.01, 10.0, 1.0, log=True)
"""Coefficient of the squared distance in the kernel, times the number of features."""

FOLDS = 5
"""Folds for the temperature, at most."""

TEMPERATURES = (1e-2, 1e2)
"""The smallest and the largest possible temperature."""

USUAL_SUPPORT = 500
"""Support vectors of a module with random weights. In a training set of some hundred clips of
several emotions nearly every clip is a support vector."""

Floats = npt.NDArray[np.float64]


class SupportVectors(nn.Module):
    """Vectors ``[B, D]`` → logits ``[B, n_classes]``.

    There is one decision value for each pair of emotions, positive for the first one. The value of
    an emotion is the sum of those of its pairs, with the sign of the emotion. This is the
    loss-based decoding of Allwein, Schapire and Singer 2000, "Reducing multiclass to binary", JMLR
    1, for all pairs and a linear loss. The logit is this value divided by a temperature (Guo and
    others 2017, "On calibration of modern neural networks", ICML). The predicted emotion is the one
    with the largest value.

    Its state are buffers: ``mean`` and ``deviation`` of the training features ``[D]``, the
    standardised support vectors ``support`` ``[n, D]``, for each pair the coefficients ``dual``
    ``[pairs, n]`` and the ``intercepts`` ``[pairs]``, the factor ``gamma`` and the ``temperature``
    ``[]``, and ``absent`` ``[n_classes]``, which is added to the logits: 0, or ``-ABSENT`` for an
    emotion without training clips, whose pairs have decision value 0.

    Args:
        width: size D of the vectors.
        n_classes: number of emotions.
        n_support: number of support vectors.
    """

    mean: Tensor
    deviation: Tensor
    support: Tensor
    dual: Tensor
    intercepts: Tensor
    gamma: Tensor
    temperature: Tensor
    absent: Tensor
    signs: Tensor

    def __init__(self, width: int, n_classes: int, n_support: int) -> None:
        super().__init__()
        signs = torch.zeros(n_classes * (n_classes - 1) // 2, n_classes)
        for row, (first, second) in enumerate(combinations(range(n_classes), 2)):
            signs[row, first], signs[row, second] = 1.0, -1.0
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("deviation", torch.ones(width))
        self.register_buffer("support", torch.zeros(n_support, width))
        self.register_buffer("dual", torch.zeros(len(signs), n_support))
        self.register_buffer("intercepts", torch.zeros(len(signs)))
        self.register_buffer("gamma", torch.tensor(1 / width))
        self.register_buffer("temperature", torch.tensor(1.0))
        self.register_buffer("absent", torch.zeros(n_classes))
        self.register_buffer("signs", signs, persistent=False)

    def decisions(self, features: Tensor) -> Tensor:
        """Decision values ``[B, pairs]``, in the order of ``itertools.combinations``."""
        standardised = (features - self.mean) / self.deviation
        products = standardised @ self.support.T  # [B, n]
        squares = standardised.square().sum(1, keepdim=True) + self.support.square().sum(1)
        kernel = torch.exp(-self.gamma * (squares - 2 * products).clamp(min=0))
        return kernel @ self.dual.T + self.intercepts

    def values(self, features: Tensor) -> Tensor:
        """The value of each emotion ``[B, n_classes]``."""
        return self.decisions(features) @ self.signs

    def forward(self, features: Tensor) -> Tensor:
        """Logits of each vector."""
        return self.values(features) / self.temperature + self.absent


@dataclass(frozen=True)
class SvmHead:
    """RBF support vector machine on standardised features, with balanced classes.

    A constant feature has deviation 1. The temperature minimises the log loss on vectors of
    training speakers for whom other machines were fitted, without these speakers.
    """

    name: str = "svm"
    ranges: Mapping[str, Range] = field(default_factory=lambda: {"C": C, "gamma": GAMMA})
    is_fitted: bool = True
    takes_frames: bool = False

    def module(
        self,
        width: int,
        n_classes: int,
        start: Mapping[str, Tensor] | None,
        parameters: Mapping[str, float],
    ) -> nn.Module:
        """A machine with 500 random support vectors."""
        machine = SupportVectors(width, n_classes, USUAL_SUPPORT)
        machine.support.normal_()
        machine.dual.normal_()
        return machine

    def fit(
        self,
        features: npt.NDArray[np.float32],
        targets: npt.NDArray[np.int64],
        context: HeadContext,
    ) -> nn.Module:
        """The machine for vectors ``[n, D]``."""
        require_finite_features(features)
        machine = _fitted(features, targets, context)
        machine.temperature.fill_(_temperature(_unseen(features, targets, context), targets))
        return machine

    def restored(self, width: int, n_classes: int, arrays: Arrays) -> nn.Module:
        """The machine with the arrays of ``SupportVectors``."""
        n_support = np.size(arrays.get("support", 0)) // width
        return load_arrays(SupportVectors(width, n_classes, n_support), arrays)


def _fitted(
    features: npt.NDArray[np.float32], targets: npt.NDArray[np.int64], context: HeadContext
) -> SupportVectors:
    """A machine with temperature 1."""
    scaler = StandardScaler()
    vectors = scaler.fit_transform(features.astype(np.float64))
    gamma = context.parameters.get("gamma", GAMMA.initial) / vectors.shape[1]
    present = np.unique(targets)
    support, dual, intercepts = np.zeros(0, np.int64), np.zeros((0, 0)), np.zeros(0)
    if len(present) > 1:
        # One matrix product is much faster than the kernel of libsvm; the result is the same.
        c = context.parameters.get("C", C.initial) / context.copies
        machine = SVC(C=c, kernel="precomputed", class_weight="balanced").fit(
            np.exp(-gamma * euclidean_distances(vectors, squared=True)), targets
        )
        support = machine.support_
        dual, intercepts = _by_pair(machine.dual_coef_, machine.n_support_, machine.intercept_)
    every = combinations(range(context.n_classes), 2)
    known = [{first, second} <= set(present.tolist()) for first, second in every]
    fitted = SupportVectors(vectors.shape[1], context.n_classes, len(support))
    fitted.mean.copy_(torch.from_numpy(scaler.mean_))
    fitted.deviation.copy_(torch.from_numpy(scaler.scale_))
    fitted.support.copy_(torch.from_numpy(vectors[support]))
    fitted.dual[known] = torch.from_numpy(dual).float()
    fitted.intercepts[known] = torch.from_numpy(intercepts).float()
    fitted.gamma.fill_(gamma)
    fitted.absent.fill_(-ABSENT)[torch.from_numpy(present)] = 0.0
    return fitted


def _by_pair(
    coefficients: Floats, counts: npt.NDArray[np.int64], intercepts: Floats
) -> tuple[Floats, Floats]:
    """Coefficients ``[pairs, n]`` and intercepts ``[pairs]``, positive for a pair's first class.

    Args:
        coefficients: ``[classes - 1, n]`` as libsvm has them: row m contains, for a support vector
            of class k, its coefficient against class m, or m + 1 where m ≥ k.
        counts: number of support vectors of each class; they are sorted by class.
        intercepts: of each pair.
    """
    owner = np.repeat(np.arange(len(counts)), counts)
    pairs = [
        np.where(owner == first, coefficients[second - 1], 0)
        + np.where(owner == second, coefficients[first], 0)
        for first, second in combinations(range(len(counts)), 2)
    ]
    # With two classes only, a positive decision value of scikit-learn means the second one.
    sign = -1 if len(counts) == 2 else 1
    return sign * np.array(pairs), sign * intercepts


def _unseen(
    features: npt.NDArray[np.float32], targets: npt.NDArray[np.int64], context: HeadContext
) -> Floats:
    """Values of each vector ``[n, n_classes]`` by a machine that was fitted without its speaker.

    Where there is only one speaker, the clips are divided instead. The value of an emotion is −∞
    where the training clips of that machine have none of it.
    """
    values = np.full((len(features), context.n_classes), -np.inf)
    for kept, left_out in _folds(context, len(features)):
        machine = _fitted(features[kept], targets[kept], context)
        present = np.unique(targets[kept])
        found = machine.values(torch.from_numpy(features[left_out])).numpy()
        values[np.ix_(left_out, present)] = found[:, present]
    return values


def _folds(
    context: HeadContext, n_clips: int
) -> Iterator[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Rows to fit and rows to leave out."""
    clips = np.zeros(n_clips)
    n_speakers = len(np.unique(context.speakers))
    if n_speakers > 1:
        yield from GroupKFold(min(FOLDS, n_speakers)).split(clips, groups=context.speakers)
    elif n_clips > 1:
        seed = context.seed % 2**32
        yield from KFold(min(FOLDS, n_clips), shuffle=True, random_state=seed).split(clips)


def _temperature(values: Floats, targets: npt.NDArray[np.int64]) -> float:
    """The temperature of the smallest log loss; 1 where no clip can be used."""
    usable = np.isfinite(values[np.arange(len(targets)), targets])
    if not usable.any():
        return 1.0
    values, targets = values[usable], targets[usable]

    def loss(logarithm: float) -> float:
        logs = log_softmax(values / np.exp(logarithm), axis=1)
        return float(-logs[np.arange(len(targets)), targets].mean())

    return float(np.exp(minimize_scalar(loss, bounds=np.log(TEMPERATURES)).x))


@hookimpl
def register_heads(register: Callable[[Head], None]) -> None:
    """Register ``svm``."""
    register(SvmHead())
