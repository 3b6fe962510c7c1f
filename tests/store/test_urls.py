"""What of a database URL is shown."""

import pytest

from serbench.errors import StorageError
from serbench.store.database import Database
from serbench.store.urls import shown_url, sqlite_file, without_secrets

SECRET = "geheim"


@pytest.mark.parametrize("option", ["password", "sslpassword", "PASSWORD", "passwd", "auth_token"])
@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://localhost/serbench?{}=geheim",
        "postgresql+psycopg://me:geheim@localhost/serbench?sslmode=require&{}=geheim",
        "postgresql+psycopg:///serbench?{}=geheim&{}=geheim&host=here",
        "postgresql://localhost:port/serbench?{}=geheim&sslmode=require",
        "no database://me:gehe@geheim@localhost?{}=geheim",
    ],
)
def test_no_secret_is_shown(url, option):
    shown = shown_url(url.replace("{}", option))
    assert SECRET not in shown
    assert "***" in shown
    assert ("sslmode" in url) == ("sslmode" in shown)


def test_no_secret_of_a_server_that_cannot_be_reached_is_shown():
    url = "postgresql+psycopg://127.0.0.1:1/serbench?password=geheim&sslpassword=geheim"
    with pytest.raises(StorageError) as raised:
        Database(url).engine  # noqa: B018
    assert SECRET not in f"{raised.value} {raised.value.facts}"


def test_secrets_are_taken_out_of_a_drivers_words():
    url = "postgresql+psycopg://me:one@localhost/serbench?sslpassword=two&application_name=three"
    assert without_secrets("one two three", url) == "*** *** three"


@pytest.mark.parametrize(
    ("url", "file"),
    [
        ("sqlite:////here/my.db", "/here/my.db"),
        ("sqlite:////here/my.db?timeout=3", "/here/my.db"),
        ("sqlite+pysqlite:///my.db", "my.db"),
        ("sqlite:///file:/here/my.db?mode=ro&uri=true", "/here/my.db"),
        ("sqlite://", None),
        ("sqlite:///:memory:", None),
        ("postgresql://localhost/serbench", None),
        ("no url", None),
    ],
)
def test_the_file_of_a_database(url, file):
    assert sqlite_file(url) == (None if file is None else type(sqlite_file(url))(file))
