"""Intervals of calibration errors: around their values, wider for fewer speakers."""

import numpy as np

from serbench.score.agreement import agreement_intervals
from serbench.score.calibration import expected_calibration_error, log_losses, reliability


def clips_like(speakers, clips=30):
    chance = np.random.default_rng(5)
    targets = np.tile(np.arange(3), speakers * clips // 3)
    logits = chance.normal(size=(len(targets), 3)) + 2 * np.eye(3)[targets]
    logits += 0.5 * np.repeat(chance.normal(size=(speakers, 3)), clips, axis=0)
    return logits, targets, np.repeat([f"s{n:02}" for n in range(speakers)], clips)


def test_intervals_contain_their_values_and_are_narrower_for_more_speakers():
    widths = []
    for speakers in (6, 40):
        logits, targets, names = clips_like(speakers)
        found = agreement_intervals(logits, targets, names)
        assert found.ece.low <= expected_calibration_error(logits, targets) <= found.ece.high
        assert found.log_loss.low < log_losses(logits, targets).mean() < found.log_loss.high
        table = reliability(logits, targets)
        shares = table.accuracy[table.count > 0]
        assert len(found.accuracy) == len(shares)
        for share, ends in zip(shares, found.accuracy, strict=True):
            assert ends is None or ends.low <= share <= ends.high
        widths.append(found.log_loss.high - found.log_loss.low)
    assert widths[1] < widths[0] / 1.5


def test_one_speaker_has_no_interval():
    found = agreement_intervals(*clips_like(1))
    assert (found.ece, found.log_loss, set(found.accuracy)) == (None, None, {None})
