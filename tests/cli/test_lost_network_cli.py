"""A study whose winner's network is lost before or after it became an entry."""

import pytest
from making.damage import DAMAGES
from refusals import error_of

from serbench.store.systems import Systems

STUDY = (
    *("study", "run", "--backbone", "homebrew", "--dataset", "tiny"),
    *("--protocol", "speaker-2:holdout", "--trials", "1", "--epochs", "1"),
)


class Stop(BaseException):
    """The end of a process."""


@pytest.mark.usefixtures("scanned", "quick", "without_timm")
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_tested_but_not_yet_an_entry_it_is_trained_again(
    damage, run, tmp_path, tiny_corpus, monkeypatch
):
    def stop(*_):
        raise Stop

    with monkeypatch.context() as patch:
        patch.setattr(Systems, "rank", stop)
        with pytest.raises(Stop):
            run(*STUDY)
    [holdout] = [
        path
        for path in (tmp_path / "serbench-artifacts").glob("*.safetensors")
        if "trial" not in path.name
    ]
    whole = holdout.read_bytes()
    damage(holdout)
    ran = run(*STUDY)
    assert ran.code == 0, ran.err
    assert "2 trainings of an earlier run are reused" in ran.err
    assert holdout.read_bytes() == whole
    assert run("predict", 1, next(tiny_corpus.rglob("*.wav"))).code == 0


@pytest.mark.usefixtures("untrained")
def test_not_yet_measured_its_entry_is_refused_with_the_command_that_helps(
    run, finished, copied, tmp_path, monkeypatch
):
    copied(finished)
    for path in (tmp_path / "serbench-artifacts").glob("*.safetensors"):
        path.unlink()
    monkeypatch.setattr(Systems, "is_measured", lambda *_: False)
    line = error_of(run(*finished.arguments, "--db", tmp_path / "serbench.db"), 1)
    assert "serbench study reproduce 1" in line
