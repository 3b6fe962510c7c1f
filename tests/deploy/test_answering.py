"""What predictions need of a trained network."""

import subprocess
import sys

import numpy as np
import torch

from serbench.data.clips import ClipFormat
from serbench.deploy.answering import EagerAnswerer, Prediction
from serbench.model.network import EmotionNetwork


class Scaled(torch.nn.Module):
    """Logits that are the first sample of a clip, once and twice."""

    def forward(self, waveform):
        return waveform[:, :1] * torch.tensor([[1.0, 2.0]])


EAGER = EagerAnswerer(
    EmotionNetwork(torch.nn.Identity(), Scaled(), torch.nn.Identity()),
    ClipFormat(8_000, 0.25),
    ("fear", "calm"),
    temperature=2.0,
)


def test_probabilities_are_float64_and_calibrated():
    clips = np.array([[0.0, 9], [4, 9], [-2, 9]], np.float32)
    shares = EAGER.probabilities(clips, np.array([2, 2, 2]))
    assert shares.dtype == np.float64
    expected = 1 / (1 + np.exp(clips[:, 0].astype(np.float64) / 2))
    np.testing.assert_allclose(shares, np.stack([expected, 1 - expected], axis=1), rtol=1e-12)


def test_only_the_clip_with_logits_that_are_not_finite_has_nan():
    clips = np.array([[1, 9], [np.nan, 9], [-np.inf, 9]], np.float32)
    shares = EAGER.probabilities(clips, np.array([2, 2, 2]))
    assert np.isfinite(shares).all(axis=1).tolist() == [True, False, False]
    assert np.isnan(shares[1:]).all()


def test_an_answer_below_the_least_confidence_is_rejected():
    shares = np.array([0.25, 0.75])
    kept, rejected = (Prediction.of(("fear", "calm"), shares, least) for least in (0.75, 0.76))
    assert (kept.emotion, kept.confidence) == ("calm", 0.75)
    assert (rejected.emotion, rejected.confidence) == (None, 0.75)
    assert kept.probabilities == rejected.probabilities == {"fear": 0.25, "calm": 0.75}


def test_predictions_need_no_torch_until_a_network_is_loaded():
    modules = ("serbench.run.predict", "serbench.deploy.live", "serbench.deploy.timelines")
    code = f"import sys, {', '.join(modules)}; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
