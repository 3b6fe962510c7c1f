"""The vocabulary of emotions."""

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from serbench.data.emotion_words import WORDS
from serbench.data.emotions import (
    EMOTIONS,
    SHARED_EMOTIONS,
    canonical_emotion,
    in_order,
    label_key,
    own_emotion,
)

ALL_WORDS = [
    (word.strip(), emotion)
    for emotion, text in WORDS.items()
    for word in re.split(r"[,\n]", text.replace("code:", ""))
    if word.strip()
]


def test_the_first_six_are_those_that_four_corpora_share():
    assert SHARED_EMOTIONS == ("sadness", "anger", "disgust", "fear", "happiness", "neutral")
    assert (*SHARED_EMOTIONS, "calm", "surprise", "boredom", "contempt") == EMOTIONS


def test_no_word_has_two_emotions():
    meanings = {}
    for word, emotion in ALL_WORDS:
        assert meanings.setdefault(label_key(word), emotion) == emotion, word


@given(st.sampled_from(ALL_WORDS), st.sampled_from(["NFC", "NFD"]), st.sampled_from([0, 1, 2]))
def test_every_word_is_recognised_in_any_case_and_unicode_form(entry, form, case):
    word, emotion = entry
    written = unicodedata.normalize(form, [word, word.upper(), word.title()][case])
    assert canonical_emotion(f" {written} ") == emotion


@pytest.mark.parametrize(
    ("label", "emotion"),
    [
        ("Angry", "anger"),
        ("ANG", "anger"),
        ("wütend", "anger"),
        ("wuetend", "anger"),
        ("WUTEND", "anger"),
        ("colère", "anger"),
        ("colere", "anger"),
        ("rabbia", "anger"),
        ("enojo", "anger"),
        ("Kızgın", "anger"),
        ("KIZGIN", "anger"),
        ("злость", "anger"),
        ("愤怒", "anger"),
        ("NEU", "neutral"),
        ("HAP", "happiness"),
        ("Freude", "happiness"),
        ("pleasant_surprise", "surprise"),
        ("Pleasant-Surprised", "surprise"),
        ("ps", "surprise"),
        ("fear/anxiety", "fear"),
        ("ＡＮＧＲＹ", "anger"),
        ("dégoût", "disgust"),
        ("Verachtung", "contempt"),
        ("Langeweile", "boredom"),
        ("ruhig", "calm"),
    ],
)
def test_common_labels_are_recognised(label, emotion):
    assert canonical_emotion(label) == emotion


@pytest.mark.parametrize("label", [*"WLEAFTNSHDUCOXwleaftn", "sa", "su", "", "?", "05", "xxx"])
def test_a_label_of_several_emotions_or_none_is_not_translated(label):
    assert canonical_emotion(label) is None


def test_emotions_outside_of_the_vocabulary_follow_by_the_alphabet():
    assert in_order(["stress", "neutral", "relaxed", "anger", "stress"]) == (
        "anger",
        "neutral",
        "relaxed",
        "stress",
    )


@given(st.text(max_size=20))
def test_a_name_of_its_own_is_stable_and_keeps_the_key(label):
    name = own_emotion(label)
    assert own_emotion(name) == name
    assert own_emotion(unicodedata.normalize("NFD", label)) == name
