"""The database: datasets, splits, studies, systems, predictions, scores."""
