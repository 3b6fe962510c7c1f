"""What the tests of studies share: a silent Optuna, and a script in place of training."""

import optuna
import pytest
from scripted_studies import Script

from serbench.search import crossval


@pytest.fixture(scope="module", autouse=True)
def quiet_optuna():
    """Keep Optuna from telling of every study it makes."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)


@pytest.fixture
def script(monkeypatch):
    """``script(uar=…)`` puts a script in place of training, and gives it."""

    def put(**how):
        scripted = Script(**how)
        monkeypatch.setattr(crossval, "run_fold", scripted)
        return scripted

    return put
