"""Contracts of plugins: checks that authors can run on their own plugins.

A contract is a tuple of functions. The first line of each function's docstring states a
requirement. The function takes the object that a plugin registers, and raises an ``AssertionError``
with the problem where the object does not meet the requirement. With pytest, three lines run it::

    @pytest.mark.parametrize("check", contract("backbone"))
    def test_a_backbone_meets_its_contract(check):
        check(MyBackbone())

``serbench plugins check NAME`` runs the same contract on any registered object.
"""

from serbench.testing.contracts import KINDS, Check, Verdict, contract, verdicts
from serbench.testing.recordings import recordings_of
from serbench.testing.sampling import sample

__all__ = ["KINDS", "Check", "Verdict", "contract", "recordings_of", "sample", "verdicts"]
