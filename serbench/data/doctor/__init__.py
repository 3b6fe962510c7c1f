"""Inspect a dataset: what may be wrong with its recordings, and what to do about it."""
