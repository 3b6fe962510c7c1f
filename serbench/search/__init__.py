"""Many networks, many folds: search space, cross-validation, study."""
