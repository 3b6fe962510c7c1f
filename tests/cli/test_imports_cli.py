"""``serbench leaderboard import`` and ``export-predictions``, and what an import cannot do."""

import json
import shutil

import pytest
from refusals import error_of

pytestmark = pytest.mark.usefixtures("without_timm")

TO = ("--name", "guest", "--dataset", "tiny", "--protocol", "speaker-2")


@pytest.fixture
def exported(run, finished, tmp_path):
    """What entry 1 said, in a file; and a copy of its database that ``run`` uses."""
    shutil.copy(finished.db, tmp_path / "serbench.db")
    shutil.copytree(finished.db.parent / "serbench-artifacts", tmp_path / "serbench-artifacts")
    ran = run("leaderboard", "export-predictions", 1, "--out", "said.csv")
    assert (ran.code, ran.out) == (0, "said.csv\n")
    return tmp_path / "said.csv"


def rows(run, *options):
    return json.loads(run("leaderboard", "--format", "json", *options).out)


def test_there_and_back_again_the_scores_are_the_same(run, exported):
    assert run("leaderboard", "export-predictions", 1).out == exported.read_text()
    ran = run("leaderboard", "import", exported, *TO)
    assert ran.code == 0, ran.err
    entry, notice = ran.out.splitlines()
    assert entry.startswith("entry 2: guest on tiny, speaker-2#")
    assert notice == (
        "its clips are the holdout's; that it was not trained on their speakers is for you to know"
    )
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
    said = error_of(run("leaderboard", "import", exported, *TO[:-1], other), 2)
    assert said.startswith(f"{other} is not about dataset 'tiny' as it is")


def test_latencies_from_elsewhere_have_a_ranking_of_their_own(run, exported):
    header, *lines = exported.read_text().splitlines()
    timed = [f"{header},latency", *(f"{line},0.5" for line in lines)]
    exported.write_text("\n".join(timed))
    assert run("leaderboard", "import", exported, *TO, "--machine", "A phone").code == 0
    own, guest = rows(run)
    assert (guest["machine"], guest["runtime"]) == ("A phone (measured elsewhere)", "imported")
    assert (guest["latency_ms_p90"], guest["rank"], own["rank"]) == (0.5, 1, 1)
    assert own["front"] == guest["front"] == "on the front"
    titles = [line for line in run("leaderboard").out.splitlines() if "tiny [" in line]
    assert titles[1].strip().endswith("A phone (measured elsewhere) · imported, 1 thread")


def test_a_mistake_in_the_file_is_one_line_and_nothing_is_kept(run, exported):
    header, *lines = exported.read_text().splitlines()
    exported.write_text("\n".join([header, *lines[1:]]))
    said = error_of(run("leaderboard", "import", exported, *TO), 1)
    assert f"{exported} misses " in said
    assert "`serbench protocol clips speaker-2 --dataset tiny` names" in said
    exported.write_text("\n".join([header, *lines]).replace("sadness", "sorrow"))
    said = error_of(run("leaderboard", "import", exported, *TO), 2)
    assert f"{exported} has no column sadness: its first line must name path, " in said
    said = error_of(run("leaderboard", "import", "nowhere.csv", *TO), 2)
    assert said == "nowhere.csv cannot be read (No such file or directory)"
    assert len(rows(run)) == 1


def test_a_file_that_cannot_be_written_is_one_line(run, finished):
    command = ["leaderboard", "export-predictions", 1, "--out", "nowhere/said.csv"]
    said = error_of(run(*command, "--db", finished.db), 2)
    assert said == "nowhere/said.csv cannot be written (No such file or directory)"


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
    said = error_of(run(*USES[use]), 2)
    assert said.startswith("entry 2 (guest) was imported: ")


@pytest.mark.usefixtures("guest")
def test_an_import_is_no_study(run):
    [study] = json.loads(run("study", "list", "--format", "json").out)
    assert study["entry"] == 1
    assert error_of(run("study", "show", 2), 2) == "no study 2: there are 1"


def test_a_page_of_an_import_says_what_is_known(run, guest):
    page = run("leaderboard", "show", guest).out
    assert page.startswith("entry 2: guest (imported)\non tiny [")
    assert "tuning UA" not in page
    assert "made with file " in page
    [calibration] = [line for line in page.splitlines() if line.strip() == "calibration"]
    assert calibration
