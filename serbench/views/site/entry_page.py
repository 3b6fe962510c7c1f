"""The page of an entry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from serbench.score.metric import Metric, Score
from serbench.views.cross import CrossCell
from serbench.views.detail import EntryDetail
from serbench.views.entry import EntryView
from serbench.views.model_card import speech_text
from serbench.views.site.entry_sections import (
    emotions_section,
    folds_sections,
    latency_section,
    probabilities_section,
    search_section,
    speakers_section,
)
from serbench.views.site.limits_page import LIMITS_PATH
from serbench.views.site.parts import (
    DASH,
    Cell,
    Code,
    Page,
    Section,
    Table,
    count,
    counted,
    interval,
    number,
    plain,
    share,
)
from serbench.views.site.study_text import study_text
from serbench.views.study import StudyView


@dataclass(frozen=True)
class EntryMaterial:
    """What the page of an entry is made of.

    Attributes:
        view: scores and identity, with one of its latencies.
        detail: all recorded details; None if its predictions are not stored.
        study: its study with all trials; None for an import.
        elsewhere: its tests on other datasets.
    """

    view: EntryView
    detail: EntryDetail | None
    study: StudyView | None
    elsewhere: Sequence[CrossCell]


def entry_path(entry: int) -> str:
    """Address of the page of an entry."""
    return f"entries/{entry}.html"


def system_of(view: EntryView) -> str:
    """Backbone, read-out and head of an entry, as text."""
    readout = view.readout if view.readout != "pooled" else ""
    return ", ".join(filter(None, (view.backbone, readout, view.head)))


def entry_page(
    material: EntryMaterial, metrics: Sequence[Metric], dataset_path: str, tryable: str
) -> Page:
    """The page of an entry.

    Args:
        material: what it is made of.
        metrics: the registered metrics.
        dataset_path: address of the page of its dataset; empty if it has none.
        tryable: address of the page that executes its network; empty if there is none.
    """
    view, detail, study = material.view, material.detail, material.study
    sections = [_scores(material, metrics)]
    if detail is not None:
        sections += [
            emotions_section(detail),
            speakers_section(detail),
            *folds_sections(detail, study),
        ]
        sections += [probabilities_section(detail)]
    if study is not None:
        sections += [search_section(study)]
    if detail is not None and detail.latencies:
        sections += [latency_section(detail)]
    if material.elsewhere:
        sections += [_elsewhere(material.elsewhere)]
    sections += [_card(view), _reproduction(view, detail)]
    return Page(
        entry_path(view.entry),
        f"Entry {view.entry}: {system_of(view)}",
        _lead(view),
        _identity(view, detail),
        sections,
        links=tuple(
            (text, path)
            for text, path in (
                (f"Dataset {view.dataset}", dataset_path),
                ("Try it on a recording", tryable),
                ("Compare it with another entry", f"compare.html#a={view.entry}"),
            )
            if path
        ),
    )


def _lead(view: EntryView) -> str:
    score = view.scores["uar"]
    ends = score.interval
    text = f"UA {100 * score.value:.1f} %"
    if ends is not None:
        text += f" (95 % interval {100 * ends[0]:.1f} to {100 * ends[1]:.1f})"
    whom = "speakers it was trained on" if view.speaker_dependent else "new speakers"
    text += f" on {whom}, {counted(view.speakers, 'test speaker')}, {view.evidence_text}"
    if view.latency.p90 is not None:
        text += f"; p90 latency {view.latency.p90:.1f} ms in {view.latency.runtime}"
    return f"{text}."


def _identity(view: EntryView, detail: EntryDetail | None) -> list[tuple[str, str]]:
    latency = view.latency
    facts = [
        ("dataset", f"{view.dataset} [{view.dataset_hash[:8]}]"),
        ("protocol", view.protocol_id),
        ("backbone", view.backbone),
        ("front end", view.front_end),
        ("read-out", view.readout),
        ("head", view.head),
        ("objective", view.objective),
        ("schedule", view.schedule),
        ("augmentations", view.augmentations),
        ("initial weights", view.weights),
        ("pretrained on", view.pretraining),
        ("licence of the weights", view.weights_licence.text),
        ("clips", view.clips),
        ("compute settings", view.compute_settings),
        ("parameters", "" if view.params is None else f"{view.params:,}"),
        ("size of the weights", "" if view.size_mb is None else f"{view.size_mb:.3g} MB"),
        ("multiply-accumulate operations", "" if view.macs is None else f"{view.macs:,}"),
        ("machine of the latency", latency.machine if latency.runtime else ""),
        ("commercial use", view.commercial),
        ("note", view.note),
    ]
    if detail is not None:
        facts.append(("created", detail.created))
    return [(term, value) for term, value in facts if value]


def _scores(material: EntryMaterial, metrics: Sequence[Metric]) -> Section:
    view, detail = material.view, material.detail
    known = {metric.name: metric for metric in metrics}
    order = [*(name for name in known if name in view.scores), *sorted(view.scores.keys() - known)]
    rows = [_score_row(known.get(name), name, view.scores[name]) for name in order]
    sentences = [f"Evidence: {view.evidence_text}. All intervals are 95 % intervals over speakers."]
    if view.cv_uar_mean is not None:
        spread = "" if view.cv_uar_sd is None else f" ± {100 * view.cv_uar_sd:.1f} over the folds"
        optimism = "" if view.optimism is None else f"; optimism {100 * view.optimism:+.1f} points"
        sentences.append(
            f"The winner was selected with a UA of {100 * view.cv_uar_mean:.1f}{spread}{optimism}."
        )
    if view.holdout_looks_total > 1:
        sentences.append(
            f"Networks tested on this holdout so far: {view.holdout_looks_total}, of which "
            f"{view.holdout_looks} by this study; with more tests, the best score is more "
            "optimistic."
        )
    if material.study is not None:
        gain = (material.study.detail["entry"] or {}).get("gain")
        if gain is not None:
            sentences.append(_sentence(gain["sentence"]))
    if detail is not None:
        sentences += [_sentence(each) for each in detail.seeds.sentences]
        if detail.seeds.components:
            sentences.append(_sentence(detail.seeds.components))
    else:
        sentences.append("The predictions of this entry are not stored, so that there is no more.")
    table = Table("Scores with their 95 % intervals", ["metric", ">score", ">95 % CI"], rows)
    return Section("scores", "Scores", sentences, [table])


def _score_row(metric: Metric | None, name: str, score: Score) -> list[Cell]:
    label = name if metric is None else metric.label
    if metric is not None and metric.share:
        return [plain(label), share(score.value), interval(score.interval)]
    ends = score.interval
    text = DASH if ends is None else f"{ends[0]:.3f} to {ends[1]:.3f}"
    return [plain(label), number(score.value), plain(text)]


def _sentence(text: str) -> str:
    """A clause as a sentence."""
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith(".") else ".")


def _elsewhere(cells: Sequence[CrossCell]) -> Section:
    table = Table(
        "The shipped network on other datasets, whose speakers it was not trained on",
        ["dataset", ">UA, %", ">95 % CI", ">emotions", ">clips", ">speakers"],
        [
            [
                plain(each.tested),
                share(each.uar),
                interval(each.uar_ci),
                count(len(each.emotions)),
                count(each.clips),
                count(each.speakers),
            ]
            for each in cells
        ],
    )
    warnings = [_sentence(warning) for each in cells for warning in each.warnings]
    return Section("other-datasets", "Other datasets", warnings, [table])


def _card(view: EntryView) -> Section:
    corpora = Table(
        "Training data",
        ["corpus", "speech", "licence", "commercial use"],
        [
            [
                plain(name),
                plain(view.speech.get(name, "unknown")),
                plain(licence.name),
                plain(licence.commercial),
            ]
            for name, licence in sorted(view.licences.items())
        ],
    )
    return Section(
        "model-card",
        "Model card",
        [
            f"Initial weights: {view.weights}, licence {view.weights_licence.text}, trained on "
            f"{view.pretraining}. Commercial use of corpora and weights: {view.commercial}.",
            speech_text(view),
        ],
        [corpora] if corpora.rows else [],
        [("Limits and responsible use", LIMITS_PATH)],
    )


def _reproduction(view: EntryView, detail: EntryDetail | None) -> Section:
    if detail is None or not detail.plan:
        sentence = (
            "This entry was imported: its file has the SHA-256 "
            f"{detail.versions.get('file', '') or 'unknown'}."
            if detail is not None
            else "Its study is not stored."
        )
        return Section("reproduce", "Reproduce it", [sentence])
    codes = [
        Code("In the database with this entry", f"serbench study reproduce {view.entry}\n"),
        Code(
            "Anywhere else, with the same recordings scanned as "
            f"{view.dataset} and the study file below",
            "serbench study run --study study.toml\n",
        ),
        Code("study.toml", study_text(detail.plan)),
    ]
    made = ", ".join(f"{name} {version}" for name, version in sorted(detail.versions.items()))
    sentences = [f"It was made with {made}."]
    if detail.artifact_sha256:
        sentences.append(f"The SHA-256 of its network is {detail.artifact_sha256}.")
    return Section("reproduce", "Reproduce it", sentences, codes)
