"""Downloads from the Hugging Face Hub: failures, and a hub that cannot be reached."""

import socket

import pytest
from huggingface_hub import constants

from serbench.errors import WeightsError
from serbench.model.hub import fetch_weights, is_reachable


@pytest.mark.parametrize(("reachable", "offline"), [(False, True), (True, False)])
def test_where_the_hub_cannot_be_reached_its_client_is_not_asked_again_and_again(
    monkeypatch, reachable, offline
):
    seen = []

    def download():
        seen.append(constants.HF_HUB_OFFLINE)
        raise OSError("not cached")

    monkeypatch.setattr("serbench.model.hub.is_reachable", lambda url: reachable)
    monkeypatch.setattr("serbench.model.hub.getproxies", dict)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    with pytest.raises(WeightsError) as failed:
        fetch_weights("resnet18", download)
    assert failed.value.facts["backbone"] == "resnet18"
    assert seen == [offline]
    assert constants.HF_HUB_OFFLINE is False


@pytest.mark.parametrize("may_be_random", [True, False])
def test_random_weights_are_suggested_only_where_the_head_accepts_them(may_be_random):
    def download():
        raise OSError("no space left")

    with pytest.raises(WeightsError) as failed:
        fetch_weights("net", download, "my cache", may_be_random)
    message = str(failed.value)
    assert "my cache" in message
    assert "--weights FILE" in message
    assert ("--weights none" in message) is may_be_random


def test_a_closed_port_is_not_reachable():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert is_reachable(f"http://127.0.0.1:{port}")
    assert not is_reachable(f"http://127.0.0.1:{port}")
