"""Measure the latency of an exported network on this machine.

    python bench.py model.onnx [--threads N] [--quick] [--out result.json]

It needs Python, numpy and onnxruntime, and not serbench. ``serbench latency import result.json``
adds the result to the leaderboard of the computer on which the network was trained.

The network is measured in a single stream as MLPerf Inference does it (Reddi et al., MLPerf
Inference Benchmark, ISCA 2020): batch size one, and the next query begins when the answer to the
last one is complete. Each number of threads has a new process.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROUNDS = 10
"""Blocks of queries in one measurement; the machine is checked after each."""

BUSY = 1.25
"""On a busy machine the 90th percentile of the reference task is this many times its fastest time.

On a virtual machine with two cores it was 1.03 times while no other program ran, and 2.0 to 4.1
times while others used both cores, since two programs share a core.
"""

REFERENCE_BYTES = 2**21

METADATA = "serbench"
"""The key of the exported file's metadata that identifies its network."""


@dataclass(frozen=True)
class Amount:
    """How many queries are made in succession: the first of both ends them.

    Attributes:
        queries: largest number of queries.
        seconds: sum of their times.
        fewest: smallest number of queries, however long they take.
    """

    queries: int
    seconds: float
    fewest: int = 1


FULL, QUICK = Amount(100, 1.0, fewest=2), Amount(10, 0.2, fewest=2)
"""One block of ten: in all 1,000 queries or 10 s, or 100 queries or 2 s."""

WARM_UP = Amount(20, 5.0)

AGAIN = Amount(2, 1.0)
"""Queries before each block that are not timed, since other tasks have used the caches."""

REFERENCE = Amount(3, 1.0, fewest=3)


def timed(call: Callable[[], object], amount: Amount) -> list[float]:
    """Milliseconds of each query, each of which begins after the last one."""
    taken: list[float] = []
    left = 1e9 * amount.seconds
    while len(taken) < amount.queries and (left > 0 or len(taken) < amount.fewest):
        start = time.perf_counter_ns()
        call()
        spent = time.perf_counter_ns() - start
        taken.append(spent / 1e6)
        left -= spent
    return taken


def reference_times(threads: int) -> list[float]:
    """Milliseconds of a fixed task, the hash of 2 MiB on each of so many threads at once.

    Python's hash function runs without the interpreter lock, so that the threads run in parallel.
    """
    data = bytes(REFERENCE_BYTES)
    with ThreadPoolExecutor(threads) as pool:

        def task() -> None:
            list(pool.map(lambda _: hashlib.sha256(data).digest(), range(threads)))

        task()  # starts the threads
        return timed(task, REFERENCE)


def busy_ratio(references: Sequence[float]) -> float:
    """The 90th percentile of the times of the reference task, divided by the fastest one."""
    return float(np.percentile(references, 90)) / min(references)


class Memory:
    """The growth of the resident memory of this process from here on; only on Linux."""

    def __init__(self) -> None:
        self._before = _resident("VmHWM")
        try:
            Path("/proc/self/clear_refs").write_text("5")  # forgets the earlier peak
            self._before = _resident("VmRSS")
        except OSError:
            pass

    def growth(self) -> float | None:
        """Peak since the beginning minus the memory at the beginning, in MB; None if unknown."""
        now = _resident("VmHWM")
        return None if now is None or self._before is None else max(now - self._before, 0.0)


def _resident(name: str) -> float | None:
    """A line of /proc/self/status in MB."""
    for line in _text(Path("/proc/self/status")).splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024 / 1e6
    return None


def _text(path: Path) -> str:
    """A file's text; empty where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def cores() -> int:
    """Logical cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


NOT_COPIED = ("flags", "bugs", "features", "serial", "bogomips", "vmx flags")
"""Lines of /proc/cpuinfo that do not identify a kind of machine, or are too long or private."""


def machine() -> dict[str, Any]:
    """The files of Linux from which serbench names a machine, and what Python knows elsewhere."""
    lines = _text(Path("/proc/cpuinfo")).splitlines()
    kept = [each for each in lines if each.partition(":")[0].strip().lower() not in NOT_COPIED]
    memory = [line for line in _text(Path("/proc/meminfo")).splitlines() if "MemTotal" in line]
    names = ("proc/device-tree/model", "sys/class/dmi/id/sys_vendor")
    more = {name: _text(Path("/") / name) for name in (*names, "sys/class/dmi/id/product_name")}
    clocks = Path("/sys/devices/system/cpu").glob("cpu[0-9]*/cpufreq/cpuinfo_max_freq")
    return {
        "processor": platform.processor() or platform.machine(),
        "cores": cores(),
        "system": f"{platform.system()} {platform.machine()}",
        "files": {
            "proc/cpuinfo": "\n".join(kept),
            "proc/meminfo": "\n".join(memory),
            "sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq": max(
                map(_text, clocks), key=lambda text: int(text or 0), default=""
            ),
            **more,
        },
    }


