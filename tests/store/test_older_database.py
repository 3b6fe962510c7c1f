"""A database of the first schema, with an entry: opened, left out, brought in by rescoring."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import alembic.command
import numpy as np
import pytest
import sqlalchemy
from alembic.config import Config
from entry_making import said
from sklearn.metrics import balanced_accuracy_score

import serbench.store
from serbench.data.protocols import parse_protocol, protocol_id, split_dataset
from serbench.errors import UsageError
from serbench.store.database import Database
from serbench.store.entries import Entries
from serbench.views.comparison import compare_entries
from serbench.views.entry import show_entry
from serbench.views.leaderboard import read_rankings, unscored_entries
from serbench.views.study import list_studies

MIGRATIONS = Path(serbench.store.__file__).parent / "migrations"

PLAN = {"backbone": "homebrew", "trials": 1}


def migrate(url, move, revision):
    engine = sqlalchemy.create_engine(url)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        move(config, revision)
    engine.dispose()


def insert(connection, table, **values):
    marks = ", ".join("?" * len(values))
    columns = ", ".join(values)
    made = connection.execute(
        f"INSERT INTO {table} ({columns}) VALUES ({marks})", list(values.values())
    )
    return made.lastrowid


@pytest.fixture(scope="module")
def manifest(made):
    """Four speakers × six emotions × two takes."""
    return made.manifest(takes=2)


@pytest.fixture(scope="module")
def logits(manifest):
    """Name of each fold → the rows it tests, and what was said about them."""
    [part] = split_dataset(manifest, parse_protocol("speaker-2")).outer_folds
    tested = {"0": part.folds[0].test, "1": part.folds[1].test, "holdout": part.holdout.test}
    return {
        name: (rows, said(manifest, rows, 1.0, [number]))
        for number, (name, rows) in enumerate(tested.items())
    }


@pytest.fixture
def older(tmp_path, manifest, made, logits):
    """The URL of a database as serbench wrote it before entries had protocol identifiers."""
    file = tmp_path / "older.db"
    migrate(f"sqlite:///{file}", alembic.command.upgrade, "0001")
    then = "2025-01-01 00:00:00.000000"
    with closing(sqlite3.connect(file)) as connection:
        account = json.dumps(made.scanned(manifest).summary())
        dataset = insert(
            connection,
            "dataset",
            name="small",
            hash=manifest.hash,
            synthetic=0,
            account=account,
            scanned=then,
        )
        for row, utterance in enumerate(manifest.utterances):
            values = {name: getattr(utterance, name) for name in utterance.__slots__}
            insert(connection, "utterance", dataset_id=dataset, row=row, **values)
        study = insert(
            connection,
            "study",
            key="0123456789abcdef",
            dataset_id=dataset,
            backbone="homebrew",
            front_end="mel",
            schedule="half-cycle",
            protocol="speaker-2",
            plan=json.dumps(PLAN),
            machine="{}",
            versions="{}",
            started=then,
        )
        trial = insert(
            connection, "trial", study_id=study, number=0, parameters="{}", state="complete"
        )
        for name, (rows, each) in logits.items():
            fold = insert(
                connection,
                "fold",
                trial_id=trial,
                name=name,
                uar=0,
                accuracy=0,
                macro_f1=0,
                epochs=1,
                best_epoch=1,
                seconds=1,
                seed=1,
                weights="none",
            )
            insert(
                connection,
                "prediction",
                fold_id=fold,
                rows=rows.astype("<i8").tobytes(),
                logits=each.tobytes(),
            )
        entry = insert(
            connection,
            "entry",
            study_id=study,
            fold_id=fold,
            trial=0,
            uar=0,
            accuracy=0,
            macro_f1=0,
            cv_uar_mean=0,
            cv_uar_sd=0,
            params=1,
            macs=1,
            weights="none",
            artifact="a",
            artifact_sha256="0",
            created=then,
        )
        machine = insert(connection, "machine", fingerprint="f", cpu="Old", cores=1, system="Linux")
        times = dict.fromkeys(("p50", "p90", "p99", "front_end_p50", "front_end_p90"), 1.0)
        insert(
            connection,
            "latency",
            entry_id=entry,
            machine_id=machine,
            runtime="eager",
            threads=1,
            runs=1,
            network_p50=1.0,
            network_p90=1.0,
            versions="{}",
            **{"measured": then, **times},
        )
        connection.commit()
    return f"sqlite:///{file}"


@pytest.fixture
def opened(older):
    """That database, opened and so migrated."""
    database = Database(older)
    yield database
    database.engine.dispose()


def test_an_entry_of_before_is_kept_but_not_ranked(opened):
    assert read_rankings(opened) == []
    assert unscored_entries(opened) == [1]
    [study] = list_studies(opened)
    assert (study["entry"], study["outer_fold"], study["backbone"]) == (1, 0, "homebrew")


def test_what_takes_its_scores_says_how_to_get_them(opened):
    advice = "entry 1 was scored by an older serbench: run `serbench leaderboard rescore`"
    with pytest.raises(UsageError, match=advice):
        show_entry(opened, 1)
    with pytest.raises(UsageError, match=advice):
        compare_entries(opened, 1, 1)


def test_rescoring_brings_it_in_with_what_its_logits_say(opened, manifest, logits):
    changed = Entries(opened).rescore(1)
    assert {"uar", "tally", "protocol_id", "cv_uar_mean"} <= set(changed)
    assert unscored_entries(opened) == []
    [ranking] = read_rankings(opened)
    [row] = ranking.rows
    uars = {
        name: balanced_accuracy_score(manifest.targets[rows], each.argmax(axis=1))
        for name, (rows, each) in logits.items()
    }
    assert row.uar == pytest.approx(uars["holdout"])
    assert row.cv_uar_mean == pytest.approx(np.mean([uars["0"], uars["1"]]))
    assert row.protocol_id == protocol_id(manifest, parse_protocol("speaker-2"))
    assert (row.latency_ms_p90, row.machine) == (1.0, "Old, 1 core, Linux")
    assert Entries(opened).rescore(1) == []
    assert show_entry(opened, 1)["uar"] == row.uar


def test_a_rescored_database_may_go_back_to_the_first_schema(older, opened):
    Entries(opened).rescore(1)
    opened.engine.dispose()
    migrate(older, alembic.command.downgrade, "0001")
    with closing(sqlite3.connect(older.removeprefix("sqlite:///"))) as connection:
        query = "SELECT fold.name FROM entry JOIN fold ON fold.id = entry.fold_id"
        assert connection.execute(query).fetchall() == [("holdout",)]
        columns = [column[1] for column in connection.execute("PRAGMA table_info(entry)")]
    assert not {"tally", "protocol_id", "intervals", "ece"} & set(columns)
