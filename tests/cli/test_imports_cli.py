"""``serbench leaderboard import`` and ``export-predictions``, and what an import cannot do."""

import json

import pytest
from refusals import error_of

pytestmark = pytest.mark.usefixtures("without_timm")

TO = ("--name", "guest", "--dataset", "tiny", "--protocol", "speaker-2:holdout")


@pytest.fixture
def exported(run, finished, copied, tmp_path):
    """The predictions of entry 1 in a file; and a copy of its database that ``run`` uses."""
    copied(finished)
    ran = run("leaderboard", "export-predictions", 1, "--out", "predicted.csv")
    assert (ran.code, ran.out) == (0, "predicted.csv\n")
    return tmp_path / "predicted.csv"


def rows(run, *options):
    return json.loads(run("leaderboard", "--format", "json", *options).out)


def test_there_and_back_again_the_scores_are_the_same(run, exported):
    assert run("leaderboard", "export-predictions", 1).out == exported.read_text()
    ran = run("leaderboard", "import", exported, *TO)
    assert ran.code == 0, ran.err
    assert ran.out.startswith("entry 2: guest on tiny, speaker-2:holdout#")
    own, guest = sorted(rows(run), key=lambda row: row["entry"])
    same = ("uar", "accuracy", "macro_f1", "ece", "uar_ci", "protocol_id", "speakers")
    assert {name: own[name] for name in same} == {name: guest[name] for name in same}
    assert (guest["latency_ms_p90"], guest["params"], guest["cv_uar_mean"]) == (None, None, None)
    assert (own["front"], guest["front"]) == ("on the front", "no latency")
    assert run("leaderboard", "import", exported, *TO).out == ran.out
    assert len(rows(run)) == 2


def test_with_folds_the_tuning_score_comes_along(run, exported):
    run("leaderboard", "export-predictions", 1, "--folds", "--out", exported)
    run("leaderboard", "import", exported, *TO)
    own, guest = sorted(rows(run), key=lambda row: row["entry"])
    for name in ("cv_uar_mean", "cv_uar_sd", "optimism"):
        assert own[name] == guest[name] is not None


def test_the_protocol_may_be_named_by_its_identifier(run, exported):
    [own] = rows(run)
    ran = run("leaderboard", "import", exported, *TO[:-1], own["protocol_id"])
    assert ran.code == 0, ran.err
    other = own["protocol_id"][:-8] + "00000000"
    assert other in error_of(run("leaderboard", "import", exported, *TO[:-1], other), 2)


def test_latencies_from_elsewhere_have_a_ranking_of_their_own(run, exported):
    header, *lines = exported.read_text().splitlines()
    timed = [f"{header},latency", *(f"{line},0.5" for line in lines)]
    exported.write_text("\n".join(timed))
    assert run("leaderboard", "import", exported, *TO, "--machine", "A phone").code == 0
    own, guest = rows(run)
    assert guest["machine"].startswith("A phone")
    assert guest["runtime"] == "imported"
    assert (guest["latency_ms_p90"], guest["rank"], own["rank"]) == (0.5, 1, 1)
    assert own["front"] == guest["front"] == "on the front"
    titles = [line for line in run("leaderboard").out.splitlines() if "tiny [" in line]
    assert "A phone" in titles[1]


def test_a_mistake_in_the_file_is_one_line_and_nothing_is_kept(run, exported):
    header, *lines = exported.read_text().splitlines()
    exported.write_text("\n".join([header, *lines[1:]]))
    line = error_of(run("leaderboard", "import", exported, *TO), 1)
    assert str(exported) in line
    assert "`serbench protocol clips speaker-2:holdout --dataset tiny`" in line
    exported.write_text("\n".join([header, *lines]).replace("sadness", "stress"))
    assert "sadness" in error_of(run("leaderboard", "import", exported, *TO), 2)
    assert "nowhere.csv" in error_of(run("leaderboard", "import", "nowhere.csv", *TO), 2)
    assert len(rows(run)) == 1


def test_a_file_that_cannot_be_written_is_one_line(run, finished):
    command = ["leaderboard", "export-predictions", 1, "--out", "nowhere/predicted.csv"]
    assert "nowhere/predicted.csv" in error_of(run(*command, "--db", finished.db), 2)


@pytest.fixture
def guest(run, exported):
    """Entry 2, imported."""
    assert run("leaderboard", "import", exported, *TO).code == 0
    return 2


USES = {
    "predict": ("predict", 2, "a.wav"),
    "evaluate": ("evaluate", 2, "--dataset", "tiny"),
    "reproduce": ("study", "reproduce", 2),
    "warm start": ("study", "run", "--backbone", "homebrew", "--weights", "entry:2"),
}


@pytest.mark.parametrize("use", USES)
@pytest.mark.usefixtures("guest")
def test_what_takes_its_network_is_refused(run, use):
    assert "entry 2 (guest)" in error_of(run(*USES[use]), 2)


@pytest.mark.usefixtures("guest")
def test_an_import_is_no_study(run):
    [study] = json.loads(run("study", "list", "--format", "json").out)
    assert study["entry"] == 1
    assert "2" in error_of(run("study", "show", 2), 2)


def test_a_page_of_an_import_shows_what_is_on_record(run, guest):
    page = run("leaderboard", "show", guest).out
    assert page.startswith("entry 2: guest")
    assert "optimism" not in page
    found = json.loads(run("leaderboard", "show", guest, "--format", "json").out)
    assert (found["entry"], found["backbone"], found["cv_uar_mean"]) == (2, "guest", None)
