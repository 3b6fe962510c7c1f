"""The page of a dataset."""

from __future__ import annotations

import shlex
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from serbench.data.manifest import Manifest
from serbench.views import charts
from serbench.views.entry import EntryView
from serbench.views.site.entry_page import entry_path, system_of
from serbench.views.site.figures import figure
from serbench.views.site.parts import (
    DASH,
    Cell,
    Code,
    Page,
    Part,
    Section,
    Table,
    count,
    counted,
    interval,
    number,
    plain,
    share,
)

SEXES = ("female", "male", None)


def dataset_page(
    path: str, account: Mapping[str, Any], manifest: Manifest, entries: Sequence[EntryView]
) -> Page:
    """The page of a dataset.

    Args:
        path: its address.
        account: the account of its last scan, with the findings of its inspection.
        manifest: its recordings.
        entries: the entries on it, most accurate first.
    """
    kind = "synthetic speech" if account.get("synthetic") else "speech"
    speakers = len(set(manifest.speakers.tolist()))
    return Page(
        path,
        f"Dataset {manifest.name}",
        f"{counted(len(manifest), 'clip')} of {kind} by {counted(speakers, 'speaker')}.",
        _facts(account, manifest),
        [
            _who(account, manifest),
            _what(account, manifest),
            _findings(account, manifest),
            _licences(account),
            _entries(entries),
        ],
    )


def _facts(account: Mapping[str, Any], manifest: Manifest) -> list[tuple[str, str]]:
    rates = account.get("sample_rates", {})
    facts = [
        ("hash of its content", manifest.hash[:16]),
        ("emotions", ", ".join(manifest.emotions)),
        ("hours", f"{account['hours']:.2f}" if "hours" in account else ""),
        (
            "sample rates",
            ", ".join(f"{int(rate):,} Hz × {clips:,}" for rate, clips in rates.items()),
        ),
    ]
    return [(term, value) for term, value in facts if value]


def _who(account: Mapping[str, Any], manifest: Manifest) -> Section:
    sexes: dict[str, Counter[str | None]] = defaultdict(Counter)
    people = {each.speaker: (each.corpus, each.sex) for each in manifest.utterances}
    for corpus, sex in people.values():
        sexes[corpus][sex if sex in SEXES else None] += 1
    clips = Counter(each.corpus for each in manifest.utterances)
    hours, speech = account.get("hours_by_corpus", {}), account.get("speech", {})
    corpora = Table(
        "Speakers of each corpus",
        [
            *("corpus", "speech", ">speakers", ">female", ">male", ">sex not known"),
            *(">clips", ">hours", ">mean length, s"),
        ],
        [
            [
                plain(corpus),
                plain(speech.get(corpus, "unknown")),
                count(sum(sexes[corpus].values())),
                *(count(sexes[corpus][sex]) for sex in SEXES),
                count(clips[corpus]),
                number(hours.get(corpus), 2),
                number(3600 * hours[corpus] / clips[corpus] if corpus in hours else None, 2),
            ]
            for corpus in sorted(clips)
        ],
    )
    by_speaker: dict[str, Counter[str]] = defaultdict(Counter)
    for each in manifest.utterances:
        by_speaker[each.speaker][each.emotion] += 1
    speakers = Table(
        "Clips of each speaker",
        ["speaker", "sex", *(f">{emotion}" for emotion in manifest.emotions), ">clips"],
        [
            [
                plain(speaker),
                plain(people[speaker][1] or DASH),
                *(count(counts[emotion]) for emotion in manifest.emotions),
                count(sum(counts.values())),
            ]
            for speaker, counts in sorted(by_speaker.items())
        ],
    )
    return Section("who", "Who speaks", (), [corpora, speakers])


