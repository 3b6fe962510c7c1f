"""``serbench corpus doctor``: findings, and a dataset without what is certainly wrong."""

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
from refusals import error_of

pytestmark = pytest.mark.usefixtures("without_timm")

SILENT, COPY, TWIN, STEREO = (
    "03-01-04-01-01-01-02.wav",
    "03-01-05-01-01-02-03.wav",
    "03-01-06-01-01-02-04.wav",
    "03-01-07-01-01-01-05.wav",
)
DOUBTFUL = {SILENT, TWIN, TWIN.replace("06-01-01-02", "03-01-01-01")}


@pytest.fixture
def ill(make_corpus, tmp_path):
    """A corpus with a silent clip, a copy, a conflict, a stereo file and a pointer."""
    folder = make_corpus(tmp_path / "ill")
    sound, rate = soundfile.read(next(folder.rglob(SILENT)))
    soundfile.write(next(folder.rglob(SILENT)), 0.001 * sound, rate)
    for copy, label in ((COPY, "05"), (TWIN, "03")):
        original = copy[:6] + label + copy[8:].replace("-02-0", "-01-0", 1)
        source = next(folder.rglob(original))
        shutil.copy(source, source.with_name(copy))
    stereo = next(folder.rglob(STEREO))
    sound, rate = soundfile.read(stereo)
    soundfile.write(stereo, np.column_stack([sound, sound]), rate)
    (folder / "03-01-01-01-01-02-06.wav").write_text("version https://git-lfs.github.com/spec/v1")
    return folder


@pytest.fixture
def tested(run, ill):
    """The findings as JSON, of dataset ``ill``."""
    assert run("corpus", "scan", ill, "--dataset", "ill").code == 0
    return doctor(run)


def doctor(run, *options):
    ran = run("corpus", "doctor", "ill", "--format", "json", *options)
    assert ran.code == 0
    return json.loads(ran.out)


def shown(run, name="ill"):
    return json.loads(run("corpus", "show", name, "--format", "json").out)


def names(rows):
    return {Path(row["path"]).name for row in rows}


def test_json_holds_every_finding_whole(tested, ill):
    found = {finding["kind"]: finding for finding in tested["findings"]}
    assert set(found) >= {"silence", "conflicting-labels", "channels"}
    assert found["lfs-pointer"]["paths"] == [str(ill / "03-01-01-01-01-02-06.wav")]
    assert set(found["silence"]) == {
        *("kind", "severity", "subject", "paths", "measured", "suggestion")
    }
    assert tested["by_kind"]["silence"] == 1
    assert (tested["dataset"], tested["recordings"]) == ("ill", 37)
    assert (tested["to_leave_out"], tested["exclusions"]) == (3, None)


def test_findings_are_advice_and_change_nothing(run, tested, tmp_path):
    before = shown(run)
    ran = run("corpus", "doctor", "ill")
    assert ran.code == 0
    assert "3 recordings" in ran.out
    assert {**shown(run), "findings": before["findings"]} == before
    assert not (tmp_path / "ill-exclusions.csv").exists()


def test_the_table_fits_eighty_columns_and_suggests_something(terminal, tested):
    lines = terminal(80, "corpus", "doctor", "ill").splitlines()
    table = lines[: lines.index("")]
    assert all(len(line) <= 80 for line in table)
    assert table[1].split() == ["finding", "subject", "measured", "suggestion"]
    suggested = [line.split()[0] for line in table if line.rstrip().endswith("leave out")]
    assert suggested == ["conflicting-labels", "silence"]
    assert any(line.startswith("channels ") and line.endswith("convert") for line in table)


def test_fix_leaves_out_what_is_certainly_wrong_and_nothing_odd(run, tested, tmp_path):
    fixed = doctor(run, "--fix")
    account = shown(run)
    assert fixed["exclusions"] == str(tmp_path / "ill-exclusions.csv")
    assert names(account["exclusions"]) == DOUBTFUL
    assert (account["utterances"], account["found"]) == (34, 39)
    assert account["hash"] == fixed["hash_without_them"] != tested["hash"]
    after = doctor(run)
    assert (after["hash"], after["to_leave_out"]) == (account["hash"], 0)
    assert "channels" in after["by_kind"]
    assert account["conflicts"] == []


def test_fix_prints_what_it_did_and_the_second_time_does_nothing(run, tested):
    out = run("corpus", "doctor", "ill", "--fix", "--out", "sub/list.csv").out
    left_out, now = out.splitlines()[-1].split("; ")
    assert "3 recordings" in left_out
    assert "sub/list.csv" in left_out
    assert "34 recordings" in now
    before = shown(run)
    assert run("corpus", "doctor", "ill", "--fix").code == 0
    assert {**shown(run), "findings": before["findings"]} == before


def test_a_later_scan_respects_what_was_left_out(run, tested, ill):
    doctor(run, "--fix")
    account = shown(run)
    assert run("corpus", "scan", ill, "--dataset", "ill").code == 0
    skipped = shown(run)["skipped"]
    assert skipped["excluded by doctor: conflicting-labels"] == 2
    assert skipped["excluded by doctor: silence"] == 1
    assert shown(run)["hash"] == account["hash"]
    assert shown(run)["exclusions"] == account["exclusions"]


def test_the_list_makes_the_same_dataset_elsewhere(run, tested, ill, tmp_path):
    fixed = doctor(run, "--fix", "--out", "list.csv")
    ill.rename(tmp_path / "moved")
    run("corpus", "scan", tmp_path / "moved", "--dataset", "new", "--exclude", "list.csv")
    assert shown(run, "new")["hash"] == fixed["hash_without_them"]
    assert names(shown(run, "new")["exclusions"]) == DOUBTFUL


def test_a_list_is_added_to_what_the_dataset_leaves_out(run, tested, ill, tmp_path):
    doctor(run, "--fix")
    (tmp_path / "mine.csv").write_text(f"path,reason\n{STEREO},a cough\n")
    out = run("corpus", "scan", ill, "--dataset", "ill", "--exclude", "mine.csv").out
    assert "skipped 1: excluded: a cough" in out
    assert names(shown(run)["exclusions"]) == {*DOUBTFUL, STEREO}


def test_of_a_kind_that_is_everywhere_only_some_are_listed(run, ill):
    for number in range(20):
        (ill / f"03-01-0{number % 5 + 3}-02-01-01-{number + 1:02}.wav").touch()
    run("corpus", "scan", ill, "--dataset", "ill")
    out = run("corpus", "doctor", "ill").out
    assert re.search(r"\b8 .*\bunusable\b", out)
    assert sum(line.startswith("unusable") for line in out.splitlines()) == 12


def test_out_without_fix_is_a_usage_error(run, tested):
    ran = run("corpus", "doctor", "ill", "--out", "list.csv")
    assert "--fix" in error_of(ran, 2)


def test_a_list_that_cannot_be_written_leaves_the_dataset_alone(run, tested, tmp_path):
    (tmp_path / "file").touch()
    ran = run("corpus", "doctor", "ill", "--fix", "--out", tmp_path / "file" / "list.csv")
    error_of(ran, 1)
    assert shown(run)["hash"] == tested["hash"]


def test_a_list_that_is_not_there_is_a_usage_error(run, ill):
    ran = run("corpus", "scan", ill, "--dataset", "ill", "--exclude", "none.csv")
    assert "none.csv" in error_of(ran, 2)


def test_an_unknown_dataset_gets_the_nearest(run, tested):
    ran = run("corpus", "doctor", "il")
    assert "ill" in error_of(ran, 2)
