"""The computer on which a network was trained or timed."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

MAKERS = {
    "0x41": "Arm",
    "0x42": "Broadcom",
    "0x43": "Cavium",
    "0x46": "Fujitsu",
    "0x48": "HiSilicon",
    "0x4e": "NVIDIA",
    "0x50": "APM",
    "0x51": "Qualcomm",
    "0x53": "Samsung",
    "0x61": "Apple",
    "0x6d": "Microsoft",
    "0xc0": "Ampere",
}
"""Implementers of Arm processors, by the code in /proc/cpuinfo (Arm's MIDR_EL1 register)."""

PARTS = {
    "0x41/0xc07": "Cortex-A7",
    "0x41/0xc0f": "Cortex-A15",
    "0x41/0xd03": "Cortex-A53",
    "0x41/0xd04": "Cortex-A35",
    "0x41/0xd05": "Cortex-A55",
    "0x41/0xd07": "Cortex-A57",
    "0x41/0xd08": "Cortex-A72",
    "0x41/0xd09": "Cortex-A73",
    "0x41/0xd0a": "Cortex-A75",
    "0x41/0xd0b": "Cortex-A76",
    "0x41/0xd0c": "Neoverse-N1",
    "0x41/0xd0d": "Cortex-A77",
    "0x41/0xd40": "Neoverse-V1",
    "0x41/0xd41": "Cortex-A78",
    "0x41/0xd44": "Cortex-X1",
    "0x41/0xd49": "Neoverse-N2",
    "0x41/0xd4f": "Neoverse-V2",
    "0x61/0x022": "Apple Icestorm (M1)",
    "0x61/0x023": "Apple Firestorm (M1)",
    "0x61/0x032": "Apple Blizzard (M2)",
    "0x61/0x033": "Apple Avalanche (M2)",
}
"""Names of common Arm processors, for which /proc/cpuinfo contains only numbers.

Source: sys-utils/lscpu-arm.c of util-linux. The names are for users; identity is decided by the
numbers.
"""

NAMES = ("model name", "Model Name", "cpu model", "cpu", "uarch")
"""Fields of /proc/cpuinfo with the name of a processor, depending on the architecture."""

KIND = (
    *("vendor_id", "cpu family", "model", "stepping"),
    *("CPU implementer", "CPU architecture", "CPU variant", "CPU part", "CPU revision"),
    *("cpu", "revision", "mvendorid", "marchid", "mimpid", "CPU Family", "CPU Revision"),
)
"""Fields that identify a processor. Clock, microcode and features are left out: they can change."""

BOARD = ("machine", "system type", "Hardware")
"""Fields that may contain the name of the computer, used where there is no better source."""

FILLERS = (
    *("default string", "system product name", "system manufacturer", "not specified", "unknown"),
    "to be filled by o.e.m.",
)
"""Placeholders that some manufacturers leave in place of a name."""


@dataclass(frozen=True)
class Machine:
    """The properties of a computer that matter for latency.

    They do not change when the computer, or a container on it, is restarted.

    Attributes:
        cpu: the processor's name; of several kinds, joined by ``+``.
        cores: logical cores this process may use.
        system: operating system and architecture.
        board: the computer's name, such as ``Raspberry Pi 4 Model B Rev 1.4``; may be empty.
        revision: codes of processor and board, such as implementer and part; may be empty.
        memory: MiB, rounded up to a usual size; 0 where it is not known.
        megahertz: highest clock, rounded to 100 MHz; 0 where it is not known.
    """

    cpu: str
    cores: int
    system: str
    board: str = ""
    revision: str = ""
    memory: int = 0
    megahertz: int = 0

    @property
    def fingerprint(self) -> str:
        """Equal for machines whose latencies may be compared."""
        text = json.dumps(asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def name(self) -> str:
        """Text for users: computer, processor, cores, clock and memory, where they are known."""
        parts = [f"{self.board} ({self.cpu})" if self.board else self.cpu]
        if self.cores:
            parts.append("1 core" if self.cores == 1 else f"{self.cores} cores")
        if self.megahertz:
            parts[-1] += f" at {self.megahertz / 1000:g} GHz"
        if self.memory:
            parts.append(f"{self.memory / 1024:g} GiB")
        return ", ".join(parts)


def this_machine() -> Machine:
    """The machine this process runs on."""
    return _here(_cores())


@cache
def _here(cores: int) -> Machine:
    return read_machine(Path("/"), cores)


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS and Windows
        return os.cpu_count() or 1


def read_machine(root: Path, cores: int) -> Machine:
    """The machine that the files of Linux under a root folder describe; elsewhere that of Python.

    Args:
        root: root of the file system.
        cores: number of cores that this process may use.
    """
    system = f"{platform.system()} {platform.machine()}"
    blocks = _blocks(_text(root / "proc/cpuinfo"))
    if not blocks:
        return Machine(_brand(), cores, system, memory=_usual_size(_physical_memory()))
    return Machine(
        cpu=" + ".join(_distinct(_name(block) for block in blocks)) or _brand(),
        cores=cores,
        system=system,
        board=_board(root, blocks),
        revision=_revision(blocks),
        memory=_usual_size(_listed_memory(_text(root / "proc/meminfo"))),
        megahertz=_highest_clock(root),
    )


Block = Mapping[str, str]
"""Field → value for one processor in /proc/cpuinfo, or for the computer at its end."""


def _blocks(text: str) -> list[Block]:
    return [
        {
            field.strip(): value.strip()
            for field, colon, value in (line.partition(":") for line in part.splitlines())
            if colon
        }
        for part in re.split(r"\n\s*\n", text.strip())
        if part
    ]


def _name(block: Block) -> str:
    """The name of a processor; empty where the block does not describe one."""
    maker, part = block.get("CPU implementer"), block.get("CPU part")
    if maker and part:
        return PARTS.get(f"{maker}/{part}") or f"{MAKERS.get(maker, maker)} part {part}"
    return next((block[field] for field in NAMES if field in block), "")


def _board(root: Path, blocks: Sequence[Block]) -> str:
    """The name of the computer from /proc/cpuinfo, the device tree, or the firmware."""
    # /proc/cpuinfo comes first because /sys/firmware is often missing in containers.
    firmware = root / "sys/class/dmi/id"
    named = (_text(firmware / file).strip() for file in ("sys_vendor", "product_name"))
    candidates = (
        *(block.get("Model", "") for block in blocks),
        _text(root / "proc/device-tree/model").strip("\0\n "),
        " ".join(each for each in named if each and each.lower() not in FILLERS),
        *(block.get(field, "") for field in BOARD for block in blocks),
    )
    return next((each for each in candidates if each), "")


def _revision(blocks: Sequence[Block]) -> str:
    kinds = ("/".join(block[field] for field in KIND if field in block) for block in blocks)
    codes = (block.get("Revision", "") for block in blocks)
    return ", ".join([*sorted(_distinct(kinds)), *_distinct(codes)])


def _highest_clock(root: Path) -> int:
    """The highest possible clock in MHz, not the present one."""
    files = root.glob("sys/devices/system/cpu/cpu[0-9]*/cpufreq/cpuinfo_max_freq")
    found = [int(text) for text in map(_text, files) if text.strip().isdecimal()]
    return 100 * round(max(found, default=0) / 100_000)


def _listed_memory(meminfo: str) -> int:
    """MiB of memory according to /proc/meminfo."""
    found = re.search(r"^MemTotal:\s*(\d+) kB", meminfo, re.MULTILINE)
    return int(found[1]) // 1024 if found else 0


def _physical_memory() -> int:
    """MiB of memory where there is no /proc; 0 on Windows."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2**20
    except (AttributeError, ValueError, OSError):
        return 0


def _usual_size(mebibytes: int) -> int:
    """Memory rounded up to a power of two or 1.5 times one, because kernels reserve some of it."""
    if mebibytes <= 0:
        return 0
    power = 1 << (mebibytes - 1).bit_length()
    return 3 * power // 4 if mebibytes <= 3 * power // 4 else power


def _brand() -> str:
    """The processor's name where there is no /proc to read it from."""
    # cpuinfo starts child processes, which takes a second.
    import cpuinfo

    name = cpuinfo.get_cpu_info().get("brand_raw")
    return str(name or platform.processor() or platform.machine())


def _text(path: Path) -> str:
    """A file's text; empty where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _distinct(texts: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(text for text in texts if text))
