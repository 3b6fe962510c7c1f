"""One finished study for all tests of the command line, and a narrow terminal."""

import contextlib
import io
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from making.records import PARTS

from serbench.cli.main import main
from serbench.deploy.latency import LatencyJob, kind_of
from serbench.execute.executor import InThisProcess
from serbench.plugins import Plugins
from serbench.search.events import Event, WinnerTested
from serbench.search.plan import StudyPlan
from serbench.store.database import Database
from serbench.store.ledger import Ledger
from serbench.store.machines import LatencyFacts

pytest.register_assert_rewrite("refusals")


def pretended(job: LatencyJob) -> LatencyFacts:
    """A measurement that takes no time."""
    kind = kind_of(Plugins().runtimes.get(job.runtime), job.threads, job.recipe.clip_format)
    return LatencyFacts(kind, 100, 3.0, 4.0 / job.threads, 5.0, **PARTS)


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


def call(*command: object) -> Ended:
    """Run serbench in this process, outside of any test."""
    out, err = io.StringIO(), io.StringIO()
    with (
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        pytest.raises(SystemExit) as ended,
    ):
        main([str(each) for each in command])
    return Ended(ended.value.code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="session", name="call")
def _call() -> Callable[..., Ended]:
    """``call("corpus", "list")`` runs serbench in this process, in any scope of fixtures."""
    return call


@pytest.fixture(scope="module")
def quick_module() -> Iterator[None]:
    """Latencies are pretended in all tests of a file."""
    with pytest.MonkeyPatch.context() as patch:
        for module in ("completion", "screening"):
            patch.setattr(f"serbench.run.{module}.measure_latency", pretended)
        yield


@dataclass(frozen=True)
class Finished:
    """A database with one finished study: homebrew, two trials of two folds, two epochs."""

    db: Path
    cache: Path
    corpus: Path
    out: str
    err: str
    arguments: tuple[str, ...]


def finished_study(folder: Path, corpus: Path, protocol: str) -> Finished:
    """Run the study by the command line in this process."""
    arguments = (
        *("study", "run", "--backbone", "homebrew", "--dataset", "tiny"),
        *("--protocol", protocol, "--trials", "2", "--epochs", "2"),
    )
    db, cache = folder / "serbench.db", folder / "cache"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SERBENCH_CACHE", str(cache))
        patch.setattr("serbench.run.completion.measure_latency", pretended)
        scan = call("corpus", "scan", corpus, "--dataset", "tiny", "--db", db)
        assert scan.code == 0, scan.err
        study = call(*arguments, "--db", db)
        assert study.code == 0, study.err
    return Finished(db, cache, corpus, study.out, study.err, arguments)


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Keep PyTorch to one thread: so small a training is fastest that way."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Latencies are pretended."""
    monkeypatch.setattr("serbench.run.completion.measure_latency", pretended)
    monkeypatch.setattr("serbench.run.screening.measure_latency", pretended)


@pytest.fixture(scope="session")
def finished(
    tmp_path_factory: pytest.TempPathFactory, make_corpus: Callable[..., Path]
) -> Finished:
    """The study with a holdout; tests only read it."""
    folder = tmp_path_factory.mktemp("finished")
    return finished_study(folder, make_corpus(folder / "tiny"), "speaker-2:holdout")


@pytest.fixture(scope="session")
def all_tested(
    tmp_path_factory: pytest.TempPathFactory, make_corpus: Callable[..., Path]
) -> Finished:
    """The study in which every speaker is tested; tests only read it."""
    folder = tmp_path_factory.mktemp("all-tested")
    return finished_study(folder, make_corpus(folder / "tiny"), "speaker-2")


class Stop(BaseException):
    """The end of a process."""


@dataclass(frozen=True)
class Nested:
    """A database with one finished nested study, stopped once, right after its first outer fold."""

    db: Path
    cache: Path
    corpus: Path
    trainings: tuple[int, int]  # before and after the stop
    out: str
    err: str  # of the second run

    arguments = (
        *("study", "run", "--backbone", "homebrew", "--dataset", "tiny", "--nested", "2"),
        *("--protocol", "speaker-2", "--trials", "1", "--epochs", "1"),
    )


@pytest.fixture(scope="session")
def nested(tmp_path_factory: pytest.TempPathFactory, make_corpus: Callable[..., Path]) -> Nested:
    """The study, run by the command line in this process; tests only read it."""
    folder = tmp_path_factory.mktemp("nested")
    db, cache, corpus = folder / "serbench.db", folder / "cache", make_corpus(folder / "tiny")
    trainings = []
    submit, record = InThisProcess.submit, Ledger.record

    def counted(self: InThisProcess, function: Callable[..., Any], *arguments: Any) -> Any:
        trainings.append(function.__name__)
        return submit(self, function, *arguments)

    def stopping(self: Ledger, plan: StudyPlan, event: Event) -> None:
        record(self, plan, event)
        if isinstance(event, WinnerTested):
            raise Stop

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SERBENCH_CACHE", str(cache))
        patch.setattr("serbench.run.completion.measure_latency", pretended)
        patch.setattr(InThisProcess, "submit", counted)
        call("corpus", "scan", corpus, "--dataset", "tiny", "--db", db)
        with patch.context() as stopped:
            stopped.setattr(Ledger, "record", stopping)
            with pytest.raises(Stop), contextlib.redirect_stderr(io.StringIO()):
                main([*Nested.arguments, "--db", str(db)])
        before = trainings.count("run_fold")
        study = call(*Nested.arguments, "--db", db)
        assert study.code == 0, study.err
    after = trainings.count("run_fold") - before
    return Nested(db, cache, corpus, (before, after), study.out, study.err)


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every training fails."""
    monkeypatch.setattr(InThisProcess, "submit", lambda *_: pytest.fail("trained again"))


@pytest.fixture
def copied(tmp_path: Path) -> Iterator[Callable[[Finished | Nested], Database]]:
    """``copied(study)`` copies a study's database, with its networks, to where ``run`` looks."""
    opened = []

    def copy(study: Finished | Nested) -> Database:
        shutil.copy(study.db, tmp_path / "serbench.db")
        folder = "serbench-artifacts"
        shutil.copytree(study.db.parent / folder, tmp_path / folder, dirs_exist_ok=True)
        opened.append(Database(f"sqlite:///{tmp_path / 'serbench.db'}"))
        return opened[-1]

    yield copy
    for database in opened:
        database.engine.dispose()


@pytest.fixture
def scanned(run: Callable[..., object], tiny_corpus: Path) -> None:
    """A database that holds dataset ``tiny``."""
    assert run("corpus", "scan", tiny_corpus, "--dataset", "tiny").code == 0


@pytest.fixture(scope="module")
def without_timm() -> Iterator[None]:
    """For files of tests that do not need two thousand backbones."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("SERBENCH_DISABLE_PLUGINS", "timm")
        yield


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, run: Callable[..., object]) -> Callable[..., str]:
    """``terminal(80, "corpus", "list")`` gives what a terminal of 80 columns shows."""

    def run_on_terminal(columns: int, *arguments: object) -> str:
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
        return re.sub(r"\x1b\[[0-9;]*m", "", run(*arguments).out)

    return run_on_terminal
