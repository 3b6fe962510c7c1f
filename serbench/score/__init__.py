"""Scores and their uncertainty: counts, intervals over speakers, comparisons, calibration."""
