"""How sure a score is: tallies, intervals over speakers, comparisons, calibration."""
