"""Scanned datasets, kept with every utterance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from serbench.data.conflicts import find_conflicts
from serbench.data.corpus import Corpus
from serbench.data.exclusions import Exclusion, ExclusionList
from serbench.data.manifest import Manifest, Utterance, make_manifest
from serbench.data.scan import Scan, excluded_because
from serbench.errors import DatasetError, UnknownNameError
from serbench.store.base import now
from serbench.store.database import Database, again_on_conflict
from serbench.store.schema_data import DatasetRow, UtteranceRow

UTTERANCE_FIELDS = tuple(field.name for field in fields(Utterance))


class Datasets:
    """The datasets of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save_scan(self, scan: Scan) -> None:
        """Keep a scan; the same recordings under the same name only refresh their paths."""
        self._save(scan.manifest, scan.summary())

    def leave_out(
        self, name: str, exclusions: Sequence[Exclusion], corpora: Mapping[str, Corpus]
    ) -> Manifest:
        """Keep a dataset anew without some recordings; what it was stays for its studies.

        Its account carries the list from now on, and later scans go by it.

        Args:
            name: the dataset.
            exclusions: what to leave out, beside what is left out already.
            corpora: by name; they know of twins that were published.

        Returns:
            what is left.

        Raises:
            UnknownNameError: nothing of that name was scanned.
            DatasetError: nothing would be left.
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
                f"nothing of dataset '{name}' would be left: list fewer recordings", dataset=name
            )
        skipped = Counter(account["skipped"])
        skipped.update(excluded_because(why) for why in reasons if why is not None)
        conflicts = tuple(find_conflicts(left, corpora))
        changed = Scan(left, account["found"], (), conflicts).summary()
        kept = {name: account.get(name, []) for name in ("defects", "remarks")}
        kept["skipped"] = dict(skipped.most_common())
        all_listed = dict.fromkeys((*self.exclusions(name), *exclusions))
        carried = {"speech": account["speech"], "licences": account["licences"]}
        carried |= {"exclusions": [asdict(exclusion) for exclusion in all_listed]}
        self._save(left, {**account, **changed, **kept, **carried})
        return left

    def exclusions(self, name: str) -> tuple[Exclusion, ...]:
        """The list of recordings that a dataset leaves out; empty where nothing was scanned."""
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
            row.scan = last + 1
            row.synthetic, row.account, row.scanned = manifest.synthetic, account, now()
            row.utterances.clear()
            session.flush()
            row.utterances.extend(
                UtteranceRow(row=number, **asdict(utterance))
                for number, utterance in enumerate(manifest.utterances)
            )

    def datasets(self) -> list[dict[str, Any]]:
        """The accounts of all datasets, the current version of each, by name."""
        with self._database.session() as session:
            rows = session.scalars(select(DatasetRow).order_by(DatasetRow.scan, DatasetRow.id))
            return list({row.name: row.account for row in rows}.values())

    def has_dataset(self, name: str) -> bool:
        """True where a dataset of that name was scanned."""
        with self._database.session() as session:
            return session.scalar(select(DatasetRow.id).where(DatasetRow.name == name)) is not None

    def dataset_account(self, name: str) -> dict[str, Any]:
        """What ``corpus show`` prints.

        Raises:
            UnknownNameError: nothing of that name was scanned.
        """
        with self._database.session() as session:
            return find_dataset(session, name).account

    def manifest(self, name: str, content_hash: str | None = None) -> Manifest:
        """A dataset's utterances, as last scanned or with a certain content.

        Raises:
            UnknownNameError: nothing of that name was scanned.
        """
        with self._database.session() as session:
            row = find_dataset(session, name, content_hash)
            utterances = tuple(
                Utterance(**{field: getattr(utterance, field) for field in UTTERANCE_FIELDS})
                for utterance in row.utterances
            )
            return Manifest(row.name, utterances, row.synthetic)


def find_dataset(session: Session, name: str, content_hash: str | None = None) -> DatasetRow:
    """The row of a dataset, as last scanned or with a certain content.

    Raises:
        DatasetError: nothing was scanned at all.
        UnknownNameError: nothing of that name was scanned.
    """
    query = select(DatasetRow).where(DatasetRow.name == name)
    if content_hash is not None:
        query = query.where(DatasetRow.hash == content_hash)
    row = session.scalars(query.order_by(DatasetRow.scan.desc(), DatasetRow.id.desc())).first()
    if row is None:
        names = list(session.scalars(select(DatasetRow.name).distinct()))
        if not names:
            raise DatasetError(
                f"no dataset '{name}': nothing is scanned yet; "
                f"run `serbench corpus scan FOLDER --dataset {name}`",
                dataset=name,
            )
        raise UnknownNameError("dataset", name, names)
    return row
