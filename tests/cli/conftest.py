"""One finished study for all tests of the command line, and a narrow terminal."""

import contextlib
import io
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch

from serbench.cli.main import main
from serbench.deploy.latency import LatencyJob
from serbench.execute.executor import Line
from serbench.execute.fold import Bench, FoldOutcome, Trained, run_fold
from serbench.search.plan import StudyPlan
from serbench.store.latency import LatencyFacts
from serbench.store.studies import Studies

pytest.register_assert_rewrite("refusals")


def pretended(job: LatencyJob) -> LatencyFacts:
    """A measurement that nobody waited for."""
    return LatencyFacts("eager", job.threads, 100, 3.0, 4.0 / job.threads, 5.0, 1.0, 1.5, 2.0, 2.5)


@dataclass(frozen=True)
class Finished:
    """A database with one finished study: homebrew, two trials of two folds, two epochs."""

    db: Path
    cache: Path
    corpus: Path
    out: str
    err: str

    arguments = (
        *("study", "run", "--backbone", "homebrew", "--dataset", "tiny"),
        *("--protocol", "speaker-2", "--trials", "2", "--epochs", "2"),
    )


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
    monkeypatch.setattr("serbench.run.study.measure_latency", pretended)
    monkeypatch.setattr("serbench.run.screening.measure_latency", pretended)


@pytest.fixture(scope="session")
def finished(
    tmp_path_factory: pytest.TempPathFactory, make_corpus: Callable[..., Path]
) -> Finished:
    """The study, run by the command line in this process; tests only read it."""
    folder = tmp_path_factory.mktemp("finished")
    db, cache, corpus = folder / "serbench.db", folder / "cache", make_corpus(folder / "tiny")
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SERBENCH_CACHE", str(cache))
        patch.setattr("serbench.run.study.measure_latency", pretended)
        for command in (["corpus", "scan", str(corpus), "--dataset", "tiny"], Finished.arguments):
            with (
                contextlib.redirect_stdout(out),
                contextlib.redirect_stderr(err),
                pytest.raises(SystemExit) as ended,
            ):
                main([*command, "--db", str(db)])
            assert ended.value.code == 0, err.getvalue()
    return Finished(db, cache, corpus, out.getvalue(), err.getvalue())


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

    def counted(bench: Bench, *arguments: Any, line: Line) -> Trained:
        trainings.append(bench.plan.outer_fold)
        return run_fold(bench, *arguments, line=line)

    def stopping(studies: Studies, plan: StudyPlan, holdout: FoldOutcome) -> None:
        finish(studies, plan, holdout)
        raise Stop

    def call(*command: object) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        with (
            contextlib.redirect_stdout(out),
            contextlib.redirect_stderr(err),
            pytest.raises(SystemExit) as ended,
        ):
            main([*map(str, command), "--db", str(db)])
        return ended.value.code, out.getvalue(), err.getvalue()

    finish = Studies.finish_study
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SERBENCH_CACHE", str(cache))
        patch.setattr("serbench.run.study.measure_latency", pretended)
        patch.setattr("serbench.execute.fold.run_fold", counted)
        call("corpus", "scan", corpus, "--dataset", "tiny")
        with patch.context() as stopped:
            stopped.setattr(Studies, "finish_study", stopping)
            with pytest.raises(Stop):
                call(*Nested.arguments)
        before = len(trainings)
        code, out, err = call(*Nested.arguments)
        assert code == 0, err
    after = len(trainings) - before
    return Nested(db, cache, corpus, (before, after), out, err)


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
    """``terminal(80, "corpus", "list")`` shows what a terminal of 80 columns shows."""

    def run_on_terminal(columns: int, *arguments: object) -> str:
        monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
        return re.sub(r"\x1b\[[0-9;]*m", "", run(*arguments).out)

    return run_on_terminal
