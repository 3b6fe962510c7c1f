"""Energy counters in the files of Linux."""

import pytest

from serbench.deploy.counters import Energy, per_query


@pytest.fixture
def root(tmp_path):
    """Two packages and a part of one of them."""
    for name, label in (
        ("intel-rapl:0", "package-0"),
        ("intel-rapl:0:0", "core"),
        ("intel-rapl:1", "package-1"),
    ):
        domain = tmp_path / name
        domain.mkdir()
        (domain / "name").write_text(f"{label}\n")
        (domain / "max_energy_range_uj").write_text("1000000\n")
        (domain / "energy_uj").write_text("5000\n")
    return tmp_path


def test_packages_are_added_and_their_parts_are_not(root):
    energy = Energy(root)
    before = energy.read()
    (root / "intel-rapl:0" / "energy_uj").write_text("7000\n")
    (root / "intel-rapl:0:0" / "energy_uj").write_text("9000\n")
    (root / "intel-rapl:1" / "energy_uj").write_text("6000\n")
    assert energy.spent(before) == 3.0  # millijoules


def test_a_counter_that_began_again_is_continued(root):
    energy = Energy(root)
    (root / "intel-rapl:0" / "energy_uj").write_text("999000\n")
    before = energy.read()
    (root / "intel-rapl:0" / "energy_uj").write_text("2000\n")
    assert energy.spent(before) == 3.0


@pytest.mark.parametrize("missing", ["folder", "counter"])
def test_without_counters_nothing_is_known(root, missing):
    if missing == "counter":
        (root / "intel-rapl:1" / "energy_uj").unlink()
    energy = Energy(root / "none" if missing == "folder" else root)
    assert energy.read() is None
    assert energy.spent(None) is None


def test_one_unknown_block_makes_the_energy_of_a_query_unknown():
    assert per_query([3.0, 5.0], 4) == 2
    assert per_query([3.0, None], 4) is None
