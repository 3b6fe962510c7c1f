"""``serbench cache``: what is stored, and what is deleted."""

import json

import filelock
import numpy as np
import pytest
from refusals import error_of

from serbench.data.clips import ClipFormat
from serbench.data.preparation import prepare_clips
from serbench.execute.feature_cache import FeatureCache

FORMAT = ClipFormat(8000, 0.5)


@pytest.fixture
def stored(tmp_path, tiny_manifest):
    """Prepared clips and the features of one tap, in the cache that `run` uses."""
    cache = tmp_path / "cache"
    clips = prepare_clips(tiny_manifest, cache / "clips", FORMAT)
    source = {
        "clips": clips.content,
        "format": vars(FORMAT),
        "front end": "mel",
        "backbone": "small",
        "weights": "file:w.pth:0123456789ab",
    }
    features = FeatureCache(cache / "features")
    features.arrays(source, ["2/mean+std"], lambda names: {names[0]: np.ones((36, 8), np.float32)})
    return clips


def listed(run):
    return json.loads(run("cache", "list", "--format", "json").out)


@pytest.mark.usefixtures("stored")
def test_features_and_clips_are_listed_with_their_dataset_and_size(run, tmp_path):
    features, clips = listed(run)
    assert (
        features.items()
        >= {
            "kind": "features",
            "dataset": "tiny",
            "backbone": "small",
            "front_end": "mel",
            "weights": "file:w.pth:0123456789ab",
            "tap": "2/mean+std",
            "view": "",
        }.items()
    )
    assert features["bytes"] >= 36 * 8 * 4
    assert (clips["kind"], clips["dataset"], clips["backbone"]) == ("clips", "tiny", "")
    assert clips["bytes"] >= 36 * FORMAT.samples * 2
    assert clips["clip_format"] == features["clip_format"] == "8000 Hz, 0.5 s, rms, reflect"
    assert features["used"].endswith("+00:00")
    table = run("cache", "list").out
    assert all(word in table for word in ("tiny", "small", "2/mean+std", "kB"))
    assert not (tmp_path / "serbench.db").exists(), "no database is needed"


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    ("options", "left"),
    [
        ((), []),
        (("--features", "--clips"), []),
        (("--features",), ["clips"]),
        (("--clips",), ["features"]),
    ],
)
def test_what_is_named_is_deleted_and_without_a_name_all(run, options, left):
    freed = run("cache", "clear", *options, "--yes")
    assert freed.code == 0
    assert "freed" in freed.out
    assert [each["kind"] for each in listed(run)] == left


@pytest.mark.usefixtures("stored")
def test_without_a_terminal_nothing_is_deleted_until_it_is_confirmed(run):
    assert "--yes" in error_of(run("cache", "clear"), 2)
    assert len(listed(run)) == 2


def test_a_study_that_has_opened_its_clips_is_not_broken(run, stored):
    before = stored.batch(np.arange(36))
    assert run("cache", "clear", "--yes").code == 0
    assert np.array_equal(stored.batch(np.arange(36)), before)


@pytest.mark.usefixtures("stored")
def test_clips_that_another_process_is_preparing_are_kept(run, tmp_path):
    [place] = (tmp_path / "cache" / "clips").iterdir()
    with filelock.FileLock(place / "lock"):
        assert run("cache", "clear", "--yes").code == 0
        assert [each["kind"] for each in listed(run)] == ["clips"]


@pytest.mark.usefixtures("stored")
def test_clips_of_an_interrupted_preparation_have_no_name(run, tmp_path):
    [place] = (tmp_path / "cache" / "clips").iterdir()
    (place / "clips.json").unlink()
    features, clips = listed(run)
    assert (features["dataset"], clips["dataset"], clips["clip_format"]) == ("", "", "")


def test_an_empty_cache_is_no_error(run):
    assert listed(run) == []
    assert run("cache", "list").code == 0
    assert run("cache", "clear", "--yes").code == 0
