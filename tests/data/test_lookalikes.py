"""Other corpora behind the names of a known one: skipped with the reason, unless it is named."""

import csv
import gzip
from collections import defaultdict
from pathlib import Path

import pytest
from making.scanning import scanned, write

from serbench.builtin.crema_d import CREMA_D
from serbench.builtin.demo import DEMO
from serbench.builtin.emodb import EMODB
from serbench.builtin.emovo import EMOVO
from serbench.builtin.folders import Folders
from serbench.builtin.iemocap import IEMOCAP
from serbench.builtin.ravdess import RAVDESS
from serbench.builtin.savee import SAVEE
from serbench.builtin.tess import TESS
from serbench.data.corpus import NamedFiles, Recording, Refused, Remark
from serbench.data.licence import Licence
from serbench.data.path_pattern import PathPattern
from serbench.data.scan import scan
from serbench.data.scan_options import ScanOptions
from serbench.errors import DatasetError, PluginError

STRANGERS = {
    "actor": (RAVDESS, "Actor 34/03-01-05-01-01-01-34.wav", "Actor 02/03-01-04-01-01-01-02.wav"),
    "statement": (RAVDESS, "b/03-01-05-01-03-01-02.wav", "a/03-01-04-01-01-01-01.wav"),
    "strong neutral": (RAVDESS, "b/03-01-01-02-01-01-02.wav", "a/03-01-04-01-01-01-01.wav"),
    "French": (EMODB, "f/sessc/10a01Ca.wav", "f/sessn/11a01Na.wav"),
    "speaker": (SAVEE, "XY_a01.wav", "DC_h01.wav"),
    "sentence": (EMOVO, "f1/rab-f1-x9.wav", "f2/gio-f2-b1.wav"),
    "label": (TESS, "OAF_back_calm.wav", "YAF_back_sad.wav"),
}


@pytest.mark.parametrize(("corpus", "stranger", "alike"), STRANGERS.values(), ids=STRANGERS)
def test_one_name_that_a_corpus_cannot_have_unmasks_the_collection(
    tmp_path, corpus, stranger, alike
):
    files = [tmp_path / stranger, tmp_path / alike]
    found = list(corpus.recognise(files))
    assert {each.path for each in found if isinstance(each, Refused)} == set(files)
    assert not any(isinstance(each, Recording) for each in found)
    (remark,) = (each for each in found if isinstance(each, Remark))
    assert f"--corpus {corpus.name}" in remark.text


@pytest.mark.parametrize(("corpus", "stranger", "alike"), STRANGERS.values(), ids=STRANGERS)
def test_the_corpus_itself_is_not_unmasked(tmp_path, corpus, stranger, alike):
    (found,) = corpus.recognise([tmp_path / alike])
    assert isinstance(found, Recording)


def test_a_collection_beside_the_look_alike_is_kept(tmp_path):
    write(tmp_path / "ravdess" / "Actor_01" / "03-01-05-01-01-01-01.wav", 1)
    write(tmp_path / "ravdess" / "Actor_02" / "03-01-04-01-01-01-02.wav", 2)
    write(tmp_path / "other" / "Actor 01" / "03-01-05-01-03-01-01.wav", 3)
    write(tmp_path / "other" / "Actor 02" / "03-01-04-01-01-01-02.wav", 4)
    found = scanned(tmp_path)
    assert len(found.manifest) == 2
    assert all("/ravdess/" in each.path for each in found.manifest.utterances)
    assert found.found == 4
    assert len(found.remarks) == 1


def test_a_named_corpus_is_believed_in_its_range(tmp_path):
    write(tmp_path / "03-01-05-01-03-01-01.wav", 1)
    write(tmp_path / "03-01-04-01-01-01-02.wav", 2)
    with pytest.raises(DatasetError):
        scanned(tmp_path)
    found = scan([tmp_path], "some", [RAVDESS], ScanOptions(corpora=["ravdess"]))
    assert [each.label for each in found.manifest.utterances] == ["04"]
    assert len(found.skipped) == 1


def test_a_plugin_may_fail_at_one_file_and_no_other(tmp_path):
    class Fragile(NamedFiles):
        def excluded(self, match):
            return {}["missing"] if match["speaker"] == "bad" else None

    fragile = Fragile(
        "fragile",
        "",
        Licence("MIT", "yes"),
        "",
        r"(?P<speaker>\w+)-(?P<label>\w+)",
        {"anger": "anger"},
        speech="acted",
    )
    write(tmp_path / "anna-anger.wav", 1)
    write(tmp_path / "bad-anger.wav", 2)
    found = scanned(tmp_path, corpora=[fragile])
    assert len(found.manifest) == 1
    assert [skip.reason for skip in found.skipped] == [
        "corpus plugin 'fragile' failed on this file"
    ]
    assert found.summary()["licences"] == {"fragile": {"name": "MIT", "commercial": "yes"}}
    assert found.summary()["speech"] == {"fragile": "acted"}


@pytest.mark.parametrize("pattern", [r"(?P<label>\w+)", r"(?P<speaker>\w+)", r"(?P<speaker>"])
def test_a_pattern_that_gives_no_speaker_or_label_is_refused(pattern):
    with pytest.raises(PluginError):
        NamedFiles("x", "", Licence(), "", pattern, {})


CORPORA = (RAVDESS, CREMA_D, SAVEE, TESS, EMODB, EMOVO, IEMOCAP, DEMO)


def recognised(corpus, names):
    found = corpus.recognise([Path("/data", name) for name in names])
    return sum(isinstance(each, Recording) for each in found)


@pytest.fixture(scope="module")
def published(shared_corpora):
    """Corpus → the names of its recordings."""
    names = defaultdict(list)
    with gzip.open(shared_corpora / "published_names.tsv.gz", "rt", encoding="utf-8") as lines:
        for row in csv.DictReader(lines, delimiter="\t"):
            names[row["corpus"].replace("cremad", "crema-d")].append(row["path"])
    return names


@pytest.mark.parametrize("corpus", CORPORA, ids=lambda corpus: corpus.name)
def test_no_published_corpus_is_taken_for_another(published, corpus):
    for name, paths in published.items():
        own = name == corpus.name
        tried = paths if own else paths[::9]
        assert recognised(corpus, tried) == (len(tried) if own else 0)


def test_a_few_names_of_a_published_corpus_are_enough(published):
    for corpus in CORPORA:
        for names in (published[corpus.name][:3], published[corpus.name][-1:]):
            assert recognised(corpus, names) == len(names)


def test_a_misnamed_file_in_a_large_corpus_is_left_out_alone():
    own = [
        f"all/03-01-{label:02}-01-{sentence:02}-01-{actor:02}.wav"
        for actor in range(1, 25)
        for label in range(1, 9)
        for sentence in (1, 2)
    ]
    assert recognised(RAVDESS, [*own, "all/03-01-05-01-01-01-34.wav"]) == len(own)


def test_a_look_alike_that_a_pattern_describes_needs_no_remark(tmp_path):
    for actor in (1, 2):
        write(tmp_path / f"Actor {actor:02}" / f"03-01-05-01-03-01-{actor:02}.wav", actor)
    pattern = PathPattern("Actor {speaker}/03-01-{emotion}-*")
    found = scanned(
        tmp_path, corpora=(RAVDESS, Folders()), pattern=pattern, labels={"05": "neutral"}
    )
    assert [each.emotion for each in found.manifest.utterances] == ["neutral"] * 2
    assert found.remarks == ()
