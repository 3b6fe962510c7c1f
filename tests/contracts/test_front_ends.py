"""Every registered front end keeps its contract."""

import pytest

from serbench.plugins import Plugins
from serbench.testing import contract

FRONT_ENDS = {front_end.name: front_end for front_end in Plugins().front_ends}


def test_the_built_in_ones_are_there():
    assert {"mel", "logmel", "mfcc"} <= set(FRONT_ENDS)


@pytest.mark.parametrize("check", contract("front end"))
@pytest.mark.parametrize("name", FRONT_ENDS)
def test_the_contract_is_kept(name, check):
    check(FRONT_ENDS[name])
