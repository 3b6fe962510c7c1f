"""Test data for several layers: records of studies without trainings."""
