"""What the names of recordings tell: language and intensity, and nothing where it is not known."""

from dataclasses import replace

import pytest

from serbench.builtin.crema_d import CREMA_D
from serbench.builtin.emodb import EMODB
from serbench.builtin.ravdess import RAVDESS
from serbench.data.traits import traits_of

CORPORA = {corpus.name: corpus for corpus in (RAVDESS, CREMA_D, EMODB)}


@pytest.mark.parametrize(
    ("corpus", "path", "language", "intensity"),
    [
        ("ravdess", "/a/Actor_01/03-01-05-02-01-01-01.wav", "English", "strong"),
        ("ravdess", "/a/Actor_01/03-01-05-01-01-01-01.flac", "English", "normal"),
        ("crema-d", "1001_IEO_ANG_HI.wav", "English", "high"),
        ("crema-d", "/a/1001_TIE_ANG_XX.wav", "English", None),
        ("emodb", "/a/03a01Fa.wav", "German", None),
        ("own", "/a/03-01-05-02-01-01-01.wav", None, None),
    ],
)
def test_language_and_intensity_come_from_the_corpus(made, corpus, path, language, intensity):
    utterance = replace(made.manifest().utterances[0], corpus=corpus, path=path)
    found = traits_of(utterance, CORPORA)
    assert (found["language"], found["intensity"]) == (language, intensity)
    assert (found["sex"], found["corpus"]) == (utterance.sex, corpus)
