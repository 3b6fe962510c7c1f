"""A small study, run without an interruption, with which other runs of it are compared."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from making.records import PARTS

from serbench.cli.main import main
from serbench.deploy.latency import LatencyJob, kind_of
from serbench.plugins import Plugins
from serbench.store.database import Database
from serbench.store.machines import LatencyFacts
from serbench.store.schema import ArtifactRow, PredictionRow, ScoreRow, StudyRow, SystemRow

STUDY = (
    *("study", "run", "--backbone", "homebrew", "--dataset", "tiny"),
    *("--protocol", "speaker-2", "--trials", "2", "--epochs", "3"),
)


def pretended(job: LatencyJob) -> LatencyFacts:
    """An invented measurement, to save time."""
    kind = kind_of(Plugins().runtimes.get(job.runtime), job.threads, job.recipe.clip_format)
    return LatencyFacts(kind, 100, 3.0, 4.0, 5.0, **PARTS)


def recorded(db: Path) -> dict[str, Any]:
    """The complete results of a study, except dates and durations."""
    database = Database(f"sqlite:///{db}")
    with database.session() as session:
        [study] = session.query(StudyRow)
        [entry] = session.query(SystemRow).filter(SystemRow.number.is_not(None))
        found = {
            "trials": [(t.number, t.parameters, t.state, t.mean_uar) for t in study.trials],
            "trainings": {
                (trial.number, training.split.fold): (
                    training.epochs,
                    training.best_epoch,
                    training.seed,
                    training.curve,
                    training.losses,
                )
                for trial in study.trials
                for training in trial.trainings
            },
            "logits": {
                (row.split.fold, row.split.test, row.logits) for row in session.query(PredictionRow)
            },
            "scores": {
                (row.metric, row.evidence, row.value, row.low, row.high)
                for row in session.query(ScoreRow).filter_by(system_id=entry.id)
            },
            "weights": sorted(row.sha256 for row in session.query(ArtifactRow)),
        }
    database.engine.dispose()
    return found


@dataclass
class Running:
    """``study run`` in a separate process, and its output so far."""

    process: subprocess.Popen[str]
    written: str = ""

    def wait_for(self, pattern: str) -> None:
        """Return as soon as a line matches."""
        for line in self.process.stderr:
            self.written += line
            if re.match(pattern, line):
                return
        pytest.fail(f"'{pattern}' was never written, but:\n{self.written}")

    def kill(self) -> int:
        """Kill it, and return its exit code."""
        self.process.kill()
        return self.process.wait()


@dataclass(frozen=True)
class Place:
    """A folder with a new database."""

    db: Path
    cache: Path
    processes: list[subprocess.Popen[str]]
    study = STUDY

    def recorded(self) -> dict[str, Any]:
        """The results of the study in the database."""
        return recorded(self.db)

    def run(self, *command: str) -> int:
        """Run the command line in this process, with invented latencies."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SERBENCH_CACHE", str(self.cache))
            patch.setattr("serbench.run.completion.measure_latency", pretended)
            with pytest.raises(SystemExit) as ended:
                main([*command, "--db", str(self.db)])
        return ended.value.code

    def start(
        self, command: Sequence[str] = STUDY, disabled: str = "timm", **options: Any
    ) -> Running:
        """Start a command in a separate process, with two worker processes.

        Args:
            command: by default the study.
            disabled: plugins that it does not import, for a faster start.
            options: options of ``subprocess.Popen``.
        """
        started = subprocess.Popen(
            [sys.executable, "-m", "serbench.cli.main", *command, "--db", str(self.db)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "SERBENCH_CACHE": str(self.cache),
                "SERBENCH_DISABLE_PLUGINS": disabled,
                "OMP_NUM_THREADS": "1",
                "SERBENCH_EXECUTOR": "processes",
                "SERBENCH_JOBS": "2",
            },
            **options,
        )
        self.processes.append(started)
        return Running(started)


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Limit PyTorch to one thread, as in the processes that are started."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(autouse=True)
def _interruptible() -> Iterator[None]:
    """Accept interrupts, which a process started in the background ignores."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory, make_corpus: Callable[..., Path]) -> Path:
    folder: Path = tmp_path_factory.mktemp("study")
    make_corpus(folder / "tiny")
    return folder


@pytest.fixture
def place_at(tmp_path: Path, tiny_folder: Path) -> Iterator[Callable[[str], Place]]:
    """``place_at("a.db")`` is a database that does not exist yet, beside a copy of the corpus."""
    places: list[Place] = []
    shutil.copytree(tiny_folder / "tiny", tmp_path / "tiny")

    def new(name: str) -> Place:
        places.append(Place(tmp_path / name, tiny_folder / "cache", []))
        return places[-1]

    yield new
    for process in [process for place in places for process in place.processes]:
        process.kill()
        process.wait()
        process.stderr.close()


@pytest.fixture
def place(tmp_path: Path, tiny_folder: Path) -> Iterator[Place]:
    """A database in which the tiny corpus is scanned; prepared clips are shared."""
    place = Place(tmp_path / "serbench.db", tiny_folder / "cache", [])
    assert place.run("corpus", "scan", str(tiny_folder / "tiny"), "--dataset", "tiny") == 0
    yield place
    for process in place.processes:
        process.kill()
        process.wait()
        process.stderr.close()


@pytest.fixture(scope="session")
def undisturbed(tiny_folder: Path) -> dict[str, Any]:
    """The results of the study without an interruption."""
    place = Place(tiny_folder / "serbench.db", tiny_folder / "cache", [])
    assert place.run("corpus", "scan", str(tiny_folder / "tiny"), "--dataset", "tiny") == 0
    assert place.run(*STUDY) == 0
    return place.recorded()
