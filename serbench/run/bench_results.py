"""Import of latencies that ``bench.py`` measured on another machine."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import select

from serbench.data.regular import check_regular
from serbench.deploy.latency import latency_facts
from serbench.errors import UsageError
from serbench.model.machine import Machine, read_machine
from serbench.run.latency import MeasuredLatency
from serbench.store.database import Database
from serbench.store.machines import LatencyKind
from serbench.store.schema import ArtifactRow, SystemRow
from serbench.store.systems import Systems

Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1, le=10_000)]
Word = Annotated[str, Field(pattern=r"^[\w.+-]{1,100}$")]

MACHINE_FILES = (
    *("proc/cpuinfo", "proc/meminfo", "proc/device-tree/model"),
    *("sys/class/dmi/id/sys_vendor", "sys/class/dmi/id/product_name"),
    "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq",
)
"""Files of a result from which the machine is read; others are ignored."""


class Strict(BaseModel):
    """Numbers are finite and not given as texts; further keys are ignored."""

    model_config = ConfigDict(allow_inf_nan=False, strict=True)


class Model(Strict):
    """The identity of the network, from the metadata of the exported file."""

    entry: Annotated[int, Field(ge=1)]
    dataset: str
    protocol_id: str
    runtime: Word
    precision: Word
    weights_sha256: str


class Device(Strict):
    """The machine."""

    processor: str
    cores: Count
    system: str
    files: dict[str, str]

    def machine(self) -> Machine:
        """The machine as serbench would describe it there."""
        with tempfile.TemporaryDirectory(prefix="serbench-") as folder:
            for name in MACHINE_FILES:
                path = Path(folder) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(_plain(self.files.get(name, "")), encoding="utf-8")
            system = _plain(self.system)
            if not self.files.get("proc/cpuinfo", "").strip():
                return Machine(_plain(self.processor), self.cores, system)
            return replace(read_machine(Path(folder), self.cores), system=system)


def _plain(text: str) -> str:
    """Text without control characters, which a terminal would execute."""
    return "".join(each for each in text if each.isprintable() or each in "\n\t")


class Result(Strict):
    """The measurement on one number of threads."""

    threads: Count
    milliseconds: Annotated[list[Positive], Field(min_length=1)]
    load_ms: Positive
    memory_mb: Annotated[float, Field(ge=0)] | None
    file_mb: Positive
    busy: Annotated[float, Field(ge=1)]


class Versions(Strict):
    """The versions on the device."""

    python: Word
    onnxruntime: Word
    numpy: Word


class BenchFile(Strict):
    """What ``bench.py`` writes."""

    model: Model
    machine: Device
    versions: Versions
    quick: bool
    results: Annotated[list[Result], Field(min_length=1)]


def import_bench(path: Path, database: Database) -> list[MeasuredLatency]:
    """Add the latencies in a file of ``bench.py`` to the entry with the same weights.

    Raises:
        UsageError: the file cannot be read or is no such file, or no entry has these weights.
    """
    found = _read(path)
    model, versions = found.model, found.versions
    number = _entry_of(model, path, database)
    seconds = Systems(database).record(number).recipe.clip_format.seconds
    # Those of `serbench.deploy.latency.kind_of`, without PyTorch.
    libraries = {"python": ".".join(versions.python.split(".")[:2])}
    libraries[model.runtime] = versions.onnxruntime
    machine = found.machine.machine()
    stored = []
    for result in found.results:
        kind = LatencyKind(model.runtime, model.precision, result.threads, seconds, libraries)
        facts = latency_facts(
            kind,
            result.milliseconds,
            **result.model_dump(exclude={"threads", "milliseconds"}),
            quick=found.quick,
            versions=versions.model_dump(),
        )
        Systems(database).save_latency(number, machine, facts)
        stored.append(MeasuredLatency(number, machine, kind))
    return stored


def _read(path: Path) -> BenchFile:
    try:
        check_regular(path)
        return BenchFile.model_validate_json(path.read_bytes())
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read ({error.strerror}): name a file that bench.py has written",
            path=path,
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        reason = f"{place}: {first['msg']}" if place else str(first["msg"])
        raise UsageError(
            f"{path} is not a complete result of bench.py ({reason}): measure again",
            path=path,
            place=place,
        ) from error


def _entry_of(model: Model, path: Path, database: Database) -> int:
    """The entry with the weights of the measured network."""
    query = (
        select(SystemRow.number)
        .join(ArtifactRow, ArtifactRow.system_id == SystemRow.id)
        .where(
            ArtifactRow.sha256 == model.weights_sha256,
            SystemRow.number.is_not(None),
            SystemRow.deleted.is_(None),
        )
    )
    with database.session() as session:
        numbers = set(session.scalars(query))
    for number in sorted(numbers, key=lambda each: each != model.entry):
        if number is not None and Systems(database).record(number).sha256 == model.weights_sha256:
            return number
    raise UsageError(
        f"{path} has the latency of entry {model.entry} on {model.dataset}, {model.protocol_id}, "
        "and no entry of this database has its weights: name the database with --db from which the "
        "network was exported",
        path=path,
        entry=model.entry,
        weights_sha256=model.weights_sha256,
    )
