"""Facts of a dataset without recordings, and the plans that options make of it."""

from types import SimpleNamespace

import numpy as np

from serbench.plugins import Plugins
from serbench.run.planning import make_plans
from serbench.run.study_file import read_options

PLUGINS = Plugins()
MANIFEST = SimpleNamespace(
    name="four",
    hash="0f" * 32,
    emotions=("anger", "fear"),
    utterances=[SimpleNamespace(sample_rate=8000, frames=1000 * each) for each in range(1, 21)],
    speakers=np.array([f"four/{number % 4}" for number in range(20)]),
)


def plans_of(file=None, plugins=PLUGINS, **given):
    """The plans of a study file and options, of homebrew if neither names a backbone."""
    usual = {} if file is not None else {"backbone": ("homebrew",)}
    options = read_options({**usual, **given}, file, plugins)
    return make_plans(options, MANIFEST, plugins, None, None)
