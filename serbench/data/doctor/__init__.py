"""Inspection of a dataset: possible defects of its recordings, with suggestions."""
