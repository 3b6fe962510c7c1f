"""``serbench search``: one command from a folder to ranked entries."""

import re
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest

from serbench.cli import export
from serbench.cli.search_progress import LineListener
from serbench.deploy.model_file import open_model
from serbench.errors import MissingPackageError
from serbench.run.search import Placed, Race
from serbench.search import racing
from serbench.store.database import Database
from serbench.store.schema import CandidateRow, PredictionRow, StudyRow, SystemRow

OPTIONS = (
    *("--backbone", "homebrew", "--backbone", "test_efficientnet"),
    *("--weights", "test_efficientnet=none", "--protocol", "speaker-2", "--epochs", "1"),
)


@pytest.fixture(scope="module", autouse=True)
def _short(quick_module):
    """Only two rungs: one trial, then four."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(racing, "LAST_RUNG", 1)
        yield


@dataclass(frozen=True)
class Searched:
    """A finished search, with the file that it exported."""

    folder: Path
    out: str
    err: str
    written: export.Written

    @property
    def db(self):
        return self.folder / "serbench.db"

    @property
    def command(self):
        return ("search", self.folder / "tiny", *OPTIONS, "--db", self.db)


@pytest.fixture(scope="module")
def searched(call, tmp_path_factory, make_corpus):
    folder = tmp_path_factory.mktemp("searched")
    make_corpus(folder / "tiny")
    write_entry, written = export.write_entry, []
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("SERBENCH_CACHE", str(folder / "cache"))
        patch.setattr(
            export, "write_entry", lambda *given: written.append(write_entry(*given)) or written[0]
        )
        ran = call("search", folder / "tiny", *OPTIONS, "--db", folder / "serbench.db")
    assert ran.code == 0, ran.err
    return Searched(folder, ran.out, ran.err, written[0])


@pytest.fixture
def place(searched, monkeypatch, tmp_path):
    """The folder of the search; prepared clips and the exported file are shared."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(export, "write_entry", lambda *given: searched.written)
    monkeypatch.setenv("SERBENCH_CACHE", str(searched.folder / "cache"))
    monkeypatch.setenv("COLUMNS", "200")
    return searched


def recorded(db):
    """The results of all studies, without dates, durations and numbers of rows."""
    database = Database(f"sqlite:///{db}")
    with database.session() as session:
        found = {
            study.plan["backbone"]: [
                (trial.number, trial.state, trial.parameters, trial.mean_uar)
                for trial in study.trials
            ]
            for study in session.query(StudyRow)
        }
        logits = {row.logits for row in session.query(PredictionRow)}
        ranked = {row.name for row in session.query(SystemRow) if row.number is not None}
    database.engine.dispose()
    return found, logits, ranked


def test_the_folder_is_scanned_and_its_defects_are_listed(searched):
    assert re.search(r"^dataset tiny: 36 recordings, 6 speakers, ", searched.err, re.MULTILINE)
    assert "near-duplicate" in searched.err


def test_the_better_half_gets_more_trials(searched):
    trials, _, ranked = recorded(searched.db)
    first = {name: each[0][3] for name, each in trials.items()}
    best = max(first, key=first.get)
    assert {name: len(each) for name, each in trials.items()} == {
        name: 4 if name == best else 1 for name in ("homebrew", "test_efficientnet")
    }
    assert ranked == set(first)


def test_progress_names_what_is_tried_the_best_so_far_and_the_time_left(searched):
    assert re.search(r"^homebrew: trial 1, \d+ min left$", searched.err, re.MULTILINE)
    assert re.search(r"^best so far: \w+, UA \d+\.\d; \d+ min left$", searched.err, re.MULTILINE)


def test_candidates_leaderboard_and_recommendation_are_printed(searched):
    trials, _, _ = recorded(searched.db)
    rows = [line.split() for line in searched.out.splitlines()[1:3]]
    assert [(row[0], row[1], row[3]) for row in rows] == [
        (name, str(len(trials[name])), str(place))
        for place, name in enumerate([row[0] for row in rows], start=1)
    ]
    scores = [float(row[2]) for row in rows]
    assert scores == sorted(scores, reverse=True)
    assert "tiny [" in searched.out
    said = searched.out.splitlines()[-14:]
    assert any(re.search(r"entry [12]\b", line) for line in said)


def test_the_recommended_network_is_exported_at_the_end(searched):
    file = searched.folder / "tiny.onnx"
    assert open_model(file).facts == searched.written.made.facts
    assert f"entry {searched.written.made.facts.entry}" in searched.out
    assert (searched.folder / "bench.py").is_file()


def test_without_the_packages_for_it_nothing_is_exported(call, place, monkeypatch, untrained):
    def missing(*given):
        raise MissingPackageError("onnx is missing", package="onnx")

    monkeypatch.setattr(export, "write_entry", missing)
    assert call(*place.command).code == 0
    assert call(*place.command, "--out", "named.onnx").code == 1


def test_on_80_columns_no_line_is_longer(call, place, monkeypatch, untrained):
    import sys

    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    # A captured stream is no terminal for emit_text, so that only the tables are as wide as one.
    out = re.sub(r"\x1b\[[0-9;]*m", "", call(*place.command).out)
    assert max(len(line) for line in out.splitlines()[:3]) <= 80


def test_the_same_command_runs_nothing_once_the_search_is_finished(call, place, untrained):
    ran = call(*place.command)
    assert ran.code == 0, ran.err
    assert ran.out == place.out
    assert "is unchanged" in ran.err
    assert "near-duplicate" not in ran.err


