"""What views of many entries ask of the database: little, however much is in it."""

import re

import pytest
from making.entries import add_entry
from sqlalchemy import event

from serbench.store.systems import Systems
from serbench.views.ranking import rankings
from serbench.views.study import study_views

LARGE = {
    *("plan", "parameters", "versions", "trial", "training", "split", "prediction"),
    *("logits", "utterance", "artifact"),
}
"""Tables and columns whose size does not go by the number of entries."""


@pytest.fixture
def asked(database):
    """``asked(function)`` calls it with the database and gives the statements it sends."""
    statements = []

    def listen(_connection, _cursor, statement, *_):
        statements.append(statement)

    event.listen(database.engine, "before_cursor_execute", listen)

    def ask(function):
        statements.clear()
        function(database)
        return [statement for statement in statements if statement.startswith("SELECT")]

    return ask


@pytest.fixture
def add(database, made):
    """``add(seed)`` adds an entry that was measured."""

    def add_measured(seed):
        entry = add_entry(database, made, made.manifest(), seed=seed, protocol="speaker-2:holdout")
        Systems(database).save_latency(entry, made.machine, made.latency())

    return add_measured


def words(statements):
    return set(re.findall(r"\w+", " ".join(statements)))


def test_a_ranking_reads_no_whole_plan_no_trial_and_no_logits(add, asked):
    add(0)
    statements = asked(rankings)
    assert words(statements) & LARGE <= {"plan"}
    assert not re.search(r"(?<!\()\bstudy\.plan", " ".join(statements))  # parts of it only


def test_a_ranking_reads_each_table_once_and_conditions_of_latencies_apart(add, asked):
    add(0)
    statements = asked(rankings)
    tables = [re.search(r"FROM (\w+)", statement)[1] for statement in statements]
    assert sorted(tables) == ["latency", "latency", "look", "protocol", "score", "system", "tally"]
    assert sum(words([each]) >= {"latency", "kind"} for each in statements) == 1


@pytest.mark.parametrize("function", [rankings, study_views])
def test_as_much_is_asked_of_many_entries_as_of_one(add, asked, function):
    add(0)
    of_one = asked(function)
    add(1)
    add(2)
    assert asked(function) == of_one


def test_a_list_of_studies_reads_no_training(add, asked):
    add(0)
    assert words(asked(study_views)) & {"training", "prediction", "parameters", "split"} == set()
