"""``serbench dashboard``: a page is requested over loopback."""

import json
import signal
import subprocess
import sys
from urllib.request import urlopen


def test_the_dashboard_serves_the_recorded_trials_until_ctrl_c(finished):
    command = ("dashboard", "--port", "0", "--format", "json", "--db", str(finished.db))
    with subprocess.Popen(
        [sys.executable, "-m", "serbench.cli.main", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as served:
        shown = json.JSONDecoder().raw_decode(_object(served.stdout))[0]
        with urlopen(f"{shown['url']}dashboard/") as page:
            assert b"<title>Optuna Dashboard" in page.read()
        with urlopen(f"{shown['url']}api/studies") as answer:
            [study] = json.load(answer)["study_summaries"]
        with urlopen(f"{shown['url']}api/studies/{study['study_id']}") as answer:
            trials = json.load(answer)["trials"]
        served.send_signal(signal.SIGINT)
        _, errors = served.communicate(timeout=60)
    assert shown["studies"] == [1]
    assert shown["url"].startswith("http://127.0.0.1:")
    assert [trial["state"] for trial in trials] == ["Complete", "Complete"]
    assert {each["step"] for each in trials[0]["intermediate_values"]} == {1, 2}
    assert served.returncode == 0
    assert "Traceback" not in errors


def _object(stream):
    """The lines of one JSON object."""
    lines = []
    while not lines or lines[-1] != "}\n":
        lines.append(stream.readline())
        assert lines[-1], "the command ended"
    return "".join(lines)
