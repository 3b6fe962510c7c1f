"""What plugins promise, as checks that anybody can run on what they have written.

A contract is a tuple of plain functions, each with one sentence that says what is promised; a
function takes the thing a plugin registers, says nothing where the promise is kept, and raises an
``AssertionError`` that says what is wrong where it is not. With pytest, that is three lines::

    @pytest.mark.parametrize("check", contract("backbone"))
    def test_a_backbone_keeps_its_promises(check):
        check(MyBackbone())

``serbench plugins check NAME`` runs the same contract on anything registered.
"""

from serbench.testing.contracts import KINDS, Check, Verdict, contract, verdicts
from serbench.testing.recordings import recordings_of
from serbench.testing.sampling import sample

__all__ = ["KINDS", "Check", "Verdict", "contract", "recordings_of", "sample", "verdicts"]
