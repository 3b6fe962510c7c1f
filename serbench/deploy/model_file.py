"""Exported files: an ONNX graph from a recording to probabilities, with the facts of its entry."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError

from serbench.data.audio import RATES, channel_index
from serbench.data.clips import ClipFormat
from serbench.data.level import Level
from serbench.data.names import shortened
from serbench.deploy.answering import Probabilities
from serbench.errors import ExportError, MissingPackageError, UsageError

KEY = "serbench"
"""The metadata of a file that describe it, as JSON."""

LONGEST = 60
"""Seconds of the longest clip of a study."""

Positive = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]


def _is_channel(channel: str) -> str:
    """A channel, as ``--channel`` takes it."""
    try:
        channel_index(channel)
    except UsageError as error:
        raise ValueError(str(error)) from error
    return channel


@dataclass(frozen=True)
class ModelFacts:
    """The facts that an exported file carries; `facts_of` validates them.

    Attributes:
        entry: number of its entry.
        system: backbone, read-out and head, in words.
        emotions: the label set, in the order of the probabilities.
        sample_rate: of the input, in Hz.
        samples: length of the input.
        level: level of the training clips, which the graph sets itself.
        channel: the channel that was used of training recordings with several channels.
        temperature: by which the logits are divided.
        runtime: the runtime that made the graph.
        precision: of its products.
        weights_sha256: hash of the trained weights.
        dataset: name of the dataset.
        protocol_id: identifier of the protocol.
        evidence: which clips ``uar`` comes from, in words.
        uar: UA on new speakers, in this precision.
        uar_ci: its 95 % interval over speakers; None where there is none.
        outside: what the caller has to compute, a sentence each.
        version: of serbench.
    """

    entry: Positive
    system: str
    emotions: Annotated[tuple[str, ...], Field(min_length=1)]
    sample_rate: Annotated[int, Field(ge=RATES[0], le=RATES[-1])]
    samples: Annotated[int, Field(ge=1, le=LONGEST * RATES[-1])]
    level: Level
    channel: Annotated[str, AfterValidator(_is_channel)]
    temperature: Annotated[float, Field(gt=0)]
    runtime: str
    precision: str
    weights_sha256: str
    dataset: str
    protocol_id: str
    evidence: str
    uar: Share
    uar_ci: tuple[Share, Share] | None
    outside: tuple[str, ...]
    version: str

    __pydantic_config__: ClassVar = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)


def with_facts(file: bytes, facts: ModelFacts) -> bytes:
    """A graph with the facts of its entry.

    Beside the JSON there are ``labels``, ``sample_rate`` and ``samples`` as plain text, for
    programs that read no JSON.
    """
    import onnx

    model = onnx.load_from_string(file)
    named = {
        KEY: json.dumps(asdict(facts)),
        "labels": ",".join(facts.emotions),
        "sample_rate": str(facts.sample_rate),
        "samples": str(facts.samples),
    }
    del model.metadata_props[:]
    for name, value in named.items():
        model.metadata_props.add(key=name, value=value)
    model.producer_name, model.producer_version = KEY, facts.version
    # Each node has the exporter's notes, with paths of the machine that made the file.
    for node in model.graph.node:
        del node.metadata_props[:]
    made: bytes = model.SerializeToString()
    return made


@dataclass(frozen=True)
class FileAnswerer:
    """An exported file in ONNX Runtime.

    Attributes:
        facts: the facts of the file.
        session: the file in ONNX Runtime.
        path: the file.
    """

    facts: ModelFacts
    session: Any
    path: Path

    @property
    def clip_format(self) -> ClipFormat:
        """The format of its inputs; the graph sets the level and pads itself."""
        level: Level = "ebu" if self.facts.level == "ebu" else "keep"
        seconds = self.facts.samples / self.facts.sample_rate
        return ClipFormat(self.facts.sample_rate, seconds, level, "zeros")

    @property
    def emotions(self) -> tuple[str, ...]:
        """The label set, in the order of the probabilities."""
        return self.facts.emotions

    def probabilities(
        self, clips: npt.NDArray[np.float32], lengths: npt.NDArray[np.int64]
    ) -> Probabilities:
        """Calibrated probabilities ``[B, emotions]``, one clip after another.

        Raises:
            ExportError: the graph cannot be executed, or gives something else.
        """
        pairs = zip(clips, lengths, strict=True)
        return np.stack([self._row(clip, length) for clip, length in pairs])

    def _row(self, clip: npt.NDArray[np.float32], length: np.int64) -> Probabilities:
        inputs = {"waveform": clip[None], "valid_samples": np.array([length])}
        try:
            [found] = self.session.run(["probabilities"], inputs)
        # ONNX Runtime has many classes of errors, without a common one.
        except Exception as error:
            reason = " ".join(str(error).split())
            raise ExportError(
                f"{self.path} cannot be executed ({shortened(reason)}): export the entry again "
                "with `serbench export`",
                path=self.path,
                reason=reason,
            ) from error
        if np.shape(found) != (1, len(self.emotions)):
            raise ExportError(
                f"{self.path} gives {np.shape(found)} numbers for {len(self.emotions)} emotions: "
                "export the entry again with `serbench export`",
                path=self.path,
                reason="shape",
            )
        row: Probabilities = found[0].astype(np.float64)
        return row


def open_model(path: Path, threads: int = 1) -> FileAnswerer:
    """An exported file, ready for predictions.

    Raises:
        UsageError: there is no such file, it is no ONNX file, it was not exported by serbench, or
            its front end is outside of it, or its facts are not those of its graph.
        MissingPackageError: ONNX Runtime is not installed.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingPackageError(
            f"{path} needs the package onnxruntime: pip install 'serbench[onnx]'",
            package="onnxruntime",
        ) from error
    if not path.is_file():
        raise UsageError(
            f"there is no file {path}: give the number of an entry or an exported file", path=path
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
        metadata = session.get_modelmeta().custom_metadata_map
        parts = [*session.get_inputs(), *session.get_outputs()]
        _ = [(part.name, part.type, part.shape) for part in parts]  # of which some are not UTF-8
    # The class of the error depends on what is wrong with the file.
    except Exception as error:
        raise UsageError(
            f"{path} is no ONNX file that ONNX Runtime can read: export the entry again with "
            "`serbench export`",
            path=path,
        ) from error
    facts = facts_of(metadata, path)
    if facts.outside:
        raise UsageError(
            f"{path} takes an image that is computed outside of it ({' '.join(facts.outside)}): "
            f"give the number of its entry, {facts.entry}, instead",
            path=path,
        )
    _require_graph(session, facts, path)
    return FileAnswerer(facts, session, path)


def _require_graph(session: Any, facts: ModelFacts, path: Path) -> None:
    """Refuse a graph whose inputs or probabilities are not those that its facts declare.

    Raises:
        UsageError: they are not.
    """
    given = {each.name: (each.type, each.shape) for each in session.get_inputs()}
    made = {each.name: (each.type, each.shape) for each in session.get_outputs()}
    inputs = {
        "waveform": ("tensor(float)", [1, facts.samples]),
        "valid_samples": ("tensor(int64)", [1]),
    }
    probabilities = ("tensor(float)", [1, len(facts.emotions)])
    if given != inputs or made.get("probabilities") != probabilities:
        raise UsageError(
            f"{path} was changed after its export, since its inputs and outputs are not those that "
            "its metadata declare: export the entry again with `serbench export`",
            path=path,
        )


def facts_of(metadata: Mapping[str, str], path: Path) -> ModelFacts:
    """The facts in the metadata of a file.

    Raises:
        UsageError: it was not exported by serbench, or by another version with other facts.
    """
    try:
        return TypeAdapter(ModelFacts).validate_json(metadata[KEY])
    except (KeyError, ValidationError) as error:
        raise UsageError(
            f"{path} was not exported by this version of serbench, since its metadata do not "
            "have the facts of an entry, or have them in another form: export an entry with "
            "`serbench export`",
            path=path,
        ) from error
