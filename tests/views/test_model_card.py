"""Model cards: their figures are those of the entry, and their warnings are complete."""

from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from making.entries import add_entry
from making.facts import FACTS

from serbench.data.licence import Licence
from serbench.views.detail import entry_detail
from serbench.views.model_card import card_of

FILE = Path("folder/model.onnx")


@pytest.fixture
def detail(database, made):
    manifest = made.manifest()
    number = add_entry(database, made, manifest, protocol="speaker-2:holdout")
    found = entry_detail(database, number, manifest)
    licences = {"ravdess": Licence("CC BY-NC-SA 4.0", "no"), "mine": Licence("own", "yes")}
    speech = {"ravdess": "acted", "mine": "natural"}
    return replace(found, view=replace(found.view, licences=licences, speech=speech))


@pytest.fixture
def card(detail):
    return card_of(detail, FACTS, FILE)


def header(card):
    _, found, _ = card.split("---\n", 2)
    return yaml.safe_load(found)


def rows(card, first):
    """The table under a header row, as lists of cells."""
    lines = card[card.index(first) :].partition("\n\n")[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_header_is_metadata_of_the_hugging_face_hub(card, detail):
    found = header(card)
    assert found["pipeline_tag"] == "audio-classification"
    assert found["library_name"] == "onnxruntime"
    assert found["datasets"] == sorted(detail.view.licences)


def test_the_input_and_the_labels_are_those_of_the_file(card):
    assert "`model.onnx`" in card
    assert "folder" not in card
    assert "`[1, 2000]`" in card
    assert "8000 Hz" in card
    assert "0.25 s" in card
    assert "anger, fear, calm" in card
    assert FACTS.weights_sha256 in card


def test_the_score_is_that_of_the_precision_with_its_evidence(card):
    assert "**75.0** (50.0 to 87.5), selection-corrected CV" in card
    assert "chance is 33.3" in card


def test_recalls_and_the_worst_speakers_are_those_of_the_entry(card, detail):
    found = dict(rows(card, "| emotion | recall"))
    for emotion, recall in zip(detail.emotions, detail.recalls, strict=True):
        assert found[emotion] == ("–" if recall is None else f"{100 * recall:.1f}")
    worst = rows(card, "| speaker | clips |")
    uars = [float(uar) for _, _, uar in worst]
    assert uars == sorted(uars)
    assert 1 <= len(worst) <= 3


def test_without_an_interval_there_is_none(detail):
    card = card_of(detail, replace(FACTS, uar_ci=None), FILE)
    assert "**75.0**, selection-corrected CV" in card


def test_training_data_have_kind_and_licence(card, detail):
    found = {name: cells for name, *cells in rows(card, "| corpus | speech |")}
    assert found.keys() == detail.view.licences.keys()
    for name, licence in detail.view.licences.items():
        assert found[name] == [detail.view.speech[name], str(licence)]


@pytest.mark.parametrize(("level", "sets"), [("rms", True), ("keep", False), ("ebu", False)])
def test_only_the_level_of_the_graph_is_its_own(detail, level, sets):
    outside = ("The loudness has to be -23 LUFS.",) if level == "ebu" else ()
    card = card_of(detail, replace(FACTS, level=level, outside=outside), FILE)
    assert ("the level itself" in card) == sets
    assert "`valid_samples`" in card


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_figures_of_another_precision_are_named(detail, precision):
    card = card_of(detail, replace(FACTS, precision=precision), FILE)
    assert ("with 32 bits" in card) == (precision != "fp32")


def test_an_unknown_corpus_is_unknown(detail):
    card = card_of(replace(detail, view=replace(detail.view, licences={}, speech={})), FACTS, FILE)
    assert rows(card, "| corpus | speech |") == [[detail.view.dataset, "unknown", "unknown"]]
    assert header(card)["datasets"] == [detail.view.dataset]


def test_what_is_outside_of_the_file_is_stated(detail):
    facts = replace(FACTS, outside=("Compute eGeMAPS.",))
    card = card_of(detail, facts, FILE)
    assert "Compute eGeMAPS." in card
    assert "`image`" in card
    assert "`valid_samples`" not in card


def test_acted_speech_and_the_law_are_named(card):
    assert "acted" in card.partition("## Limits")[2]
    assert "2024/1689" in card
