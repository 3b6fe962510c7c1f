"""Backbone and front end meet the contract of all plugins."""

import pytest
from serbench_yamnet.front_end import YamnetFrontEnd
from serbench_yamnet.plugin import YamnetBackbone

from serbench.testing import contract


@pytest.mark.parametrize("check", contract("backbone"))
def test_the_backbone_meets_its_contract(check):
    check(YamnetBackbone())


@pytest.mark.parametrize("check", contract("front end"))
def test_the_front_end_meets_its_contract(check):
    check(YamnetFrontEnd())
