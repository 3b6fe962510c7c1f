"""Measure the latencies of entries in several runtimes."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from serbench.deploy.latency import LatencyJob, measure_latencies
from serbench.errors import MissingPackageError, SerbenchError, UsageError, WeightsError
from serbench.model.machine import Machine, this_machine
from serbench.model.runtime import Runtime
from serbench.plugins import Plugins
from serbench.run.runtimes import RuntimeVariants
from serbench.store.artifacts import read_arrays
from serbench.store.database import Database
from serbench.store.machines import LatencyKind
from serbench.store.systems import Systems
from serbench.workspace import Workspace


@dataclass(frozen=True)
class MeasuredLatency:
    """A latency that was measured and stored.

    Attributes:
        entry: number of the entry.
        machine: this machine.
        kind: its conditions, by which it is found.
    """

    entry: int
    machine: Machine
    kind: LatencyKind


@dataclass(frozen=True)
class LatencyRun:
    """The measurement of several entries.

    Attributes:
        entries: their numbers; None for all entries with a network.
        runtimes: names of runtimes; empty for all that are installed and usable.
        threads: thread counts; empty for one and all cores.
        quick: whether fewer queries are enough.
        plugins: the plugins of the entries, and the runtimes.
        workspace: folder of the weights.
        database: database of the entries, which receives the latencies.
        converting: receives number and runtime before a network is converted.
        progress: receives the number of finished steps, and that of all.
        left_out: receives a sentence for each combination that is left out.
    """

    entries: Sequence[int] | None
    runtimes: Sequence[str]
    threads: Sequence[int]
    quick: bool
    plugins: Plugins
    workspace: Workspace
    database: Database
    converting: Callable[[int, str], None] = lambda number, runtime: None
    progress: Callable[[int, int], None] = lambda done, total: None
    left_out: Callable[[str], None] = lambda sentence: None

    def measure(self) -> list[MeasuredLatency]:
        """Measure and store all latencies.

        What was not named explicitly and cannot be measured is left out.

        Raises:
            UsageError: a named entry does not exist or has no network, or a thread count is
                impossible.
            WeightsError: the weights of a named entry are missing or were changed.
            MissingPackageError: the package of a named runtime is not installed.
            ExportError: a named runtime cannot execute a named entry.
            SerbenchError: nothing was measured.
        """
        machine = this_machine()
        counts = self._counts(machine.cores)
        jobs, runtimes = self._jobs(), self._usable()
        if not jobs:
            raise UsageError("no entry has a network here: make one with `serbench study run`")
        with tempfile.TemporaryDirectory(prefix="serbench-") as folder:
            planned = [
                (number, replace(job, threads=count))
                for runtime in runtimes
                for number, job in self._in_runtime(jobs, runtime, Path(folder)).items()
                for count in counts
            ]
            # The runtimes and entries of a group are compared most often at one thread count.
            planned.sort(key=lambda each: (each[1].threads, each[0]))
            return self._measured(planned, machine)

    def _measured(
        self, planned: Sequence[tuple[int, LatencyJob]], machine: Machine
    ) -> list[MeasuredLatency]:
        systems, found = Systems(self.database), []
        failed: SerbenchError | None = None
        jobs = [job for _, job in planned]
        for place, facts in measure_latencies(jobs, self.quick, self.progress):
            number = planned[place][0]
            if isinstance(facts, SerbenchError):
                failed = facts
                self.left_out(str(facts))
                continue
            systems.save_latency(number, machine, facts)
            found.append(MeasuredLatency(number, machine, facts.kind))
        if not found:
            raise failed or SerbenchError(
                "none of the entries can be measured in any of the runtimes: `serbench plugins "
                "list` shows the runtimes"
            )
        return found

    def _counts(self, cores: int) -> list[int]:
        for count in self.threads:
            if not 1 <= count <= cores:
                raise UsageError(
                    f"--threads {count} is impossible: this process may use {cores} cores, so give "
                    f"a number from 1 to {cores}",
                    threads=count,
                    cores=cores,
                )
        return sorted(set(self.threads)) or sorted({1, cores})

    def _usable(self) -> list[Runtime]:
        """The runtimes whose packages are installed."""
        if self.runtimes:
            named = [self.plugins.runtimes.get(name) for name in dict.fromkeys(self.runtimes)]
            for runtime in named:
                _ = runtime.identity  # raises if its package is missing
            return named
        usable = []
        for runtime in self.plugins.runtimes:
            try:
                _ = runtime.identity
            except MissingPackageError as error:
                self.left_out(f"runtime {runtime.name} is left out: {error}")
            else:
                usable.append(runtime)
        return usable

    def _jobs(self) -> dict[int, LatencyJob]:
        """Entry → its job, still without a runtime."""
        systems, found = Systems(self.database), {}
        everything = self.entries is None
        for number in systems.numbers() if self.entries is None else dict.fromkeys(self.entries):
            try:
                record = systems.record(number)
                path = self.workspace.artifacts / record.file
                read_arrays(path, record.sha256, number)  # raises if the file is lost or changed
            except (UsageError, WeightsError) as error:
                if not everything:
                    raise
                self.left_out(f"entry {number} is left out: {error}")
                continue
            found[number] = LatencyJob(
                recipe=record.recipe,
                n_classes=len(record.emotions),
                weights=str(path),
                sha256=record.sha256,
                runtime="",
                threads=1,
            )
        return found

    def _in_runtime(
        self, jobs: dict[int, LatencyJob], runtime: Runtime, folder: Path
    ) -> dict[int, LatencyJob]:
        """The jobs in a runtime, with converted files.

        An entry whose logits the runtime changes is also scored there, since its latency is shown
        beside that UA.
        """
        variants = RuntimeVariants(self.plugins, self.workspace, self.database)
        found = {}
        for number, job in jobs.items():
            named = replace(job, runtime=runtime.name)
            if not (runtime.makes_files or runtime.changes_logits):
                found[number] = named
                continue
            self.converting(number, runtime.name)
            try:
                variants.score(number, runtime)
                file = variants.prepared(number, runtime).file
            except SerbenchError as error:
                if self.runtimes and self.entries is not None:
                    raise
                self.left_out(f"entry {number} in runtime {runtime.name} is left out: {error}")
                continue
            if file is not None:
                path = folder / f"{number}-{runtime.name}.onnx"
                path.write_bytes(file)
                named = replace(named, file=str(path))
            found[number] = named
        return found
