"""An entry that began from weights which are lost cannot be trained again before they are back."""

import pytest
from making.entries import add_entry

from serbench.errors import WeightsError
from serbench.plugins import Plugins
from serbench.run.listener import Listener
from serbench.run.reproduce import reproduce
from serbench.workspace import Workspace


def test_the_entry_that_the_lost_weights_belong_to_is_named(database, made, artifacts, tmp_path):
    manifest, workspace = made.manifest(), Workspace(database.url, tmp_path / "cache", artifacts)
    parent = add_entry(database, made, manifest, artifacts=artifacts, protocol="speaker-2:holdout")
    [weights] = [path for path in artifacts.glob("*.safetensors") if "trial" not in path.name]
    child = add_entry(
        database,
        made,
        manifest,
        artifacts=artifacts,
        protocol="speaker-2:holdout",
        weights=str(weights),
    )
    weights.unlink()
    with pytest.raises(WeightsError) as raised:
        next(reproduce(child, Plugins(), workspace, database, Listener()))
    assert raised.value.facts == {"path": weights, "entry": child, "parent": parent}
