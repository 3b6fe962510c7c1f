"""Trainings of one network on one fold, in this process or in worker processes."""