def _what(account: Mapping[str, Any], manifest: Manifest) -> Section:
    by_corpus = Counter((each.corpus, each.emotion) for each in manifest.utterances)
    corpora = sorted({corpus for corpus, _ in by_corpus})
    parts: list[Part] = []
    if len(manifest):
        parts += [
            *figure(charts.emotions_chart(manifest)),
            *figure(charts.lengths_chart(manifest)),
        ]
    parts.append(
        Table(
            "Clips of each emotion",
            ["emotion", *(f">{corpus}" for corpus in corpora), ">clips"],
            [
                [
                    plain(emotion),
                    *(count(by_corpus[corpus, emotion]) for corpus in corpora),
                    count(sum(by_corpus[corpus, emotion] for corpus in corpora)),
                ]
                for emotion in manifest.emotions
            ],
        )
    )
    lengths = account.get("clip_lengths", ())
    if lengths:
        clips = max(account["utterances"], 1)
        parts.append(
            Table(
                "Recordings that are cut or padded, by the length of clips",
                ["length", ">seconds", ">cut, %", ">sound lost, %", ">padded, %"],
                [
                    [
                        plain(each["meaning"]),
                        number(each["seconds"], 2),
                        share(each["cut"] / clips),
                        share(each["lost"]),
                        share(each["padded"] / clips),
                    ]
                    for each in lengths
                ],
            )
        )
    skipped = account.get("skipped", {})
    if skipped:
        parts.append(
            Table(
                "Files that the scan left out",
                ["reason", ">files"],
                [[plain(reason), count(files)] for reason, files in skipped.items()],
            )
        )
    return Section("what", "What is recorded", (), parts)


def _findings(account: Mapping[str, Any], manifest: Manifest) -> Section:
    findings = account.get("findings")
    heading = "What the inspection found"
    if findings is None:
        text = (
            "This version of the dataset was not inspected. The following command lists possible "
            "defects, and the next site shows them here."
        )
        command = f"serbench corpus doctor {shlex.quote(manifest.name)}\n"
        return Section("findings", heading, [text], [Code("In a terminal", command)])
    if not findings:
        text = f"There is no finding in {counted(len(manifest), 'recording')}."
        return Section("findings", heading, [text])
    kinds = Counter((each["kind"], each["severity"]) for each in findings)
    text = (
        f"{counted(len(findings), 'finding')} in {counted(len(manifest), 'recording')}. They are "
        "possible defects, with a suggestion for each."
    )
    parts = [
        Table(
            "Findings of each kind",
            ["finding", "severity", ">findings"],
            [
                [plain(kind), plain(severity), count(number)]
                for (kind, severity), number in kinds.most_common()
            ],
        ),
        Table(
            "All findings",
            ["finding", "subject", "measured", "suggestion"],
            [
                [plain(each[name]) for name in ("kind", "subject", "measured", "suggestion")]
                for each in findings
            ],
        ),
    ]
    return Section("findings", heading, [text], parts)


def _licences(account: Mapping[str, Any]) -> Section:
    conflicts = account.get("conflicts", ())
    table = Table(
        "Licence of each corpus",
        ["corpus", "licence", "commercial use"],
        [
            [plain(corpus), plain(licence["name"]), plain(licence["commercial"])]
            for corpus, licence in account.get("licences", {}).items()
        ],
    )
    sentences = [
        f"{', '.join(PurePath(each).name for each in conflict['recordings'])}: "
        f"{conflict['evidence']}."
        for conflict in conflicts
    ]
    return Section("licences", "Licences", sentences, [table])


def _entries(entries: Sequence[EntryView]) -> Section:
    if not entries:
        return Section("entries", "Entries", ["There is no entry on this dataset."])
    table = Table(
        "Entries on this dataset; only those of one protocol can be compared",
        ["entry", "protocol", "evidence", ">UA, %", ">95 % CI"],
        [
            [
                Cell(f"{each.entry}: {system_of(each)}", link=entry_path(each.entry)),
                plain(each.protocol_id),
                plain(each.evidence_text),
                share(each.uar),
                interval(each.scores["uar"].interval),
            ]
            for each in entries
        ],
    )
    return Section("entries", "Entries", (), [table])
