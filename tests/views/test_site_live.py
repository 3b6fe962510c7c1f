"""The live site: requests over loopback, and changes of the database behind it."""

import base64
import http.client
import json
import threading
import zlib

import pytest
from making.sites import fill

from serbench.errors import UsageError
from serbench.store.systems import Systems
from serbench.views.site.live import HEADERS, live_site, server_of


@pytest.fixture(scope="module")
def database(tmp_path_factory, made):
    return fill(tmp_path_factory.mktemp("live"), made)


@pytest.fixture(scope="module")
def server(database, made, tmp_path_factory):
    site = live_site(database, made.metrics, tmp_path_factory.mktemp("artifacts"))
    with server_of(site, "127.0.0.1", 0) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def ask(server):
    """``ask(path)``: status, headers and content of an answer."""

    def asked(path, method="GET", **headers):
        connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=60)
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, answer.headers, content.decode()

    return asked


def test_pages_and_their_files_are_served_with_a_policy(ask):
    status, headers, page = ask("/")
    assert (status, headers.get_content_type()) == (200, "text/html")
    assert {name: headers[name] for name in HEADERS} == HEADERS
    assert "assets/live.js" in page
    assert ask("/index.html")[2] == page
    assert ask("/assets/live.js")[1].get_content_type() == "text/javascript"
    status, headers, content = ask("/entries/1.html", method="HEAD")
    assert (status, content) == (200, "")
    assert int(headers["Content-Length"]) > 1000


def test_charts_of_a_page_are_served(ask):
    packed = ask("/index.html")[2].partition('id="charts">')[2].partition("<")[0]
    for each in json.loads(zlib.decompress(base64.b64decode(packed))):
        assert ask(f"/assets/charts/{each['chart']}.js")[0] == 200


def test_unknown_paths_other_hosts_and_writing_are_refused(ask):
    assert ask("/nothing.html")[0] == 404
    assert ask("/../serbench.db")[0] == 404
    assert ask("/%2e%2e/serbench.db")[0] == 404
    assert ask("/", Host="results.example")[0] == 421
    assert ask("/", Host="localhost:1")[0] == 200
    assert ask("/", method="POST")[0] == 501


def test_the_studies_are_shown(ask):
    status, _, page = ask("/studies.html")
    assert status == 200
    assert page.count('<a href="entries/') >= 3


def test_the_site_follows_the_database(ask, database, made):
    version, page = ask("/version")[2], ask("/index.html")[2]
    assert ask("/version")[2] == version
    Systems(database).save_latency(3, made.machine, made.latency(p50=0.5, p90=0.75))
    assert ask("/version")[2] != version
    assert ask("/index.html")[2] != page


def test_a_port_that_is_taken_is_refused(server):
    with pytest.raises(UsageError) as raised:
        server_of(None, "127.0.0.1", server.server_port)
    assert raised.value.facts == {"host": "127.0.0.1", "port": server.server_port}
