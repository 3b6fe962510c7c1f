"""Trainings: one network, one fold, here or in processes of their own."""
