"""Charts of the views, as Vega-Lite by Altair: the site and ``serbench plot`` draw the same ones.

Each function takes view objects and returns a `Drawing` without colours of its own for text, axes
and series: these come from a theme (`styled`, or `Theme.config` for a page that embeds the chart).
It returns None where there is nothing to draw. Scores are shares between 0 and 1, times are in
milliseconds, lengths in seconds.

Raises:
    MissingPackageError: on import, where Altair is not installed.
"""

from serbench.errors import MissingPackageError

try:
    import altair  # noqa: F401
except ImportError as error:
    raise MissingPackageError(
        "charts need Altair: pip install altair vl-convert-python, or '.[site]' in a checkout",
        package="altair",
    ) from error

from serbench.views.charts.corpus import emotions_chart, lengths_chart
from serbench.views.charts.curves import curves_chart
from serbench.views.charts.drawing import Drawing, styled
from serbench.views.charts.entry import confusion_chart, recall_chart, speakers_chart
from serbench.views.charts.front import front_chart
from serbench.views.charts.latency import latency_parts_chart
from serbench.views.charts.probabilities import rejection_chart, reliability_chart
from serbench.views.charts.study import (
    importance_chart,
    slices_chart,
    trials_chart,
)
from serbench.views.charts.style import DARK, LIGHT, THEMES, Theme

__all__ = [
    "DARK",
    "LIGHT",
    "THEMES",
    "Drawing",
    "Theme",
    "confusion_chart",
    "curves_chart",
    "emotions_chart",
    "front_chart",
    "importance_chart",
    "latency_parts_chart",
    "lengths_chart",
    "recall_chart",
    "rejection_chart",
    "reliability_chart",
    "slices_chart",
    "speakers_chart",
    "styled",
    "trials_chart",
]
