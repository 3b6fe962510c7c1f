"""What many tests need: a corpus small enough to make, and the command line in this process."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, settings
from making.records import artifacts, database, made

from serbench.builtin.ravdess import RAVDESS
from serbench.cli.main import main
from serbench.data.emotions import SHARED_EMOTIONS
from serbench.data.manifest import Manifest
from serbench.data.scan import scan
from serbench.plugins import DISABLE_VARIABLE, installed_plugins
from serbench.workspace import CACHE_VARIABLE

# These tests are about serbench's own plugins; packages under plugins/ are tested on their own.
STRANGERS = [source.name for source in installed_plugins() if source.package != "serbench"]
os.environ.setdefault(DISABLE_VARIABLE, ",".join(STRANGERS))

# Networks this small are trained sooner than a worker process starts, and always alike; what
# measuring and worker processes do is tested where it belongs.
os.environ.setdefault("SERBENCH_EXECUTOR", "here")
os.environ.setdefault("SERBENCH_THREADS", "1")
os.environ.setdefault("SERBENCH_PRECISION", "fp32")

# A busy machine is no finding about the code.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

__all__ = ["artifacts", "database", "made"]


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test writes into the user's cache folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, str(tmp_path_factory.mktemp("cache")))
        yield


SHARED = Path(__file__).parents[2] / "shared"
SHARED_CORPORA = SHARED / "corpora"

RAVDESS_LABELS = {
    "neutral": "01",
    "happiness": "03",
    "sadness": "04",
    "anger": "05",
    "fear": "06",
    "disgust": "07",
}
RATE = 16000


def tone(emotion: str, speaker: int, take: int, seconds: float = 0.5) -> np.ndarray:
    """A harmonic sound ``[samples]`` whose pitch tells the emotion, however the speaker's differs.

    Speaker and take decide a little of the pitch and all of the noise: no two are the same.
    """
    noise = np.random.default_rng([speaker, take, SHARED_EMOTIONS.index(emotion)])
    pitch = 120 * 1.45 ** SHARED_EMOTIONS.index(emotion) * (1 + 0.02 * (speaker % 5) + 0.005 * take)
    phase = 2 * np.pi * pitch * np.arange(int(RATE * seconds)) / RATE
    voice = sum(np.sin(harmonic * phase) / harmonic for harmonic in range(1, 5))
    return 0.3 * voice + 0.01 * noise.standard_normal(len(phase))


def write_tiny_corpus(folder: Path, speakers: int = 6, takes: int = 1) -> Path:
    """Write ``speakers`` × 6 emotions × ``takes`` clips under RAVDESS's names; give the folder."""
    for speaker in range(1, speakers + 1):
        actor = folder / f"Actor_{speaker:02}"
        actor.mkdir(parents=True)
        for emotion, label in RAVDESS_LABELS.items():
            for take in range(takes):
                name = f"03-01-{label}-01-01-{take + 1:02}-{speaker:02}.wav"
                sound = tone(emotion, speaker, take)
                soundfile.write(actor / name, sound, RATE, subtype="PCM_16")
    return folder


@pytest.fixture(scope="session")
def make_corpus() -> Callable[..., Path]:
    """``make_corpus(folder, speakers=6, takes=1)`` writes a corpus with RAVDESS's names."""
    return write_tiny_corpus


@pytest.fixture
def tiny_corpus(tmp_path: Path) -> Path:
    """A folder of 6 speakers × 6 emotions, half a second each, in RAVDESS's names."""
    return write_tiny_corpus(tmp_path / "tiny")


@pytest.fixture
def tiny_manifest(tiny_corpus: Path) -> Manifest:
    """The manifest of ``tiny_corpus``."""
    return scan([tiny_corpus], "tiny", [RAVDESS]).manifest


@dataclass(frozen=True)
class Ran:
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Ran]:
    """``run("corpus", "list")`` runs serbench in this process; all it keeps is in ``tmp_path``.

    What the command line does not turn into an exit code is raised.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SERBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("SERBENCH_DB", str(tmp_path / "serbench.db"))
    monkeypatch.setenv("COLUMNS", "200")

    def run_serbench(*arguments: object) -> Ran:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return Ran(ended.value.code, said.out, said.err)

    return run_serbench


@pytest.fixture(scope="session")
def shared_corpora() -> Path:
    """The development corpora: part of RAVDESS and CREMA-D, and TESS."""
    if not SHARED_CORPORA.is_dir():
        pytest.skip("the development corpora are not here")
    return SHARED_CORPORA


@pytest.fixture(scope="session")
def whisper_weights() -> Path:
    """The published encoder of Whisper tiny.en, in float16."""
    path = SHARED / "weights" / "whisper-tiny.en-encoder.safetensors"
    if not path.is_file():
        pytest.skip("the published weights are not here")
    return path
