"""A dataset without some of its recordings is another dataset, and remembers why."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from serbench.data.exclusions import Exclusion
from serbench.data.scan_reading import Skipped
from serbench.errors import DatasetError, UnknownNameError
from serbench.store.datasets import Datasets
from serbench.store.schema_data import DatasetRow


@pytest.fixture
def datasets(database, made):
    """A database that holds dataset ``small``."""
    kept = Datasets(database)
    found = replace(made.scanned(made.manifest()), found=25, skipped=(DEFECT,), unknown={"meh": 1})
    kept.save_scan(found)
    return kept


DEFECT = Skipped("/gone.wav", "empty file", defective=True)


def listed(manifest, *rows, reason="excluded by doctor: silence"):
    return tuple(
        Exclusion(manifest.utterances[row].path, manifest.utterances[row].audio_hash, reason)
        for row in rows
    )


def test_remarks_of_the_scan_stay(datasets, made):
    before = datasets.dataset_account("small")["remarks"]
    datasets.leave_out("small", listed(made.manifest(), 3), {})
    assert datasets.dataset_account("small")["remarks"] == before != []


def test_what_is_left_out_is_gone_and_the_rest_stays_in_order(datasets, made):
    old = made.manifest()
    left = datasets.leave_out("small", listed(old, 3, 5), {})
    assert left.utterances == tuple(u for n, u in enumerate(old.utterances) if n not in (3, 5))
    assert datasets.manifest("small") == left
    assert left.hash != old.hash
    assert datasets.manifest("small", old.hash) == old


def test_the_account_carries_the_list_and_still_adds_up(datasets, made):
    exclusions = listed(made.manifest(), 3, 5)
    left = datasets.leave_out("small", exclusions, {})
    account = datasets.dataset_account("small")
    assert datasets.exclusions("small") == exclusions
    assert account["skipped"] == {"excluded by doctor: silence": 2, "empty file": 1}
    assert account["found"] == account["utterances"] + sum(account["skipped"].values())
    assert (account["hash"], account["utterances"]) == (left.hash, 22)
    assert account["defects"] == [{"path": "/gone.wav", "reason": "empty file", "kind": "unusable"}]


def test_what_is_left_out_later_is_added_to_the_list(datasets, made):
    first = listed(made.manifest(), 3)
    left = datasets.leave_out("small", first, {})
    second = listed(left, 0, reason="a cough")
    datasets.leave_out("small", second, {})
    assert datasets.exclusions("small") == (*first, *second)
    assert datasets.dataset_account("small")["skipped"]["excluded: a cough"] == 1


def test_a_dataset_of_before_there_were_lists_has_none(database, datasets, made):
    with database.session() as session:
        row = session.scalars(select(DatasetRow)).one()
        old = dict(row.account)
        del old["exclusions"], old["defects"]
        row.account = old
    assert datasets.exclusions("small") == ()
    left = datasets.leave_out("small", listed(made.manifest(), 0), {})
    assert len(left) == 23
    assert datasets.dataset_account("small")["defects"] == []


def test_a_dataset_that_was_never_scanned_leaves_nothing_out(datasets):
    assert datasets.exclusions("none") == ()
    with pytest.raises(UnknownNameError):
        datasets.leave_out("none", (), {})


def test_not_everything_can_be_left_out(datasets, made):
    old = made.manifest()
    with pytest.raises(DatasetError) as raised:
        datasets.leave_out("small", listed(old, *range(len(old))), {})
    assert raised.value.facts == {"dataset": "small"}
    assert datasets.manifest("small") == old