def measure(path: str, threads: int, quick: bool) -> dict[str, Any]:
    """One measurement of a file on so many threads; its times are in ``milliseconds``."""
    import onnxruntime

    memory = Memory()
    start = time.perf_counter()
    session = _session(onnxruntime, path, threads)
    load_ms = 1000 * (time.perf_counter() - start)
    inputs = _inputs(session.get_inputs())

    def query() -> object:
        return session.run(None, inputs)

    timed(query, WARM_UP)
    grown = memory.growth()
    times: list[float] = []
    references: list[float] = []
    for _ in range(ROUNDS):
        timed(query, AGAIN)
        times += timed(query, QUICK if quick else FULL)
        references += reference_times(threads)
    return {
        "threads": threads,
        "milliseconds": times,
        "load_ms": load_ms,
        "memory_mb": grown,
        "file_mb": Path(path).stat().st_size / 1e6,
        "busy": busy_ratio(references),
    }


def _session(onnxruntime: Any, path: str, threads: int) -> Any:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3  # errors only
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _inputs(described: Sequence[Any]) -> dict[str, Any]:
    """Noise of the right shape, none of which is padding."""
    random = np.random.default_rng(0)
    length = described[0].shape[-1]
    return {
        each.name: (
            np.full(each.shape, length, np.int64)
            if "int64" in each.type
            else (0.1 * random.standard_normal(each.shape)).astype(np.float32)
        )
        for each in described
    }


def _identity(path: str) -> Mapping[str, Any]:
    """What the file's metadata has on its network; ends the program if there is none."""
    import onnxruntime

    try:
        properties = _session(onnxruntime, path, 1).get_modelmeta().custom_metadata_map
        identity: Mapping[str, Any] = json.loads(properties[METADATA])
    except Exception as error:  # noqa: BLE001 (onnxruntime has many classes of errors)
        reason = f"{type(error).__name__}: {error}".partition("\n")[0]
        sys.exit(f"{path} is not a file of `serbench export` ({reason}): name such a file")
    return identity


def main() -> None:
    """Measure, print a table, and write the result."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("model", help="a file of `serbench export`")
    parser.add_argument("--threads", type=int, action="append", help="default: 1 and all cores")
    parser.add_argument("--quick", action="store_true", help="100 queries or 2 s, not 1,000 or 10")
    parser.add_argument("--out", default="result.json", help="default: result.json")
    asked = parser.parse_args()
    try:
        import onnxruntime
    except ImportError:
        sys.exit("this program needs the package onnxruntime: pip install onnxruntime")
    if any(each < 1 for each in asked.threads or ()):
        sys.exit("--threads takes a number from 1 on")
    identity = _identity(asked.model)
    results = []
    print("threads     p50     p90     p99   load ms   memory MB   file MB")
    for threads in sorted(set(asked.threads or (1, cores()))):
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=context) as process:
            result = process.submit(measure, asked.model, threads, asked.quick).result()
        percentiles = np.percentile(result["milliseconds"], [50, 90, 99])
        times, memory = " ".join(f"{each:7.2f}" for each in percentiles), result["memory_mb"]
        shown = "–" if memory is None else f"{memory:.1f}"
        busy = "  busy machine" if result["busy"] > BUSY else ""
        print(
            f"{threads:7} {times} {result['load_ms']:9.1f} {shown:>11} {result['file_mb']:9.1f}"
            f"{busy}"
        )
        results.append(result)
    written = {
        "model": identity,
        "machine": machine(),
        "versions": {
            "python": platform.python_version(),
            "onnxruntime": str(onnxruntime.__version__),
            "numpy": np.__version__,
        },
        "quick": asked.quick,
        "results": results,
    }
    Path(asked.out).write_text(json.dumps(written, allow_nan=False), encoding="utf-8")
    print(f"{asked.out}: add it to the leaderboard with `serbench latency import {asked.out}`")


if __name__ == "__main__":
    main()
