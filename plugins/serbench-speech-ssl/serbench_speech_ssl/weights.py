"""Weights of the encoders, downloaded by torchaudio, from the hub, or read from a file."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from torch import Tensor

from serbench.errors import WeightsError
from serbench.model.hub import fetch_weights
from serbench.model.weights import read_weights

STATISTICS_FILE = "global_stats_rnnt_librispeech.json"
"""torchaudio's file with mean and deviation of the recogniser's features."""

HUB_FILE = "model.safetensors"
DIGITS = 12
"""So many digits of a revision's hash are part of the identity of weights."""

TRANSFORMER = "encoder.transformer."
"""Prefix of names in torchaudio's encoders; in Hugging Face's it is ``encoder.``."""

TORCHS_CACHE = "PyTorch's cache (TORCH_HOME)"
"""Where torchaudio keeps weights."""


def fetch_encoder(bundle: str) -> dict[str, Tensor]:
    """The tensors of wav2vec 2.0, HuBERT or WavLM, such as ``WAV2VEC2_BASE``."""
    from torchaudio import pipelines

    state: dict[str, Tensor] = getattr(pipelines, bundle).get_model().state_dict()
    return state


def fetch_recogniser(bundle: str) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The tensors of the recogniser's encoder, and its features' ``mean`` and ``invstddev``."""
    from torchaudio import pipelines

    recogniser = getattr(pipelines, bundle)
    extractor = recogniser.get_feature_extractor().state_dict()
    statistics = {
        name: tensor
        for path, tensor in extractor.items()
        if (name := path.rpartition(".")[2]) in ("mean", "invstddev")
    }
    return recogniser.get_decoder().model.transcriber.state_dict(), statistics


def fetch_from_hub(name: str, repository: str) -> tuple[dict[str, Tensor], str]:
    """The tensors of a repository of the Hugging Face Hub, and the identity of their revision.

    Args:
        name: of the backbone, for messages.
        repository: owner and name.

    Raises:
        WeightsError: they cannot be fetched.
    """
    from huggingface_hub import hf_hub_download

    def download() -> str:
        return hf_hub_download(repository, HUB_FILE)

    path = Path(fetch_weights(name, download, may_be_random=False))
    # The hub's client stores each revision in a folder with the name of its hash.
    return read_weights(path), f"hf:{repository}@{path.parent.name[:DIGITS]}"


def encoder_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A published encoder's tensors with torchaudio's names.

    Args:
        state: of torchaudio, with the present or the earlier names of weight norm; or of a
            ``Wav2Vec2Model`` or ``HubertModel`` of Hugging Face, where the vector that replaces
            masked frames in pretraining is left out.
    """
    if not any(name.startswith(TRANSFORMER) for name in state):
        state = {
            _from_hugging_face(name): tensor
            for name, tensor in state.items()
            if name != "masked_spec_embed"
        }
    convolution = f"{TRANSFORMER}pos_conv_embed.conv."
    renamed = {
        f"{convolution}weight_g": f"{convolution}parametrizations.weight.original0",
        f"{convolution}weight_v": f"{convolution}parametrizations.weight.original1",
    }
    return {renamed.get(name, name): tensor for name, tensor in state.items()}


def _from_hugging_face(name: str) -> str:
    if name.startswith("encoder."):
        return TRANSFORMER + name.removeprefix("encoder.")
    return f"encoder.{name}" if name.startswith("feature_projection.") else name


def recogniser_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The encoder's tensors of a published recogniser; those of a single encoder are unchanged."""
    prefix = "transcriber."
    inner = {name: tensor for name, tensor in state.items() if name.startswith(prefix)}
    return {name.removeprefix(prefix): tensor for name, tensor in (inner or state).items()}


def read_statistics(weights: str) -> dict[str, Tensor]:
    """``mean`` and ``invstddev`` from torchaudio's file beside a weights file.

    Raises:
        WeightsError: the file is missing or has other content.
    """
    path = Path(weights).with_name(STATISTICS_FILE)
    try:
        content = json.loads(path.read_text())
        return {name: torch.tensor(content[name]) for name in ("mean", "invstddev")}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise WeightsError(
            f"{path} does not contain the statistics of the recogniser's weights "
            f"({type(error).__name__}): put torchaudio's {STATISTICS_FILE} beside them",
            path=path,
        ) from error
