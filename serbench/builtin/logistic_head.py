"""Logistic regression on the features of a frozen backbone."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

from serbench import hookimpl
from serbench.builtin.linear_head import uninitialised
from serbench.model.head import (
    ABSENT,
    Arrays,
    Head,
    HeadContext,
    load_arrays,
    require_finite_features,
)
from serbench.model.ranges import Range

C = Range(1e-5, 10.0, 0.003, log=True)
"""Inverse strength of the L2 penalty, as scikit-learn defines it: the objective is the sum of the
weighted losses times C, plus half of the squared weights. With views of the clips, C is divided by
their number of rows, so that the penalty is as strong as for one row of each clip."""

TOLERANCE = 1e-4
"""Largest gradient at the end. With it, logits on 2,304 features of 560 clips differ from the
optimum by about 0.1 % of the largest logit at the initial C."""

MAX_ITERATIONS = 1000
"""Reached only for a weak penalty, where the last iterations hardly change the predictions."""


@dataclass(frozen=True)
class LogisticHead:
    """Multinomial logistic regression with L2 penalty and balanced classes, by L-BFGS.

    Features are standardised by mean and deviation of the training clips, and a constant feature
    has deviation 1. Both are then included in weight and bias, so that the result is one linear
    layer.
    """

    name: str = "logistic"
    ranges: Mapping[str, Range] = field(default_factory=lambda: {"C": C})
    is_fitted: bool = True
    takes_frames: bool = False

    def module(
        self,
        width: int,
        n_classes: int,
        start: Mapping[str, Tensor] | None,
        parameters: Mapping[str, float],
    ) -> nn.Module:
        """A linear layer with random weights."""
        return nn.Linear(width, n_classes)

    def fit(
        self,
        features: npt.NDArray[np.float32],
        targets: npt.NDArray[np.int64],
        context: HeadContext,
    ) -> nn.Module:
        """The linear layer for vectors ``[n, D]``. No random number is drawn."""
        require_finite_features(features)
        scaler = StandardScaler(copy=False)
        standardised = scaler.fit_transform(features.astype(np.float64))
        c = context.parameters.get("C", C.initial) / context.copies
        weight, bias = _optimum(standardised, targets, context.n_classes, c)
        weight = weight / scaler.scale_
        bias = bias - weight @ scaler.mean_
        arrays = {"weight": weight.astype(np.float32), "bias": bias.astype(np.float32)}
        layer = self.restored(features.shape[1], context.n_classes, arrays)
        return layer.requires_grad_(False)

    def restored(self, width: int, n_classes: int, arrays: Arrays) -> nn.Module:
        """The layer with ``weight`` ``[n_classes, width]`` and ``bias`` ``[n_classes]``."""
        return load_arrays(uninitialised(width, n_classes), arrays)


def _optimum(
    features: npt.NDArray[np.float64], targets: npt.NDArray[np.int64], n_classes: int, c: float
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Weight ``[n_classes, D]`` and bias ``[n_classes]`` for standardised features ``[n, D]``.

    The logits of the emotions with training clips have mean 0, so that the largest one is not
    negative.
    """
    weight = np.zeros((n_classes, features.shape[1]))
    bias = np.full(n_classes, -ABSENT)
    present = np.unique(targets)
    bias[present] = 0.0
    if len(present) == 1:
        return weight, bias
    regression = LogisticRegression(
        C=c, class_weight="balanced", tol=TOLERANCE, max_iter=MAX_ITERATIONS
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        regression.fit(features, targets)
    rows, intercepts = regression.coef_, regression.intercept_
    if len(present) == 2:  # scikit-learn gives the difference of the two logits
        rows = np.concatenate([-rows, rows]) / 2
        intercepts = np.concatenate([-intercepts, intercepts]) / 2
    weight[present] = rows - rows.mean(axis=0)
    bias[present] = intercepts - intercepts.mean()
    return weight, bias


@hookimpl
def register_heads(register: Callable[[Head], None]) -> None:
    """Register ``logistic``."""
    register(LogisticHead())
