"""The cache of features: what is kept, found again, computed again, and deleted."""

import multiprocessing
import os
import sys
import time

import numpy as np
import pytest

from serbench.errors import StorageError, UsageError
from serbench.execute.feature_cache import ABANDONED, FeatureCache
from serbench.workspace import feature_limit

SOURCE = {"clips": "ab", "backbone": "small", "weights": "none"}


class Computing:
    """Computes arrays, and counts how often."""

    def __init__(self, rows=5, value=1.0):
        self.calls = []
        self.rows = rows
        self.value = value

    def __call__(self, names):
        self.calls.append(tuple(names))
        return {
            name: np.full((self.rows, 4), self.value + place, np.float32)
            for place, name in enumerate(names)
        }


def test_arrays_are_computed_once_and_found_again_also_by_another_process(tmp_path):
    computing = Computing()
    first = FeatureCache(tmp_path).arrays(SOURCE, ["1", "2"], computing)
    again = FeatureCache(tmp_path).arrays(SOURCE, ["2", "1"], computing)
    assert computing.calls == [("1", "2")]
    for name, array in first.items():
        assert np.array_equal(again[name], array)
        assert isinstance(again[name], np.memmap), "it is read from the disk when needed"
        assert array.dtype == np.float32


def test_only_missing_arrays_are_computed(tmp_path):
    cache, computing = FeatureCache(tmp_path), Computing()
    cache.arrays(SOURCE, ["1"], computing)
    cache.arrays(SOURCE, ["1", "2"], computing)
    assert computing.calls == [("1",), ("2",)]


@pytest.mark.parametrize("changed", [{"clips": "cd"}, {"weights": "file:w"}, {"more": 1}])
def test_another_source_has_other_arrays(tmp_path, changed):
    cache = FeatureCache(tmp_path)
    cache.arrays(SOURCE, ["1"], Computing(value=1))
    other = cache.arrays({**SOURCE, **changed}, ["1"], Computing(value=7))
    assert (other["1"] == 7).all()
    assert (cache.arrays(SOURCE, ["1"], Computing(value=9))["1"] == 1).all()


def cut(path):
    path.write_bytes(path.read_bytes()[:-8])


def flip(path):
    content = bytearray(path.read_bytes())
    content[-1] ^= 255
    path.write_bytes(content)


def empty(path):
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [cut, flip, empty, os.unlink])
@pytest.mark.parametrize("kind", ["npy", "json"])
def test_a_damaged_file_is_computed_again(tmp_path, damage, kind):
    FeatureCache(tmp_path).arrays(SOURCE, ["1"], Computing())
    [path] = tmp_path.glob(f"*.{kind}")
    damage(path)
    computing = Computing()
    found = FeatureCache(tmp_path).arrays(SOURCE, ["1"], computing)
    assert computing.calls == [("1",)]
    assert (found["1"] == 1).all()
    FeatureCache(tmp_path).arrays(SOURCE, ["1"], computing)
    assert len(computing.calls) == 1


def _compute_slowly(folder, barrier, results):
    def compute(names):
        time.sleep(0.3)
        return {name: np.full((3, 2), os.getpid(), np.float32) for name in names}

    barrier.wait()
    results.put(float(FeatureCache(folder).arrays(SOURCE, ["1"], compute)["1"][0, 0]))


def test_two_processes_compute_once(tmp_path):
    context = multiprocessing.get_context("fork" if sys.platform == "linux" else "spawn")
    barrier, results = context.Barrier(2), context.Queue()
    both = [
        context.Process(target=_compute_slowly, args=(tmp_path, barrier, results)) for _ in range(2)
    ]
    for each in both:
        each.start()
    found = [results.get(timeout=60) for _ in both]
    for each in both:
        each.join()
    assert found[0] == found[1]


