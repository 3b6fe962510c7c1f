"""The search: plan, search space, proposals, pruning, study."""
