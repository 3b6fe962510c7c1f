"""Backbones and front ends meet the contract of all plugins."""

import pytest
from serbench_opensmile import COMPARE, EGEMAPS, OpenSmileBackbone, OpenSmileFrontEnd

from serbench.testing import contract


@pytest.mark.parametrize("features", [EGEMAPS, COMPARE], ids=["egemaps", "compare"])
@pytest.mark.parametrize("check", contract("backbone"))
def test_the_backbones_meet_their_contract(check, features):
    check(OpenSmileBackbone(features))


@pytest.mark.parametrize("features", [EGEMAPS, COMPARE], ids=["egemaps", "compare"])
@pytest.mark.parametrize("check", contract("front end"))
def test_the_front_ends_meet_their_contract(check, features):
    check(OpenSmileFrontEnd(features))
