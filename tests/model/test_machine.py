"""The identity of machines, from the files of Linux.

The texts have the form of /proc/cpuinfo of these computers, with the relevant fields. Sources:
the registers' codes in Arm's technical reference manuals and lscpu-arm.c of util-linux; the board's
codes in Raspberry Pi's documentation of revision codes.
"""

import os
from dataclasses import replace

import pytest

from serbench.model import machine as machines
from serbench.model.machine import Machine, read_machine, this_machine

MACHINE = Machine("A processor", 2, "Linux x86_64")
GIB = 2**20
"""In kB."""


def arm(part, variant=0, revision=3, maker="0x41", cores=4, bogomips="108.00"):
    """The blocks of ``cores`` cores."""
    return "".join(
        f"processor\t: {core}\nBogoMIPS\t: {bogomips}\n"
        "Features\t: fp asimd evtstrm crc32 cpuid\n"
        f"CPU implementer\t: {maker}\nCPU architecture: 8\nCPU variant\t: {variant:#x}\n"
        f"CPU part\t: {part}\nCPU revision\t: {revision}\n\n"
        for core in range(cores)
    )


def pi(model, code, serial="100000001a2b3c4d"):
    """The additional fields of a Raspberry Pi's kernel."""
    return f"Hardware\t: BCM2835\nRevision\t: {code}\nSerial\t\t: {serial}\nModel\t\t: {model}\n"


def x86(name="Intel(R) Core(TM) i7-8550U CPU @ 1.80GHz", stepping=10, clock="1992.001"):
    return "".join(
        f"processor\t: {core}\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 142\n"
        f"model name\t: {name}\nstepping\t: {stepping}\nmicrocode\t: 0xf0\n"
        f"cpu MHz\t\t: {clock}\nflags\t\t: fpu vme\n\n"
        for core in range(2)
    )


PI_4 = arm("0xd08") + pi("Raspberry Pi 4 Model B Rev 1.4", "c03114")
PI_5 = arm("0xd0b", variant=4, revision=1) + pi("Raspberry Pi 5 Model B Rev 1.0", "d04170")
GRAVITON = arm("0xd08", bogomips="166.66")  # the cores of a Raspberry Pi 4, in a server
GRAVITON_2 = arm("0xd0c", variant=3, revision=1, bogomips="243.75")
APPLE_M1 = arm("0x022", 1, 1, "0x61", 4, "48.00") + arm("0x023", 1, 1, "0x61", 4, "48.00")


@pytest.fixture
def read(tmp_path):
    """``read(cpuinfo, files, memory, cores)``: a machine with these files and ``memory`` kB."""
    roots = iter(range(99))

    def read_files(cpuinfo, files=(), memory=8 * GIB, cores=4):
        root = tmp_path / str(next(roots))
        written = {
            "proc/cpuinfo": cpuinfo,
            "proc/meminfo": f"MemTotal:       {memory} kB\nMemFree:          123 kB\n",
            **dict(files),
        }
        for name, text in written.items():
            file = root / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return read_machine(root, cores)

    return read_files


def firmware(vendor, product):
    folder = "sys/class/dmi/id"
    return {f"{folder}/sys_vendor": f"{vendor}\n", f"{folder}/product_name": f"{product}\n"}


def clock(*kilohertz):
    name = "sys/devices/system/cpu/cpu{}/cpufreq/cpuinfo_max_freq"
    return {name.format(core): f"{each}\n" for core, each in enumerate(kilohertz)}


@pytest.fixture
def known(read):
    """Several computers whose processors have numbers instead of names."""
    tree = {"proc/device-tree/model": "Apple MacBook Air (M1, 2020)\0"}
    return {
        "Pi 4": read(PI_4, clock(1_500_000), memory=3_885_000),
        "Pi 5": read(PI_5, clock(2_400_000), memory=8_254_000),
        "Graviton": read(GRAVITON, firmware("Amazon EC2", "a1.xlarge"), memory=7_900_000),
        "Graviton 2": read(GRAVITON_2, firmware("Amazon EC2", "c6g.xlarge"), memory=7_900_000),
        "Apple M1": read(APPLE_M1, tree | clock(2_064_000, 3_204_000), cores=8),
    }


def test_every_arm_computer_is_a_machine_of_its_own(known):
    assert len({each.fingerprint for each in known.values()}) == len(known)


def test_the_name_describes_the_computer(known):
    assert {name: each.name for name, each in known.items()} == {
        "Pi 4": "Raspberry Pi 4 Model B Rev 1.4 (Cortex-A72), 4 cores at 1.5 GHz, 4 GiB",
        "Pi 5": "Raspberry Pi 5 Model B Rev 1.0 (Cortex-A76), 4 cores at 2.4 GHz, 8 GiB",
        "Graviton": "Amazon EC2 a1.xlarge (Cortex-A72), 4 cores, 8 GiB",
        "Graviton 2": "Amazon EC2 c6g.xlarge (Neoverse-N1), 4 cores, 8 GiB",
        "Apple M1": "Apple MacBook Air (M1, 2020) (Apple Icestorm (M1) + Apple Firestorm (M1)), "
        "8 cores at 3.2 GHz, 8 GiB",
    }


