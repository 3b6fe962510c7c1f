"""A fuzzer of files with networks, and of other files that are given in their place.

    python tests/fuzz/models.py --cases 300 --seed 0

Exported ONNX files are given to ``serbench predict``; safetensors files and state dicts of PyTorch
are read as initial weights. ``--cases`` of each are changed at random; ONNX files also in their
metadata and their graph. A case fails if it gives an error that is not a SerbenchError, a crash,
takes more than five seconds, or if the process needs more than a gigabyte. A child process does the
work, so that a crash or a hang is one finding.
"""

from __future__ import annotations

import argparse
import importlib
import io
import json
import random
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from audio import SECONDS, Account, Worker, answer_lines
from audio_mutations import MUTATIONS, originals
from text_mutations import TOKENS, mutated

CLIP = "clip.wav"
"""The recording beside each ONNX file, for which a prediction is made."""


IMPORTED = (
    *("onnxruntime", "torch", "safetensors.torch", "texts", "serbench.cli.predict"),
    *("serbench.run.predict", "serbench.deploy.model_file", "serbench.deploy.timelines"),
    *("serbench.model.weights", "serbench.views.results"),
)
"""Modules that the child needs."""


def child() -> None:
    """Answer each line of standard input with a line of JSON."""
    for module in IMPORTED:  # before the time is measured
        importlib.import_module(module)
    answer_lines({"predict": _predict, "weights": _weights})


def _predict(path: Path) -> dict[str, Any]:
    from texts import call

    command = ("predict", str(path), str(path.parent / CLIP), "--format", "json", "--keep-silence")
    code, out, err = call(command)
    errors = [line for line in err.splitlines() if line.startswith("error: ")]
    if code not in (0, 1, 2) or "Traceback" in err or len(errors) != (code != 0):
        return {"wrong": f"exit code {code}, and on standard error:\n{err}"}
    if code == 0:
        [answer] = json.loads(out, parse_constant=lambda name: None)
        shares = list(answer["probabilities"].values())
        if not (np.isfinite(shares).all() and abs(sum(shares) - 1) < 0.01):
            return {"wrong": f"probabilities {shares}"}
    return {"outcome": f"exit {code}"}


def _weights(path: Path) -> dict[str, Any]:
    from serbench.errors import WeightsError
    from serbench.model.weights import read_weights

    try:
        read_weights(path)
    except WeightsError:
        return {"outcome": "refused"}
    return {"outcome": "read"}


def exported() -> bytes:
    """An exported file with a small network."""
    import torch
    from making.facts import FACTS
    from torch import nn

    from serbench.builtin.mel import Mel
    from serbench.data.clips import ClipFormat
    from serbench.deploy.model_file import with_facts
    from serbench.model.deployable import Deployable
    from serbench.model.frontend import InputSpec
    from serbench.model.network import EmotionNetwork
    from serbench.model.onnx_graph import graphs_of

    clips = ClipFormat(8_000, 0.25, "rms", "reflect")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        body = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
        front_end = Mel().build(clips, InputSpec(1, 32, 32, (0.5,), (0.25,)))
        network = EmotionNetwork(front_end, body, nn.Linear(4, len(FACTS.emotions))).eval()
        graph = graphs_of(Deployable(network, clips, FACTS.temperature)).joined()
    return with_facts(graph.SerializeToString(), FACTS)


def weights_files() -> dict[str, bytes]:
    """Extension → weights of a small network."""
    import safetensors.torch
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(0)
        state = torch.nn.Sequential(torch.nn.Conv1d(1, 4, 3), torch.nn.BatchNorm1d(4)).state_dict()
    file = io.BytesIO()
    torch.save({"state_dict": state}, file)
    return {"safetensors": safetensors.torch.save(dict(state)), "pth": file.getvalue()}


Change = Callable[[random.Random, bytes], bytes]


def _bytes_changed(chance: random.Random, content: bytes) -> bytes:
    for _ in range(chance.randint(1, 3)):
        content = chance.choice(list(MUTATIONS.values()))(chance, content, [b"PK\3\4" * 9]) or b"\0"
    return content


def _header_changed(chance: random.Random, content: bytes) -> bytes:
    """Change the JSON at the start of a safetensors file, with its correct length."""
    length = int.from_bytes(content[:8], "little")
    header = mutated(content[8 : 8 + length], chance)
    return len(header).to_bytes(8, "little") + header + content[8 + length :]