def test_the_arrays_not_used_for_the_longest_time_are_deleted_first(tmp_path):
    FeatureCache(tmp_path / "one").arrays(SOURCE, ["1"], Computing())
    [one] = FeatureCache(tmp_path / "one").stored()
    cache = FeatureCache(tmp_path, limit=3 * one.size + 10)
    for name in "123":
        cache.arrays(SOURCE, [name], Computing())
    for age, name in enumerate("123"):
        [facts] = [each for each in cache.stored() if each.about["name"] == name]
        moment = time.time() - 100 + age
        os.utime(facts.path.with_suffix(".json"), (moment, moment))
    cache.arrays(SOURCE, ["1"], Computing())  # it is used now
    cache.arrays(SOURCE, ["4"], Computing())
    assert {each.about["name"] for each in cache.stored()} == {"1", "3", "4"}
    assert sum(each.size for each in cache.stored()) <= cache.limit


def test_an_array_larger_than_the_limit_is_given_and_not_kept(tmp_path):
    cache, computing = FeatureCache(tmp_path, limit=100), Computing(rows=1000)
    assert cache.arrays(SOURCE, ["1"], computing)["1"].shape == (1000, 4)
    assert cache.stored() == []
    cache.arrays(SOURCE, ["1"], computing)
    assert len(computing.calls) == 2


def test_with_a_limit_of_0_nothing_is_written(tmp_path):
    folder, computing = tmp_path / "features", Computing()
    FeatureCache(folder, limit=0).arrays(SOURCE, ["1"], computing)
    assert not folder.exists()


def test_the_limit_is_set_in_gigabytes(monkeypatch):
    monkeypatch.setenv("SERBENCH_FEATURE_LIMIT", "0.5")
    assert feature_limit() == 500_000_000
    monkeypatch.delenv("SERBENCH_FEATURE_LIMIT")
    assert feature_limit() == 20_000_000_000


@pytest.mark.parametrize("value", ["much", "-1", "nan", "inf", ""])
def test_another_limit_is_refused(monkeypatch, value):
    monkeypatch.setenv("SERBENCH_FEATURE_LIMIT", value)
    with pytest.raises(UsageError) as refused:
        feature_limit()
    assert refused.value.facts == {"variable": "SERBENCH_FEATURE_LIMIT", "value": value}


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("no folder")
    folder = tmp_path / "file" / "features"
    with pytest.raises(StorageError) as failed:
        FeatureCache(folder).arrays(SOURCE, ["1"], Computing())
    assert failed.value.facts["path"] == folder


def test_what_fails_to_be_computed_leaves_nothing(tmp_path):
    def fail(names):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        FeatureCache(tmp_path).arrays(SOURCE, ["1"], fail)
    assert FeatureCache(tmp_path).stored() == []
    assert FeatureCache(tmp_path).arrays(SOURCE, ["1"], Computing())["1"].shape == (5, 4)


def test_stored_arrays_name_what_they_were_computed_from(tmp_path):
    cache = FeatureCache(tmp_path)
    cache.arrays(SOURCE, ["1/mean+std"], Computing())
    [stored] = cache.stored()
    assert stored.about == {**SOURCE, "name": "1/mean+std"}
    assert stored.size == stored.path.stat().st_size
    assert time.time() - stored.used < 60


def test_clearing_deletes_everything_but_what_is_mapped_stays_readable(tmp_path):
    cache = FeatureCache(tmp_path)
    mapped = cache.arrays(SOURCE, ["1"], Computing())["1"]
    freed = cache.clear()
    assert freed >= mapped.nbytes
    assert cache.stored() == []
    assert list(tmp_path.iterdir()) == []
    assert (mapped == 1).all()
    computing = Computing()
    cache.arrays(SOURCE, ["1"], computing)
    assert len(computing.calls) == 1


def test_clearing_leaves_what_another_process_is_writing(tmp_path):
    writing, left = tmp_path / "a.7.partial", tmp_path / "b.8.partial"
    for path in (writing, left):
        path.write_bytes(b"half")
    long_ago = time.time() - ABANDONED - 10
    os.utime(left, (long_ago, long_ago))
    FeatureCache(tmp_path).clear()
    assert writing.exists()
    assert not left.exists()


def test_a_cache_without_a_folder_is_empty(tmp_path):
    cache = FeatureCache(tmp_path / "none")
    assert (cache.stored(), cache.clear()) == ([], 0)
