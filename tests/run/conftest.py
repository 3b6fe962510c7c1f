"""Imports of predictions, and options from study files."""

import pytest
from making.entries import NESTED
from making.networks import plant
from making.options import PLUGINS

from serbench.data.protocols import parse_protocol
from serbench.run.imports import import_predictions
from serbench.run.study_file import read_options


@pytest.fixture
def bring(database, made, manifest, tmp_path):
    """``bring(text, protocol)`` imports a file of this text, and gives the entry."""

    def import_text(text, protocol=NESTED, name="guest", machine=None):
        file = tmp_path / "predictions.csv"
        file.write_text(text)
        rule = parse_protocol(protocol)
        return import_predictions(database, file, name, manifest, rule, made.metrics, machine)

    return import_text


@pytest.fixture
def read(tmp_path):
    """``read(text, trials=3)`` reads a study file with this content and these options."""

    def read_text(text, **given):
        path = tmp_path / "study.toml"
        path.write_text(text, encoding="utf-8")
        return read_options(given, path, PLUGINS)

    return read_text


@pytest.fixture(scope="session")
def stored(tmp_path_factory, made, make_corpus):
    """Entries with networks; tests only read them."""
    folder = tmp_path_factory.mktemp("planted")
    planted = plant(made, folder, make_corpus(folder / "tiny"))
    yield planted
    planted.database.engine.dispose()


@pytest.fixture
def planted(stored, tmp_path):
    """A copy of them."""
    copy = stored.copied(tmp_path)
    yield copy
    copy.database.engine.dispose()