def test_a_server_without_a_board_name_is_not_a_raspberry_pi(read):
    bare = read(GRAVITON, memory=3_885_000)
    assert bare.board == ""
    assert bare.fingerprint != read(PI_4, memory=3_885_000).fingerprint


CHANGES = {
    "another part": GRAVITON_2,
    "another revision": arm("0xd08", revision=2),
    "another implementer": arm("0xd08", maker="0x51"),
    "faster cores beside them": GRAVITON + arm("0xd0b"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_another_processor_is_another_machine(read, change):
    assert read(CHANGES[change]).fingerprint != read(GRAVITON).fingerprint


def test_the_same_processor_with_more_memory_clock_or_cores_is_another(read):
    pair = [
        read(PI_4),
        read(PI_4, memory=3_885_000),
        read(PI_4, clock(1_800_000)),
        read(PI_4, clock(2_000_000)),
        read(PI_4, cores=2),
        read(arm("0xd08") + pi("Raspberry Pi 4 Model B Rev 1.5", "c03115")),
    ]
    assert len({each.fingerprint for each in pair}) == len(pair)


def test_differences_between_starts_and_between_equal_computers_do_not_count(read):
    first = read(
        x86(),
        {**clock(4_000_000, 3_999_000), "proc/sys/kernel/random/boot_id": "1\n"},
        memory=8_010_000,
    )
    again = read(
        x86(clock="800.113").replace("0xf0", "0xf4").replace("fpu vme", "fpu vme md_clear"),
        {**clock(3_998_000, 4_000_000), "proc/sys/kernel/random/boot_id": "2\n"}
        | {"proc/sys/kernel/hostname": "0123456789ab\n"},
        memory=7_990_000,
    )
    assert again == first
    twin = read(PI_4.replace("100000001a2b3c4d", "10000000ffffffff"))
    assert twin == read(PI_4)


def test_in_a_container_a_raspberry_pi_is_what_it_is_outside(read):
    tree = {"proc/device-tree/model": "Raspberry Pi 4 Model B Rev 1.4\0"}
    assert read(PI_4) == read(
        PI_4, tree
    )  # Docker hides /sys/firmware, which contains the device tree


def test_a_processor_with_a_name_has_it(read):
    found = read(x86(), firmware("Dell Inc.", "XPS 13 9370"), memory=16_200_000)
    assert found.cpu == "Intel(R) Core(TM) i7-8550U CPU @ 1.80GHz"
    assert found.board == "Dell Inc. XPS 13 9370"
    assert found.memory == 16 * 1024
    assert found.fingerprint != read(x86(stepping=11), memory=16_200_000).fingerprint


def test_a_placeholder_for_the_name_of_a_board_is_ignored(read):
    empty = firmware("To Be Filled By O.E.M.", "System Product Name")
    assert read(x86(), empty) == read(x86())


@pytest.mark.parametrize(
    ("kilobytes", "mebibytes"),
    [(0, 0), (437_000, 512), (929_000, 1024), (3_885_000, 4096), (12_200_000, 12_288)],
)
def test_memory_is_that_of_the_modules_and_not_what_the_kernel_leaves(read, kilobytes, mebibytes):
    assert read(PI_4, memory=kilobytes).memory == mebibytes


def test_without_proc_the_name_comes_from_the_system(tmp_path, monkeypatch):
    monkeypatch.setattr(machines, "_brand", lambda: "Apple M1 Pro")
    found = read_machine(tmp_path, 10)
    assert (found.cpu, found.cores, found.board) == ("Apple M1 Pro", 10, "")


def test_this_machine_has_a_name_and_the_cores_this_process_may_use():
    machine = this_machine()
    assert machine.cpu
    assert 1 <= machine.cores <= os.cpu_count()
    assert machine == this_machine()


def test_fewer_cores_allowed_are_fewer_cores(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {3}, raising=False)
    assert this_machine().cores == 1
    assert ", 1 core" in this_machine().name


def test_without_affinities_every_core_counts(monkeypatch):
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    assert this_machine().cores == os.cpu_count()


@pytest.mark.parametrize(
    "change",
    [
        *({"cpu": "Another"}, {"cores": 4}, {"system": "Darwin arm64"}, {"board": "A board"}),
        *({"revision": "1/2/3"}, {"memory": 4096}, {"megahertz": 2400}),
    ],
)
def test_properties_that_influence_latency_change_the_fingerprint(change):
    assert replace(MACHINE, **change).fingerprint != MACHINE.fingerprint


def test_equal_machines_share_a_fingerprint():
    assert replace(MACHINE).fingerprint == MACHINE.fingerprint
