"""IEMOCAP: utterances from file names, labels from evaluation files."""

import pytest
from making.scanning import scanned, write

from serbench.builtin.iemocap import IEMOCAP

EVALUATION = """\
% [START_TIME - END_TIME] TURN_NAME EMOTION [V, A, D]

[6.2901 - 8.2357]\tSes01F_impro01_F000\tneu\t[2.5000, 2.5000, 2.5000]
C-E2:\tNeutral;\t()
C-E3:\tNeutral;\t()

[10.0100 - 11.3925]\tSes01F_impro01_M000\texc\t[4.0000, 4.0000, 3.0000]
[12.0100 - 13.3925]\tSes01F_impro01_M001\txxx\t[2.5000, 2.5000, 2.5000]
[14.0100 - 15.3925]\tSes01F_impro01_M002\tfru\t[2.5000, 2.5000, 2.5000]
"""
SCRIPTED = "[1.0000 - 2.0000]\tSes05M_script03_2_F001\tang\t[1.5000, 4.0000, 4.5000]\n"
TRANSCRIPTION = "Ses01F_impro01_F000 [006.2901-008.2357]: Excuse me.\n"


@pytest.fixture
def files(tmp_path):
    """A small tree like the publisher's, as a shuffled list of files."""
    tree = {
        "Session1/dialog/transcriptions/Ses01F_impro01.txt": TRANSCRIPTION,
        "Session1/dialog/EmoEvaluation/Ses01F_impro01.txt": EVALUATION,
        "Session1/dialog/EmoEvaluation/._Ses01F_impro01.txt": EVALUATION.replace("neu", "ang"),
        "Session1/dialog/wav/Ses01F_impro01.wav": "",
        "Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav": "",
        "Session1/sentences/wav/Ses01F_impro01/._Ses01F_impro01_F000.wav": "",
        "Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_M000.wav": "",
        "Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_M001.wav": "",
        "Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_M002.wav": "",
        "Session2/sentences/wav/Ses02M_impro02/Ses02M_impro02_F000.wav": "",
        "Session5/dialog/EmoEvaluation/Ses05M_script03_2.txt": SCRIPTED,
        "Session5/sentences/wav/Ses05M_script03_2/Ses05M_script03_2_F001.wav": "",
    }
    for name, text in tree.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return [tmp_path / name for name in sorted(tree, reverse=True)]


@pytest.fixture
def found(files):
    """File stem → recording."""
    return {each.path.stem: each for each in IEMOCAP.recognise(files)}


def test_only_utterances_are_recordings(found):
    assert sorted(found) == [
        "Ses01F_impro01_F000",
        "Ses01F_impro01_M000",
        "Ses01F_impro01_M001",
        "Ses01F_impro01_M002",
        "Ses02M_impro02_F000",
        "Ses05M_script03_2_F001",
    ]


def test_the_label_is_looked_up_in_the_dialogues_evaluation(found):
    utterance = found["Ses01F_impro01_F000"]
    assert (utterance.label, utterance.emotion, utterance.excluded) == ("neu", "neutral", None)
    utterance = found["Ses05M_script03_2_F001"]
    assert (utterance.label, utterance.emotion, utterance.excluded) == ("ang", "anger", None)


def test_excitement_counts_as_happiness_and_keeps_its_label(found):
    utterance = found["Ses01F_impro01_M000"]
    assert (utterance.label, utterance.emotion, utterance.excluded) == ("exc", "happiness", None)


def test_the_speaker_is_not_the_actor_with_the_markers(found):
    assert found["Ses01F_impro01_M000"].speaker == "Ses01M"
    assert found["Ses01F_impro01_M000"].sex == "male"
    assert found["Ses01F_impro01_F000"].speaker == "Ses01F"
    assert found["Ses05M_script03_2_F001"].speaker == "Ses05F"
    assert found["Ses05M_script03_2_F001"].sex == "female"


@pytest.mark.parametrize(
    ("utterance", "label", "reason"),
    [
        ("Ses01F_impro01_M001", "xxx", "annotators did not agree"),
        ("Ses01F_impro01_M002", "fru", "not one of IEMOCAP's four classes"),
        ("Ses02M_impro02_F000", "", "no label file"),
    ],
)
def test_what_has_none_of_the_four_classes_is_excluded_with_the_reason(
    found, utterance, label, reason
):
    recording = found[utterance]
    assert (recording.label, recording.emotion, recording.excluded) == (label, None, reason)


def test_nesting_does_not_matter(files, found, tmp_path):
    flat = tmp_path / "flat"
    flat.mkdir()
    moved = [
        path.rename(flat / path.name) for path in files if path.parent.name != "transcriptions"
    ]
    again = {each.path.stem: each for each in IEMOCAP.recognise(moved)}
    assert {stem: each.label for stem, each in again.items()} == {
        stem: each.label for stem, each in found.items()
    }


def test_ten_actors_take_part():
    assert len(IEMOCAP.sexes) == 10
    assert sorted(IEMOCAP.sexes.values()) == ["female"] * 5 + ["male"] * 5


def labels(files, tmp_path, **stated):
    """Emotions of the utterances that a scan keeps, each of which is made to hold sound."""
    for number, path in enumerate(files):
        if path.suffix == ".wav" and path.parent.name != "wav" and not path.name.startswith("."):
            write(path, number)
    found = scanned(tmp_path, corpora=[IEMOCAP], **stated)
    return {each.label: each.emotion for each in found.manifest.utterances}


@pytest.mark.parametrize(
    ("stated", "expected"),
    [
        ({}, {}),
        ({"emotions": ["anger", "neutral", "frustration"]}, {"fru": "frustration"}),
        ({"labels": {"fru": "anger"}}, {"fru": "anger"}),
        ({"labels": {"frustration": "anger"}}, {"fru": "anger"}),
        ({"labels": {"xxx": "neutral"}}, {"xxx": "neutral"}),
        ({"labels": {"exc": "surprise"}}, {"exc": "surprise"}),
        ({"emotions": ["all", "exc"]}, {"exc": "exc"}),
    ],
)
def test_other_labels_count_where_the_user_names_them(files, tmp_path, stated, expected):
    found = labels(files, tmp_path, **stated)
    usual = {"neu": "neutral", "ang": "anger", "exc": "happiness"}
    assert {label: emotion for label, emotion in found.items() if usual.get(label) != emotion} == (
        expected
    )
