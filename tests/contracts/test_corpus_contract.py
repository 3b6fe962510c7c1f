"""Every registered corpus keeps its contract."""

import pytest

from serbench.plugins import Plugins
from serbench.testing import contract

CORPORA = {corpus.name: corpus for corpus in Plugins().corpora}


def test_the_built_in_ones_are_there():
    assert {"ravdess", "crema-d", "savee", "tess", "emodb", "iemocap", "csv"} <= set(CORPORA)


@pytest.mark.parametrize("check", contract("corpus"))
@pytest.mark.parametrize("name", CORPORA)
def test_the_contract_is_kept(name, check):
    check(CORPORA[name])