def _metadata_changed(chance: random.Random, content: bytes) -> bytes:
    """Change the facts of an entry in an ONNX file."""
    import onnx

    model = onnx.load_from_string(content)
    [facts] = [each for each in model.metadata_props if each.key == "serbench"]
    if chance.random() < 0.5:
        facts.value = mutated(facts.value.encode(), chance).decode(errors="ignore")
    else:
        values = json.loads(facts.value)
        tokens = [each.decode(errors="ignore") for each in TOKENS]
        numbers = [0, -1, 1, 2**31, 2**40, 2**63, 10**30, 1e-300, 1e300, None, True, [], {}]
        values[chance.choice(list(values))] = chance.choice([*numbers, *tokens])
        facts.value = json.dumps(values)
    return bytes(model.SerializeToString())


def _graph_changed(chance: random.Random, content: bytes) -> bytes:
    """Change an operation, an attribute, a shape or a constant of an ONNX file."""
    import onnx

    model = onnx.load_from_string(content)
    graph = model.graph
    for _ in range(chance.randint(1, 2)):
        node = chance.choice(graph.node)
        match chance.randrange(7):
            case 0:
                node.op_type = chance.choice([each.op_type for each in graph.node])
            case 1 if node.input:
                names = [name for each in graph.node for name in (*each.input, *each.output)]
                node.input[chance.randrange(len(node.input))] = chance.choice(names)
            case 2 if node.attribute:
                attribute = chance.choice(node.attribute)
                attribute.i = chance.choice([0, -1, 2**31, 2**62])
                attribute.ints[:] = [chance.choice([0, -1, 2**31, 7]) for _ in attribute.ints]
            case 3:
                graph.node.remove(node)
            case 4 if graph.initializer:
                array = chance.choice(graph.initializer)
                array.dims[:] = [chance.choice([0, 1, 3, 2**40]) for _ in array.dims]
            case 5 if graph.initializer:
                array = chance.choice(graph.initializer)
                array.raw_data = _bytes_changed(chance, array.raw_data or b"\0")
            case _:
                given = chance.choice(graph.input)
                size = chance.choice([0, 1, 2**31, 2**62])
                given.type.tensor_type.shape.dim[-1].dim_value = size
    return bytes(model.SerializeToString())


def _stays_outside(chance: random.Random, content: bytes) -> bytes:
    """Keep a constant in another file, whose name leaves the folder."""
    import onnx

    model = onnx.load_from_string(content)
    array = chance.choice(model.graph.initializer)
    array.ClearField("raw_data")
    array.data_location = onnx.TensorProto.EXTERNAL
    place = chance.choice(["../../../../../etc/passwd", "/etc/passwd", "no-such-file", CLIP, ""])
    array.external_data.add(key="location", value=place)
    return bytes(model.SerializeToString())


GRAPH: tuple[Change, ...] = (_metadata_changed, _graph_changed, _bytes_changed, _stays_outside)
KINDS: dict[str, tuple[str, tuple[Change, ...]]] = {
    "onnx": ("predict", GRAPH),
    "safetensors": ("weights", (_bytes_changed, _header_changed)),
    "pth": ("weights", (_bytes_changed,)),
}


def run(cases: int, seed: int, place: Path, seconds: float = SECONDS) -> Account:
    """Write ``cases`` files of each kind under ``place``, and give each to its command."""
    account = Account(seconds)
    worker = Worker(place / "errors.txt", seconds, program=__file__)
    recordings = originals()
    (place / CLIP).write_bytes(recordings["WAV-PCM_16-1"])
    files = {"onnx": exported(), **weights_files()}
    strangers = [*recordings.values(), *files.values(), b"", b"\0", b"{}", b"a,b\n1,2\n"]
    try:
        for kind, (task, changes) in KINDS.items():
            chance = random.Random(f"{seed} {kind}")
            account.add(task, f"{kind} unchanged", _ask(worker, task, place, kind, files[kind]))
            for number in range(cases):
                if number % 10 == 9:  # a file of another kind
                    what, content = "other file", chance.choice(strangers)
                else:
                    change = changes[number % len(changes)]
                    what, content = change.__name__.strip("_"), change(chance, files[kind])
                answer = _ask(worker, task, place, kind, content)
                account.add(task, f"{kind} {number} ({what})", answer)
                if answer.get("wrong"):
                    (place / f"wrong-{number}.{kind}").write_bytes(content)
    finally:
        worker.stop()
    return account


def _ask(worker: Worker, task: str, place: Path, kind: str, content: bytes) -> dict[str, Any]:
    path = place / f"case.{kind}"
    path.write_bytes(content)
    return worker.ask(task, path)


def main() -> None:
    """Run and print the results; exit with 1 where something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=300, help="of each kind of file")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="An empty folder in which failed files are kept.")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child()
        return
    with tempfile.TemporaryDirectory() as name:
        account = run(given.cases, given.seed, given.keep or Path(name))
    account.print(f"{given.cases * len(KINDS):,} files, seed {given.seed}")
    sys.exit(1 if account.wrong else 0)


if __name__ == "__main__":
    main()
