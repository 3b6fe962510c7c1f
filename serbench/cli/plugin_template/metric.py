"""Metric ``$name``: the recall of the worst emotion, to be replaced by your own metric."""

from serbench import hookimpl
from serbench.score.confusion import confusion_of, recalls


class WorstRecall:
    """The lowest recall of an emotion that occurs."""

    name, label, higher_is_better, share = "$name", "worst recall", True, True

    def score(self, logits, targets):  # type: ignore[no-untyped-def]
        """The lowest recall of logits ``[n, C]`` against emotion codes ``[n]``."""
        found = recalls(confusion_of(logits, targets))
        return float(min(found[found == found]))

    def ratios(self, logits, targets, speakers):  # type: ignore[no-untyped-def]
        """None: the interval is bootstrapped from logits."""


@hookimpl
def register_metrics(register):  # type: ignore[no-untyped-def]
    """Register ``$name``."""
    register(WorstRecall())
