"""The commands that the documentation shows are run in a prepared folder.

Placeholders such as FOLDER have values of the test. Trainings are replaced by their forecast
(`--dry-run`), questions are answered by `--yes`, and `predict` keeps silence, since the recordings
are tones; charts are of the dataset of the test. Commands that need a network, another
machine, a microphone or minutes are left out by name; `tests/test_docs.py` checks their options.
"""

import re
import shlex
import shutil
from pathlib import Path

import pytest
from making.networks import Planted, add_network_entry

from serbench.builtin.ravdess import RAVDESS
from serbench.data.manifest import make_manifest
from serbench.data.scan import scan
from serbench.store.database import Database
from serbench.store.datasets import Datasets
from serbench.store.systems import Systems
from serbench.workspace import Workspace

pytestmark = pytest.mark.services

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "leaderboard/README.md", *(ROOT / "docs").rglob("*.md")])
FENCE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)

ENTRIES = 12

LEFT_OUT = {
    r"whisper|egemaps|yamnet|efficientnet_lite0|mobilenet|test_efficientnet": "published weights",
    r"^study run( --dataset mine)?( --dry-run)?$": "candidates with published weights",
    r"^search |^study run .*--study|^study reproduce": "a search or a training",
    r"^latency (?!import)": "a measurement of minutes",
    r"^listen |^dashboard|^serve": "it runs until it is stopped",
    r"ray$|--address|--max-latency-ms 20$": "a cluster, or latencies of this machine",
    r"^plugins (?!list)|anecdotes|my-net|tiny-net": "a package that is installed",
    r"^publish .*--try|--page page.html": "packages of npm",
    r"--precision best": "a measurement of minutes",
    r"^corpus scan \.\./shared": "the development corpora",
    r"^leaderboard import|^latency import": "a file of another machine",
    r"^corpus scan recordings.csv": "tables with other columns, which tests/cli has",
    r"--pattern|weights entry:3": "folders with other names, or a warm start of the same speakers",
    r"corpus delete old|corpus rename|^study delete|^leaderboard delete": "tests/cli has them",
    r"^report cross": "minutes; tests/cli has it",
    r"db merge colleague.db": "the database of a colleague",
    r"--hop 0.5": "the windows of the test's entries are shorter",
}
"""What a command contains → why it is not run here."""

PLACES = {"FOLDER": "recordings", "OTHER": "others", "ENTRY": "1", "FILE.wav": "a.wav"}


def shown():
    found = {}
    for page in PAGES:
        for block in FENCE.findall(page.read_text("utf-8")):
            for line in re.sub(r"\\\n\s*", "", block).splitlines():
                line = re.sub(r"\s+#.*", "", line).strip()
                if line.startswith("$ serbench "):
                    found.setdefault(line.removeprefix("$ serbench "), page.name)
    return found


def is_left_out(command):
    return any(re.search(pattern, command) for pattern in LEFT_OUT)


RUN = [command for command in shown() if not is_left_out(command)]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, made, make_corpus):
    """A folder with recordings, datasets of the names that pages use, and twelve entries."""
    folder = tmp_path_factory.mktemp("shown")
    recordings = make_corpus(folder / "recordings", speakers=10)
    make_corpus(folder / "others", speakers=14)
    for number in range(1, 11):
        shutil.rmtree(folder / "others" / f"Actor_{number:02}")
    database = Database(f"sqlite:///{folder / 'serbench.db'}")
    workspace = Workspace(database.url, folder / "cache", folder / "serbench-artifacts")
    manifest = scan([recordings], "mine", [RAVDESS]).manifest
    planted = Planted(database, workspace, manifest, recordings)
    for seed in range(ENTRIES):
        entry = add_network_entry(planted, made, seed=seed, protocol="speaker-5", order=range(5))
        for changes in ({}, {"runtime": "onnx", "p50": 0.5, "p90": 0.6}):
            Systems(database).save_latency(entry, made.machine, made.latency(**changes))
    others = scan([folder / "others"], "other", [RAVDESS]).manifest
    for name in ("ravdess", "tess", "crema-d", "other"):
        utterances = manifest.utterances if name == "ravdess" else others.utterances
        Datasets(database).save_scan(made.scanned(make_manifest(name, list(utterances))))
    first = manifest.utterances[0].path
    for name in ("a.wav", "b.wav", "call.wav", "new_recording.wav"):
        shutil.copy(first, folder / name)
    database.close()
    return folder


@pytest.mark.parametrize("command", RUN)
def test_a_shown_command_ends_without_an_error(command, prepared, tmp_path, run, monkeypatch):
    folder = tmp_path / "here"
    shutil.copytree(prepared, folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("SERBENCH_DB", str(folder / "serbench.db"))
    monkeypatch.setenv("SERBENCH_CACHE", str(folder / "cache"))
    words = [PLACES.get(each, each) for each in shlex.split(command)]
    words = [re.sub(r"^/(backups|data)/", f"{folder}/", each) for each in words]
    words = [{"ravdess": "mine"}.get(each, each) if words[0] == "plot" else each for each in words]
    words += further(words)
    before_it(words, folder, run)
    ran = run(*words)
    assert ran.code == 0, ran.err


def further(words):
    """Options without which a command would train, ask, or find no speech in the test's tones."""
    if words[:2] == ["study", "run"]:
        return ["--dry-run", *([] if "--dataset" in words else ["--dataset", "mine"])]
    if words[:2] == ["cache", "clear"]:
        return ["--yes"]
    return ["--keep-silence"] if words[0] == "predict" else []


def before_it(words, folder, run):
    """What another command of the same page makes."""
    if words[:2] in (["db", "restore"], ["db", "merge"]):
        assert run("db", "backup", folder / "monday.tar").code == 0
    if words[:2] == ["predict", "model.onnx"]:
        assert run("export", 1, "--out", "model.onnx").code == 0
    for place in (folder / "emotions.db", folder / "recordings"):
        if str(place) in words and not place.exists():
            shutil.copy(folder / "serbench.db", place)


def test_few_commands_are_left_out():
    assert len(RUN) >= 80
    unused = [each for each in LEFT_OUT if not any(re.search(each, found) for found in shown())]
    assert unused == []