def test_a_dataset_may_be_named_instead_of_its_folder(call, place, untrained):
    ran = call("search", "tiny", *OPTIONS, "--db", place.db)
    assert ran.out == place.out


def test_a_changed_folder_is_scanned_again(call, place, tmp_path, make_corpus, monkeypatch):
    corpus = make_corpus(tmp_path / "tiny")
    db = tmp_path / "serbench.db"
    stopped = []
    monkeypatch.setattr(Race, "run", lambda race: stopped.append(race) or pytest.skip.Exception)
    scans = []
    from serbench.cli import corpus as commands

    scan_into = commands.scan_into

    def counted(*arguments):
        scans.append(arguments)
        return scan_into(*arguments)

    monkeypatch.setattr(commands, "scan_into", counted)
    monkeypatch.setattr("serbench.cli.search._conclude", lambda *_: None)
    command = ("search", corpus, *OPTIONS, "--db", db)
    assert [call(*command).code for _ in range(2)] == [0, 0]
    assert len(scans) == 1
    assert call(*command, "--emotions", "anger,fear").code == 0
    (corpus / "Actor_01" / "03-01-05-01-01-01-01.wav").unlink()
    assert call(*command).code == 0
    assert len(scans) == 3


@pytest.fixture
def ctrl_c():
    """Ctrl-C raises KeyboardInterrupt, also where the tests run in the background of a shell."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
@pytest.mark.parametrize("after", [1, 4])
def test_interrupted_and_continued_it_has_the_same_results(
    call, place, tmp_path, monkeypatch, after
):
    shutil.copytree(place.folder / "tiny", tmp_path / "tiny")
    command = ("search", tmp_path / "tiny", *OPTIONS, "--db", tmp_path / "serbench.db")
    ended = []

    def pressed(self, event):
        ended.append(event)
        if len(ended) == after:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(LineListener, "trial_ended", pressed)
        assert call(*command).code == 130
    ran = call(*command)
    assert ran.code == 0, ran.err
    assert recorded(tmp_path / "serbench.db") == recorded(place.db)


def test_more_minutes_continue_a_search_whose_time_was_over(call, place, tmp_path, monkeypatch):
    shutil.copytree(place.folder / "tiny", tmp_path / "tiny")
    command = ("search", tmp_path / "tiny", *OPTIONS, "--db", tmp_path / "serbench.db")
    monkeypatch.setattr("serbench.run.racers.RANKING", 0.0)
    with monkeypatch.context() as patch:
        patch.setattr(Race, "left", property(time_for_one_trial))
        ran = call(*command, "--minutes", "1")
        assert ran.code == 0, ran.err
    assert len(recorded(tmp_path / "serbench.db")[0]) == 1
    assert call(*command).code == 0
    trials, _, ranked = recorded(place.db)
    now, _, ranked_now = recorded(tmp_path / "serbench.db")
    assert now == trials
    assert ranked <= ranked_now


def time_for_one_trial(race):
    """The seconds left: none as soon as a trial has ended."""
    return 0.5 if any(racer.results for racer in race._racers.values()) else 600.0


def test_a_candidate_that_is_too_slow_is_left_out(call, place, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "serbench.run.search.untrained_latency",
        lambda plan, *_: 9.0 if plan.backbone == "homebrew" else 1.0,
    )
    monkeypatch.setattr("serbench.cli.search._conclude", lambda *_: None)
    monkeypatch.setattr(Race, "_next", lambda race: None)
    names = []
    placed = [Placed("any", 0, None)]
    monkeypatch.setattr(Race, "_placed", lambda race: names.extend(race._racers) or placed)
    shutil.copy(place.db, tmp_path / "serbench.db")
    command = ("search", "tiny", *OPTIONS, "--db", tmp_path / "serbench.db", "--max-latency-ms")
    ran = call(*command, "5")
    assert ran.code == 0
    assert names == ["test_efficientnet"]
    assert re.search(r"^homebrew is left out: .*9\.0 ms", ran.err, re.MULTILINE)
    monkeypatch.setattr("serbench.run.search.untrained_latency", lambda *_: pytest.fail("again"))
    assert call(*command, "10").code == 0
    assert names[1:] == ["homebrew", "test_efficientnet"], "latencies are recorded"
    ran = call(*command, "0.5")
    assert ran.code == 2
    assert "--max-latency-ms 0.5" in ran.err.splitlines()[-1]


def test_minutes_that_are_too_few_are_refused_and_the_same_command_continues(
    call, place, tmp_path, make_corpus
):
    corpus = make_corpus(tmp_path / "short")
    command = ("search", corpus, *OPTIONS, "--db", tmp_path / "serbench.db")
    ran = call(*command, "--minutes", "0.01")
    assert ran.code == 1
    assert "--minutes" in ran.err.splitlines()[-1]


def test_deleting_an_entry_deletes_the_time_that_it_took(call, place, tmp_path):
    shutil.copy(place.db, tmp_path / "serbench.db")
    database = Database(f"sqlite:///{tmp_path / 'serbench.db'}")

    def times():
        with database.session() as session:
            return [row.seconds for row in session.query(CandidateRow)]

    assert len(times()) == 2
    assert all(seconds > 0 for seconds in times())
    ran = call("leaderboard", "delete", 2, "--yes", "--db", tmp_path / "serbench.db")
    assert ran.code == 0, ran.err
    assert len(times()) == 1
    database.engine.dispose()
