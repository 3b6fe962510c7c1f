"""Networks outside of training: those of random weights, and trained ones loaded back."""

import numpy as np
import pytest
import torch
from making.scripted import make_search

from serbench.deploy.network import trained_network, untrained_network
from serbench.errors import WeightsError
from serbench.execute.networks import state_of
from serbench.plugins import Plugins
from serbench.store.artifacts import read_arrays, write_arrays

EMOTIONS = 6
PLUGINS = Plugins()
RECIPE = make_search().plan.recipe
WAVEFORM = torch.randn(3, RECIPE.clip_format.samples, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def network():
    """A network that learnt from something, so that its batch norms are not as they began."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = untrained_network(RECIPE, PLUGINS, EMOTIONS).train()
        made(WAVEFORM)
    return made.eval()


def test_a_loaded_network_predicts_as_the_trained_one_did(network, tmp_path):
    sha256 = write_arrays(state_of(network), tmp_path / "w.safetensors")
    arrays = read_arrays(tmp_path / "w.safetensors", sha256)
    loaded = trained_network(RECIPE, PLUGINS, EMOTIONS, arrays)
    with torch.inference_mode():
        assert torch.equal(loaded(WAVEFORM), network(WAVEFORM))
    assert not any(part.training for part in loaded.modules())


def test_every_array_comes_back_bit_for_bit(network):
    arrays = state_of(network)
    loaded = state_of(trained_network(RECIPE, PLUGINS, EMOTIONS, arrays))
    assert loaded.keys() == arrays.keys()
    assert all(np.array_equal(loaded[name], array) for name, array in arrays.items())
    assert all(name.startswith(("backbone.", "head.")) for name in arrays)


def test_weights_for_other_emotions_do_not_fit(network):
    with pytest.raises(WeightsError) as refused:
        trained_network(RECIPE, PLUGINS, EMOTIONS + 1, state_of(network))
    assert set(refused.value.facts["arrays"]) == {"head.weight", "head.bias"}


@pytest.mark.parametrize("change", ["missing", "left over"])
def test_weights_of_another_network_do_not_fit(network, change):
    arrays = state_of(network)
    if change == "missing":
        del arrays["head.bias"]
    else:
        arrays["backbone.more"] = np.zeros(1)
    with pytest.raises(WeightsError) as refused:
        trained_network(RECIPE, PLUGINS, EMOTIONS, arrays)
    assert len(refused.value.facts["arrays"]) == 1


def test_making_an_untrained_network_draws_no_random_number_of_the_callers():
    before = torch.get_rng_state()
    untrained_network(RECIPE, PLUGINS, EMOTIONS)
    assert torch.equal(torch.get_rng_state(), before)
