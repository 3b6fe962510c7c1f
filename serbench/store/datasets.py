"""Scanned datasets with their utterances."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from serbench.data.conflicts import find_conflicts
from serbench.data.corpus import Corpus
from serbench.data.doctor.finding import Finding
from serbench.data.exclusions import Exclusion, ExclusionList
from serbench.data.manifest import Manifest, Utterance, make_manifest
from serbench.data.scan import Scan, excluded_because
from serbench.errors import DatasetError, UnknownNameError
from serbench.store.base import now
from serbench.store.database import Database
from serbench.store.failures import again_on_conflict
from serbench.store.schema_data import DatasetRow, UtteranceRow

UTTERANCE_FIELDS = tuple(field.name for field in fields(Utterance))


class Datasets:
    """The datasets of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save_scan(self, scan: Scan) -> None:
        """Store a scan; for the same recordings under the same name only the paths are updated."""
        self._save(scan.manifest, scan.summary())

    def leave_out(
        self, name: str, exclusions: Sequence[Exclusion], corpora: Mapping[str, Corpus]
    ) -> Manifest:
        """Store a new version of a dataset without some recordings.

        Studies of the earlier version keep it. The list is stored in the account of the dataset,
        and later scans apply it.

        Args:
            name: name of the dataset.
            exclusions: recordings to leave out, in addition to those that are left out already.
            corpora: corpora by name, which list published duplicates.

        Returns:
            The scan of the remaining recordings.

        Raises:
            UnknownNameError: there is no dataset of that name.
            DatasetError: no recording would remain.
        """
        manifest, account = self.manifest(name), self.dataset_account(name)
        listed = ExclusionList(exclusions)
        reasons = [listed.reason(u.path, u.audio_hash) for u in manifest.utterances]
        left = make_manifest(
            name,
            [u for u, why in zip(manifest.utterances, reasons, strict=True) if why is None],
            manifest.synthetic,
        )
        if len(left) == 0:
            raise DatasetError(
                f"no recording of dataset '{name}' would remain: list fewer recordings",
                dataset=name,
            )
        skipped = Counter(account["skipped"])
        skipped.update(excluded_because(why) for why in reasons if why is not None)
        conflicts = tuple(find_conflicts(left, corpora))
        changed = Scan(left, account["found"], (), conflicts).summary()
        kept = {name: account.get(name, []) for name in ("defects", "remarks")}
        kept["skipped"] = dict(skipped.most_common())
        all_listed = dict.fromkeys((*self.exclusions(name), *exclusions))
        carried = {each: account[each] for each in ("speech", "licences", "files")}
        carried |= {"exclusions": [asdict(exclusion) for exclusion in all_listed]}
        self._save(left, {**account, **changed, **kept, **carried})
        return left

    @again_on_conflict
    def save_findings(self, name: str, findings: Sequence[Finding]) -> None:
        """Store the findings of an inspection in the account of a dataset, without paths.

        The next scan of the dataset deletes them.

        Raises:
            UnknownNameError: there is no dataset of that name.
        """
        listed = [asdict(each) for each in findings]
        for each in listed:
            del each["paths"]
        with self._database.session() as session:
            row = find_dataset(session, name)
            row.account = {**row.account, "findings": listed}

    def exclusions(self, name: str) -> tuple[Exclusion, ...]:
        """The recordings that a dataset leaves out; empty where there is no such dataset."""
        if not self.has_dataset(name):
            return ()
        return tuple(Exclusion(**row) for row in self.dataset_account(name).get("exclusions", ()))

    @again_on_conflict
    def _save(self, manifest: Manifest, account: dict[str, Any]) -> None:
        with self._database.session() as session:
            query = select(DatasetRow).where(
                DatasetRow.name == manifest.name, DatasetRow.hash == manifest.hash
            )
            row = session.scalar(query.with_for_update())
            last = session.scalar(select(func.max(DatasetRow.scan))) or 0
            if row is None:
                row = DatasetRow(name=manifest.name, hash=manifest.hash)
                session.add(row)
            row.scan, row.deleted = last + 1, None
            row.synthetic, row.account, row.scanned = manifest.synthetic, account, now()
            row.utterances.clear()
            session.flush()
            row.utterances.extend(
                UtteranceRow(row=number, **asdict(utterance))
                for number, utterance in enumerate(manifest.utterances)
            )

    def datasets(self) -> list[dict[str, Any]]:
        """The accounts of the current versions of all datasets, by name."""
        with self._database.session() as session:
            query = select(DatasetRow).where(DatasetRow.deleted.is_(None))
            rows = session.scalars(query.order_by(DatasetRow.scan, DatasetRow.id))
            return list({row.name: row.account for row in rows}.values())

    def has_dataset(self, name: str) -> bool:
        """True where a dataset of that name was scanned."""
        with self._database.session() as session:
            query = select(DatasetRow.id).where(
                DatasetRow.name == name, DatasetRow.deleted.is_(None)
            )
            return session.scalars(query).first() is not None

    def dataset_account(self, name: str) -> dict[str, Any]:
        """The account of a dataset, which ``corpus show`` prints.

        Raises:
            UnknownNameError: there is no dataset of that name.
        """
        with self._database.session() as session:
            return find_dataset(session, name).account

    def manifest(self, name: str, content_hash: str | None = None) -> Manifest:
        """The utterances of a dataset: the last scan, or the version with a given hash.

        Raises:
            UnknownNameError: there is no dataset of that name.
        """
        with self._database.session() as session:
            row = find_dataset(session, name, content_hash)
            utterances = tuple(
                Utterance(**{field: getattr(utterance, field) for field in UTTERANCE_FIELDS})
                for utterance in row.utterances
            )
            return Manifest(row.name, utterances, row.synthetic)


def find_dataset(session: Session, name: str, content_hash: str | None = None) -> DatasetRow:
    """The row of a dataset: the last scan, or the version with a given hash, even if deleted.

    Raises:
        DatasetError: there is no dataset.
        UnknownNameError: there is no dataset of that name.
    """
    query = select(DatasetRow).where(DatasetRow.name == name)
    if content_hash is None:
        query = query.where(DatasetRow.deleted.is_(None))
    else:
        query = query.where(DatasetRow.hash == content_hash)
    row = session.scalars(query.order_by(DatasetRow.scan.desc(), DatasetRow.id.desc())).first()
    if row is None:
        present = select(DatasetRow.name).where(DatasetRow.deleted.is_(None))
        names = list(session.scalars(present.distinct()))
        if not names:
            raise DatasetError(
                f"no dataset '{name}': nothing is scanned yet; "
                f"run `serbench corpus scan FOLDER --dataset {name}`",
                dataset=name,
            )
        raise UnknownNameError("dataset", name, names)
    return row
