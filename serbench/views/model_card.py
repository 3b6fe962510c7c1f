"""Model cards: what an exported file is, how it was tested, and what it must not be used for.

After Mitchell and others, "Model cards for model reporting", FAT* 2019, with the header of the
Hugging Face Hub.
"""

from __future__ import annotations

from pathlib import Path

import yaml

from serbench.deploy.model_file import ModelFacts
from serbench.views.detail import EntryDetail
from serbench.views.entry import EntryView

TAGS = ("speech-emotion-recognition", "serbench")

MARK = f"- {TAGS[-1]}\n"
"""A line that every card has."""

WORST = 3
"""So many speakers with the lowest UA are listed."""


def card_of(detail: EntryDetail, facts: ModelFacts, file: Path) -> str:
    """The model card of an exported file, as Markdown.

    Args:
        detail: the entry.
        facts: the facts that the file carries.
        file: the exported file.
    """
    view = detail.view
    header = {
        "library_name": "onnxruntime",
        "pipeline_tag": "audio-classification",
        "tags": list(TAGS),
        "license": "other",
        "datasets": sorted(view.licences) or [view.dataset],
        "metrics": ["recall"],
    }
    sections = (
        _use(facts, file),
        _scores(detail, facts),
        _training(view),
        _limits(view),
    )
    return "\n".join(["---", yaml.safe_dump(header, sort_keys=False) + "---", "", *sections])


def _use(facts: ModelFacts, file: Path) -> str:
    steps = "".join(f"\n{each}" for each in facts.outside)
    level = " The graph sets\nthe level itself." if facts.level == "rms" else ""
    inputs = (
        f"""The input `waveform` is float32 `[1, {facts.samples}]`: mono, {facts.sample_rate} Hz, \
cut to {facts.samples / facts.sample_rate:g} s or
followed by zeros. The input `valid_samples`, int64 `[1]`, is the number of samples before these \
zeros.{level}"""
        if not facts.outside or facts.level == "ebu"
        else "The input `image` is computed outside of the file."
    )
    return f"""# {facts.system}

`{file.name}` classifies the emotion of one recording of speech. Its outputs are \
`probabilities` `[1, {len(facts.emotions)}]`, in the order
{", ".join(facts.emotions)}; `logits`; and, where the classifier works on one vector, `features`.
{inputs}{steps}

| | |
|---|---|
| entry | {facts.entry} of dataset {facts.dataset}, protocol `{facts.protocol_id}` |
| precision | {facts.precision} ({facts.runtime}) |
| temperature of the probabilities | {facts.temperature:.3g} |
| trained weights | sha256 `{facts.weights_sha256}` |
| made by | serbench {facts.version} |
"""


def _scores(detail: EntryDetail, facts: ModelFacts) -> str:
    view = detail.view
    interval = "" if facts.uar_ci is None else f" ({_ends(facts.uar_ci)})"
    rows = "\n".join(
        f"| {emotion} | {'–' if recall is None else f'{100 * recall:.1f}'} |"
        for emotion, recall in zip(detail.emotions, detail.recalls, strict=True)
    )
    worst = "\n".join(
        f"| {group.name} | {group.clips} | {100 * group.uar:.1f} |"
        for group in detail.speakers[:WORST]
    )
    tables = (
        ""
        if facts.precision == "fp32"
        else "\nThe recalls and the speakers below are those of the network with 32 bits."
    )
    return f"""## Scores

UA (mean recall of the emotions) on new speakers: **{100 * facts.uar:.1f}**{interval}, \
{facts.evidence}, {view.speakers} tested speakers;
chance is {100 / len(facts.emotions):.1f}. The interval is a 95 % interval over speakers. \
The tested networks have the same configuration as this one
and were not trained on the speakers who test them; this one was trained on all \
speakers{_aside(view)}.{tables}

| emotion | recall, % |
|---|--:|
{rows}

The {min(WORST, len(detail.speakers))} speakers with the lowest UA:

| speaker | clips | UA |
|---|--:|--:|
{worst}
"""


def _aside(view: EntryView) -> str:
    return " but those of the holdout" if view.evidence == "holdout" else ""


def _training(view: EntryView) -> str:
    corpora = "\n".join(
        f"| {name} | {view.speech.get(name, 'unknown')} | {licence} |"
        for name, licence in sorted(view.licences.items())
    )
    return f"""## Training data

| corpus | speech | licence |
|---|---|---|
{corpora or f"| {view.dataset} | unknown | unknown |"}

Initial weights: `{view.weights}`, licence {view.weights_licence}, trained on {view.pretraining}. \
Commercial use of corpora and weights: {view.commercial}.
"""


LIMITS = (
    "A label is what a speaker was asked to express, or what listeners perceived; it is not what "
    "the speaker felt.",
    "Scores do not carry over to other languages, ages, microphones or cultures than those tested. "
    "Test with your own recordings first.",
)
"""What no score shows, whatever was tested."""

USE = (
    "Do not base decisions about a person on a recognised emotion, and do not recognise emotions "
    "without the knowledge of the person.",
    "In the European Union, emotion recognition at work and in education is prohibited with few "
    "exceptions, and other uses are of high risk (Regulation (EU) 2024/1689, Article 5(1)(f) and "
    "Annex III).",
)
"""Responsible use."""


def speech_text(view: EntryView) -> str:
    """What kind of speech an entry was trained and tested on, and the note on it."""
    kinds = sorted(set(view.speech.values())) or ["unknown"]
    acted = (
        " Acted emotions are stronger and more alike than natural ones: expect lower scores on "
        "speech of ordinary life."
        if "acted" in kinds
        else ""
    )
    notes = f" Note: {view.note}." if view.note else ""
    return f"Kind of speech in training and test: {', '.join(kinds)}.{acted}{notes}"


def _limits(view: EntryView) -> str:
    """What the scores do not show, and responsible use, as Markdown."""
    paragraphs = ["\n".join([speech_text(view), *LIMITS]), "\n".join(USE)]
    return "\n\n".join(["## Limits and responsible use", *paragraphs]) + "\n"


def _ends(interval: tuple[float, float]) -> str:
    return " to ".join(f"{100 * end:.1f}" for end in interval)
