"""Faults injected into a study that the real command runs: afterwards its results are the same.

Each test compares all recorded folds, logits, scores and hashes of weights with those of the same
study without a fault, in which each fold is recorded once. ``docs/explanation/reliability.md`` has
the number of injections.
"""

import datetime
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from e2e import conftest as e2e
from e2e.conftest import Place

from serbench.store import base
from serbench.store.checking import check_files
from serbench.store.database import Database

pytestmark = [
    pytest.mark.services,
    pytest.mark.skipif(sys.platform != "linux", reason="/proc and tmpfs"),
]

one_thread, interruptible = e2e._one_thread, e2e._interruptible
place, tiny_folder, undisturbed = e2e.place, e2e.tiny_folder, e2e.undisturbed

FOLD = r"trial 1/2 fold 1/2: UA "
BEGUN = r"homebrew · mel"


def ended(running, seconds=300):
    """The exit code and the errors of a command, which prints no traceback."""
    said = running.written + running.process.communicate(timeout=seconds)[1]
    assert "Traceback" not in said, said
    assert said.count("error: ") <= 1, said
    return running.process.returncode, said


def check(place, undisturbed):
    """The finished study has the results of an undisturbed one, and all its files."""
    assert place.recorded() == undisturbed
    database = Database(f"sqlite:///{place.db}")
    artifacts = place.db.with_name(f"{place.db.stem}-artifacts")
    assert check_files(database, artifacts) == []
    database.engine.dispose()


def children(process):
    """Ids of the worker processes of a command."""
    tasks = Path(f"/proc/{process}/task")
    found = [int(each) for task in tasks.iterdir() for each in _words(task / "children")]
    return [each for each in found if b"popen_loky" in Path(f"/proc/{each}/cmdline").read_bytes()]


def _words(path):
    return path.read_text().split()


