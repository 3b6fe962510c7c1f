"""What tests of imports share."""

import pytest
from making.entries import NESTED

from serbench.data.protocols import parse_protocol
from serbench.run.imports import import_predictions


@pytest.fixture
def bring(database, made, manifest, tmp_path):
    """``bring(text, protocol)`` imports a file of this text, and gives the entry."""

    def import_text(text, protocol=NESTED, name="guest", machine=None):
        file = tmp_path / "predictions.csv"
        file.write_text(text)
        rule = parse_protocol(protocol)
        return import_predictions(database, file, name, manifest, rule, made.metrics, machine)

    return import_text
