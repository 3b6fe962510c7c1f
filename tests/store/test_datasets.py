"""What a scan found, kept and read back."""

from dataclasses import replace
from datetime import timedelta

import pytest
from making.entries import begin, run_trial

from serbench.errors import DatasetError, StorageError, UnknownNameError
from serbench.store import datasets as datasets_module
from serbench.store.base import now
from serbench.store.datasets import Datasets


@pytest.fixture
def datasets(database):
    """The datasets of a new database."""
    return Datasets(database)


def test_a_manifest_is_read_back_as_it_was_saved(datasets, made):
    saved = made.manifest()
    datasets.save_scan(made.scanned(saved))
    read = datasets.manifest("small")
    assert read == saved
    assert read.hash == saved.hash
    assert read.emotions == saved.emotions


def test_the_account_is_kept_word_for_word(datasets, made):
    scan = made.scanned(made.manifest())
    datasets.save_scan(scan)
    assert datasets.dataset_account("small") == scan.summary()
    assert list(datasets.dataset_account("small")["by_emotion"]) == list(scan.manifest.emotions)


def test_the_same_recordings_elsewhere_only_refresh_their_paths(datasets, made):
    datasets.save_scan(made.scanned(made.manifest(folder="/before")))
    datasets.save_scan(made.scanned(made.manifest(folder="/after")))
    paths = {utterance.path for utterance in datasets.manifest("small").utterances}
    assert all(path.startswith("/after/") for path in paths)
    assert len(paths) == 24
    assert len(datasets.datasets()) == 1


def test_other_recordings_under_the_same_name_become_current(datasets, made):
    old, new = made.manifest(), made.manifest(takes=2)
    datasets.save_scan(made.scanned(old))
    datasets.save_scan(made.scanned(new))
    assert datasets.manifest("small") == new
    assert [account["utterances"] for account in datasets.datasets()] == [48]


def test_a_study_keeps_the_recordings_it_began_with(database, datasets, made, artifacts):
    old = made.manifest()
    plan = made.plan(old)
    ledger = begin(database, made, old, plan, artifacts)
    datasets.save_scan(made.scanned(made.manifest(takes=2)))
    assert datasets.manifest("small", plan.dataset_hash) == old
    mean = run_trial(ledger, made, old, plan, 0)
    assert ledger.history(plan)[0].mean_uar == mean


def test_what_is_scanned_again_is_current_again(datasets, made):
    old, new = made.manifest(), made.manifest(takes=2)
    for manifest in (old, new, old):
        datasets.save_scan(made.scanned(manifest))
    assert datasets.manifest("small") == old


def test_datasets_of_several_names_are_independent(datasets, made):
    for name in ("b", "a"):
        datasets.save_scan(made.scanned(made.manifest(name)))
    assert sorted(account["name"] for account in datasets.datasets()) == ["a", "b"]
    assert datasets.has_dataset("a")
    assert not datasets.has_dataset("c")


def test_synthetic_speech_stays_marked(datasets, made):
    datasets.save_scan(made.scanned(replace(made.manifest(), synthetic=True)))
    assert datasets.manifest("small").synthetic
    assert datasets.dataset_account("small")["synthetic"] is True


def test_before_any_scan_the_error_names_the_command(datasets):
    with pytest.raises(DatasetError) as raised:
        datasets.manifest("small")
    assert raised.value.facts == {"dataset": "small"}


def test_an_unknown_name_gets_the_nearest(datasets, made):
    datasets.save_scan(made.scanned(made.manifest()))
    with pytest.raises(UnknownNameError) as raised:
        datasets.dataset_account("smal")
    assert (raised.value.kind, raised.value.nearest) == ("dataset", ["small"])


def test_a_scan_that_cannot_be_written_leaves_the_old_one(database, datasets, made, monkeypatch):
    old = made.manifest(folder="/before")
    datasets.save_scan(made.scanned(old))
    doubled = replace(old, utterances=(replace(old.utterances[0], path=None),))
    with pytest.raises(StorageError) as raised:
        datasets.save_scan(made.scanned(doubled))
    assert "NOT NULL" in raised.value.facts["cause"]
    assert datasets.manifest("small") == old


def test_the_last_scan_is_current_though_the_clock_was_set_back(datasets, made, monkeypatch):
    old, new, other = made.manifest(), made.manifest(takes=2), made.manifest("other")
    datasets.save_scan(made.scanned(old))
    datasets.save_scan(made.scanned(other))
    earlier = now() - timedelta(hours=1)
    monkeypatch.setattr(datasets_module, "now", lambda: earlier)
    datasets.save_scan(made.scanned(new))
    assert datasets.manifest("small") == new
    assert [account["utterances"] for account in datasets.datasets()] == [48, 24]
    datasets.save_scan(made.scanned(old))
    assert datasets.manifest("small") == old