@contextmanager
def locked(db, seconds):
    """Another program has locked the database for some seconds."""
    code = (
        "import sqlite3, sys, time; c = sqlite3.connect(sys.argv[1], timeout=30); "
        "c.execute('BEGIN EXCLUSIVE'); print('locked', flush=True); time.sleep(float(sys.argv[2]))"
    )
    command = [sys.executable, "-c", code, str(db), str(seconds)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "locked\n"
        yield
        process.wait()


@pytest.mark.parametrize("number", range(3))
def test_a_worker_is_killed_in_a_fold(place, undisturbed, number):
    running = place.start()
    running.wait_for(FOLD if number else BEGUN)
    workers = []
    while not workers:
        workers = [each for each in children(running.process.pid) if each != os.getpid()]
    time.sleep(0.3 * number)
    for worker in workers[: 1 + number // 2]:
        os.kill(worker, signal.SIGKILL)
    assert ended(running)[0] == 0
    check(place, undisturbed)


@pytest.mark.parametrize("moment", [BEGUN, FOLD, r"trial 2/2 fold 1/2: UA "])
def test_the_driver_is_killed(place, undisturbed, moment):
    running = place.start()
    running.wait_for(moment)
    assert running.kill() == -signal.SIGKILL
    assert place.run(*place.study) == 0
    check(place, undisturbed)


@pytest.mark.parametrize("moment", [BEGUN, FOLD])
def test_ctrl_c_is_pressed_many_times(place, undisturbed, moment):
    running = place.start(start_new_session=True)
    running.wait_for(moment)
    for _ in range(20):
        if running.process.poll() is None:
            os.killpg(running.process.pid, signal.SIGINT)
            time.sleep(0.01)
    assert ended(running)[0] == 130
    assert place.run(*place.study) == 0
    check(place, undisturbed)


def test_the_database_is_locked_for_some_seconds(place, undisturbed):
    running = place.start()
    running.wait_for(FOLD)
    with locked(place.db, 8):
        pass
    assert ended(running)[0] == 0
    check(place, undisturbed)


def test_the_database_is_locked_for_longer_than_it_is_waited_for(place, undisturbed):
    url = f"sqlite:///{place.db}?timeout=2"
    running = start(place, url)
    running.wait_for(FOLD)
    with locked(place.db, 12):
        code, said = ended(running)
    assert code == 1
    assert "locked" in said
    assert place.run(*place.study) == 0
    check(place, undisturbed)


def start(place, url):
    """The study on a database that is given as a URL."""
    command = [*place.study, "--db", url]
    process = subprocess.Popen(
        [sys.executable, "-m", "serbench.cli.main", *command],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "SERBENCH_CACHE": str(place.cache),
            "SERBENCH_DISABLE_PLUGINS": "timm",
            "OMP_NUM_THREADS": "1",
        },
    )
    place.processes.append(process)
    return e2e.Running(process)


@pytest.fixture
def disk(tmp_path):
    """``disk(folder)`` mounts a disk of 2 MB there, which keeps what the folder had."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a disk")
    mounted = []

    def mount(folder):
        before = tmp_path / "before"
        if folder.exists():
            folder.rename(before)
        folder.mkdir(parents=True)
        command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder]
        if subprocess.run(command, check=False).returncode:
            pytest.skip("this system lets no container mount a disk")
        mounted.append(folder)
        if before.exists():
            shutil.copytree(before, folder, dirs_exist_ok=True)
        return folder

    yield mount
    for folder in mounted:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(folder, left):
    """Fill a disk except for some bytes; returns the file that fills it."""
    filler = folder / "filler"
    size = shutil.disk_usage(folder).free - left
    with filler.open("wb") as file:
        file.write(bytes(max(size, 0)))
    return filler


@pytest.mark.parametrize("left", [0, 20_000, 60_000, 150_000, 400_000])
def test_the_disk_of_database_and_weights_is_full(
    tmp_path, tiny_folder, undisturbed, disk, capfd, left
):
    full = Place(disk(tmp_path / "disk") / "serbench.db", tiny_folder / "cache", [])
    assert full.run("corpus", "scan", str(tiny_folder / "tiny"), "--dataset", "tiny") == 0
    filler = fill(full.db.parent, left)
    capfd.readouterr()
    code, said = full.run(*full.study), capfd.readouterr().err
    assert "Traceback" not in said
    assert code == (1 if left < 400_000 else code)
    filler.unlink()
    assert full.run(*full.study) == 0
    check(full, undisturbed)


@pytest.mark.parametrize("left", [0, 20_000])
def test_the_disk_of_the_weights_alone_is_full(place, undisturbed, disk, capfd, left):
    folder = disk(place.db.with_name("serbench-artifacts"))
    filler = fill(folder, left)
    code, said = place.run(*place.study), capfd.readouterr().err
    assert (code, "Traceback" in said) == (1, False), said
    assert str(folder) in said
    filler.unlink()
    assert place.run(*place.study) == 0
    check(place, undisturbed)


@pytest.mark.parametrize("left", [0, 100_000])
def test_the_disk_of_the_clip_cache_is_full(tmp_path, tiny_folder, undisturbed, disk, capfd, left):
    cache = disk(tmp_path / "cache")
    full = Place(tmp_path / "serbench.db", cache, [])
    assert full.run("corpus", "scan", str(tiny_folder / "tiny"), "--dataset", "tiny") == 0
    filler = fill(cache, left)
    capfd.readouterr()
    code, said = full.run(*full.study), capfd.readouterr().err
    assert (code, "Traceback" in said) == (1, False), said
    filler.unlink()
    assert full.run(*full.study) == 0
    check(full, undisturbed)


def test_the_clock_is_set_back_by_an_hour(place, undisturbed, monkeypatch):
    running = place.start()
    running.wait_for(FOLD)
    running.kill()

    class Earlier(datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.datetime.now(tz) - datetime.timedelta(hours=1)

    monkeypatch.setattr(base, "datetime", Earlier)
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - 3600)
    assert place.run(*place.study) == 0
    check(place, undisturbed)


def test_the_database_is_deleted_while_a_study_runs(place, undisturbed, tmp_path):
    backup = tmp_path / "backup"
    running = place.start()
    running.wait_for(FOLD)
    assert place.run("db", "backup", str(backup)) == 0
    place.db.unlink()
    code, said = ended(running)
    assert code == 1
    assert str(place.db) in said
    assert not place.db.exists()
    assert place.run("db", "restore", str(backup)) == 0
    assert place.run(*place.study) == 0
    check(place, undisturbed)


@pytest.mark.parametrize("place_of_damage", [0, 1])
def test_the_database_is_damaged_while_a_study_runs(
    place, undisturbed, tmp_path, capfd, place_of_damage
):
    backup = tmp_path / "backup"
    running = place.start()
    running.wait_for(FOLD)
    assert place.run("db", "backup", str(backup)) == 0
    size = place.db.stat().st_size
    with place.db.open("r+b") as file:
        file.seek(0 if place_of_damage == 0 else 4096)
        file.write(os.urandom(4096 if place_of_damage == 0 else size - 4096))
    code, said = ended(running)
    assert code == 1, said
    capfd.readouterr()
    assert place.run(*place.study) == 1
    assert "Traceback" not in capfd.readouterr().err
    place.db.unlink()
    assert place.run("db", "restore", str(backup)) == 0
    assert place.run(*place.study) == 0
    check(place, undisturbed)
