"""Labels of any spelling, own labels, and which of two corpora a recording belongs to."""

import csv
import json
import tempfile
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from making.scanning import anger, scanned, write

from serbench.builtin.csv_table import CsvTable
from serbench.builtin.folders import Folders
from serbench.builtin.ravdess import RAVDESS
from serbench.data.path_pattern import PathPattern
from serbench.data.scan import UNKNOWN_EMOTION
from serbench.data.scan_options import pairs
from serbench.data.tables import TABLE_SUFFIXES
from serbench.errors import DatasetError, UnknownNameError, UsageError

OWN = (CsvTable(), Folders())


@pytest.fixture
def table(tmp_path):
    """Recordings, one for each label, listed in a table; the scan of their folder."""

    def table(*labels, speakers=("a",), corpora=OWN, **options):
        lines = ["path,emotion,speaker"]
        for number, label in enumerate(labels):
            write(tmp_path / f"{number}.wav", number)
            lines.append(f"{number}.wav,{label},{speakers[number % len(speakers)]}")
        (tmp_path / "mine.csv").write_text("\n".join(lines))
        return scanned(tmp_path, corpora=corpora, **options)

    return table


def emotions(found):
    return [utterance.emotion for utterance in sorted(found.manifest.utterances, key=_path)]


def _path(utterance):
    return utterance.path


def test_labels_of_every_spelling_become_canonical(table):
    found = table("Angry", "ANG", "wütend", "colère", "HAP", "NEU")
    assert emotions(found) == ["anger"] * 4 + ["happiness", "neutral"]
    assert found.manifest.emotions == ("anger", "happiness", "neutral")


def test_rows_of_unknown_labels_are_skipped_and_all_labels_are_counted(table):
    found = table("anger", "smug", "meh", "smug", "joy")
    assert found.skipped_by_reason() == {UNKNOWN_EMOTION: 3}
    assert found.found == len(found.manifest) + len(found.skipped) == 5
    assert found.unknown == {"smug": 2, "meh": 1}
    [remark] = found.summary()["remarks"]
    assert all(text in remark for text in ("'smug' × 2", "'meh' × 1", "--map", "--emotions"))


def test_where_every_label_is_unknown_the_error_names_them_all(table):
    with pytest.raises(DatasetError) as refusal:
        table("smug", "meh")
    assert all(text in str(refusal.value) for text in ("smug", "meh", "--map"))


def test_a_map_from_a_label_that_no_recording_has_is_named(table):
    found = table("joy", "ANG", labels={"jooy": "anger", "joy": "anger", "anger": "sadness"})
    [remark] = found.summary()["remarks"]
    assert "--map jooy=anger" in remark


@pytest.mark.parametrize("label", ["wütend", "ANG", "anger", "Smug"])
def test_a_map_from_a_spelling_or_an_emotion_that_occurs_needs_no_remark(table, label):
    found = table("wütend", "ANG", "smug", labels={"smug": "fear", label: "sadness"})
    assert found.remarks == ()


def test_a_map_wins_over_the_vocabulary_and_over_the_corpus(table, tmp_path):
    assert emotions(table("joy", "Smug", labels={"JOY": "anger", "smug": "happy"})) == [
        "anger",
        "happiness",
    ]
    write(tmp_path / "calm" / "03-01-02-01-01-01-01.wav", 9)
    found = scanned(tmp_path / "calm", labels={"02": "neutral"})
    assert emotions(found) == ["neutral"]


def test_an_emotion_may_be_mapped_whatever_its_label(table):
    found = table("ruhig", "calm", "neutral", labels={"calm": "neutral"})
    assert emotions(found) == ["neutral"] * 3


def test_emotions_that_a_map_leads_to_are_kept_besides_the_six(table):
    found = table("meh", "anger", "calm", labels={"meh": "boredom"})
    assert found.manifest.emotions == ("anger", "boredom")


def test_labels_named_among_the_emotions_are_classes_of_their_own(table):
    found = table("Stress", "relaxed", "stress ", "anger", emotions=("relaxed", "STRESS"))
    assert found.manifest.emotions == ("relaxed", "stress")
    assert found.manifest.targets.tolist().count(1) == 2
    assert found.skipped_by_reason() == {"emotion 'anger' is not in --emotions": 1}


def test_all_keeps_known_emotions_and_named_labels(table):
    labels = ("boredom", "anger", "stress", "smug")
    assert table(*labels, emotions=("all",)).manifest.emotions == ("anger", "boredom")
    both = table(*labels, emotions=("all", "stress")).manifest.emotions
    assert both == ("anger", "boredom", "stress")


def test_a_label_may_be_mapped_to_one_of_its_own(table):
    found = table("tense", "anger", emotions=("stress", "anger"), labels={"tense": "Stress"})
    assert found.manifest.emotions == ("anger", "stress")


def test_a_word_of_the_vocabulary_may_stay_a_label_of_its_own(table):
    found = table("joy", "happy", emotions=("joy", "happiness"), labels={"joy": "joy"})
    assert found.manifest.emotions == ("happiness", "joy")


def test_a_map_to_a_label_that_the_emotions_do_not_name_is_refused(table):
    with pytest.raises(UsageError) as refusal:
        table("tense", labels={"tense": "stress"})
    assert (refusal.value.facts["label"], refusal.value.facts["emotion"]) == ("tense", "stress")
    assert "--emotions" in str(refusal.value)


def test_an_emotion_that_is_nowhere_is_answered_with_labels_that_are(table):
    with pytest.raises(UnknownNameError) as refusal:
        table("stress", "anger", emotions=("stres",))
    assert refusal.value.nearest[0] == "stress"


def test_an_emotion_that_a_corpus_registers_needs_no_label(tmp_path):
    write(tmp_path / anger(1))
    fury = replace(RAVDESS, emotions={"05": "fervour"}, own_emotions=("fervour",))
    assert scanned(tmp_path, corpora=(fury,), emotions=("all",)).manifest.emotions == ("fervour",)
    assert scanned(tmp_path, corpora=(fury,), emotions=("Fervour",)).manifest.emotions == (
        "fervour",
    )


def test_one_label_spelt_two_ways_in_two_tables_is_one_recording(table, tmp_path):
    (tmp_path / "other.tsv").write_text("file\tlabel\tspk\n0.wav\tANG\ta\n1.wav\tsad\ta\n")
    found = table("angry", "sadness")
    assert (found.found, len(found.manifest), found.conflicts) == (4, 2, ())


def test_one_recording_under_two_emotions_is_a_conflict(table, tmp_path):
    (tmp_path / "other.csv").write_text("path,emotion,speaker\n0.wav,fear,a\n")
    found = table("angry")
    assert (len(found.manifest), len(found.conflicts)) == (2, 1)


@pytest.mark.parametrize("other", ["Zoë", " Zoë  "])
def test_names_of_speakers_have_one_unicode_form_and_single_spaces(table, other):
    written = (unicodedata.normalize("NFC", "Zoë"), unicodedata.normalize("NFD", other))
    found = table("anger", "fear", speakers=written)
    assert set(found.manifest.speakers) == {"csv/Zoë"}


def test_where_names_and_a_table_agree_the_corpus_of_the_names_counts(tmp_path):
    path = write(tmp_path / anger(1))
    (tmp_path / "mine.csv").write_text(f"path,emotion,speaker\n{path.name},Wut,x\n")
    found = scanned(tmp_path, corpora=(RAVDESS, *OWN))
    assert set(found.manifest.speakers) == {"ravdess/01"}
    assert found.found == 1
    [remark] = found.summary()["remarks"]
    assert "--corpus csv" in remark


@pytest.mark.parametrize("label", ["fear", "7", "angry and more"])
def test_where_names_and_a_table_differ_names_count_and_the_choice_is_named(tmp_path, label):
    path = write(tmp_path / "Actor_01" / anger(1))
    rows = f"{path.name},{label},x\nnowhere.wav,anger,x\n"
    (tmp_path / "metadata.csv").write_text(f"path,emotion,speaker\n{rows}")
    found = scanned(tmp_path, corpora=(RAVDESS, *OWN))
    assert [(u.corpus, u.emotion) for u in found.manifest.utterances] == [("ravdess", "anger")]
    assert found.skipped_by_reason() == {"missing": 1}
    remark = next(each for each in found.summary()["remarks"] if "--corpus csv" in each)
    assert ("another emotion" in remark) == (label == "fear")


def test_a_table_that_the_user_names_counts_before_names(tmp_path):
    path = write(tmp_path / anger(1))
    table = tmp_path / "mine.csv"
    table.write_text(f"path,emotion,speaker\n{path.name},fear,x\n")
    found = scanned(tmp_path, table, corpora=(RAVDESS, *OWN))
    assert [(u.corpus, u.emotion) for u in found.manifest.utterances] == [("csv", "fear")]


METADATA = {
    "without speakers": "filename,emotion\nActor_01/{name}.wav,angry\n",
    "of another machine": "path,emotion,actor\n/kaggle/input/x/{name}.wav,e05,1\nb.wav,angry,2\n",
    "without endings": "Stimulus,Filename,emotion,ActorID\n1,{name},N,1\n",
    "of people": "ActorID,Age,Sex\n1,51,Male\n",
    "of votes": ',"FileName","VoiceVote","VoiceLevel"\n1,"{name}","N","59"\n',
    "without columns' names": "{name}.wav\tanger\t1\n",
    "in JSON lines": '{{"key": "x", "wav": "downloads/ravdess/{name}.wav", "emo": "angry"}}\n',
}


@pytest.mark.parametrize("text", METADATA.values(), ids=METADATA)
def test_a_table_beside_a_published_corpus_changes_nothing_but_the_remarks(tmp_path, text):
    path = write(tmp_path / "Actor_01" / anger(1))
    suffix = ".jsonl" if text.startswith("{{") else ".csv"
    (tmp_path / f"metadata{suffix}").write_text(text.format(name=path.stem))
    found = scanned(tmp_path, corpora=(RAVDESS, *OWN))
    assert [(u.corpus, u.emotion) for u in found.manifest.utterances] == [("ravdess", "anger")]
    other = 1 if "b.wav" in text else 0
    assert (found.found, len(found.skipped)) == (1 + other, other)


def test_what_an_option_of_the_scan_states_counts_before_names(tmp_path):
    path = write(tmp_path / "fear" / "x" / anger(1))
    pattern = PathPattern("{emotion}/{speaker}/*")
    found = scanned(tmp_path, corpora=(RAVDESS, *OWN), pattern=pattern)
    assert [(u.speaker, u.emotion) for u in found.manifest.utterances] == [("folders/x", "fear")]
    (tmp_path / "mine.csv").write_text(f"f,l,s\nfear/x/{path.name},joy,y\n")
    columns = {"path": "f", "emotion": "l", "speaker": "s"}
    found = scanned(tmp_path, corpora=(RAVDESS, *OWN), columns=columns)
    assert [(u.speaker, u.emotion) for u in found.manifest.utterances] == [("csv/y", "happiness")]


def test_a_refused_table_is_counted_and_the_recordings_beside_it_too(table, tmp_path):
    (tmp_path / "bad.csv").write_text("path,emotion\nx.wav,fear\n")
    write(tmp_path / "x.wav", 77)
    found = table("anger")
    assert (found.found, len(found.manifest), len(found.skipped)) == (3, 1, 2)
    [defect] = [each for each in found.summary()["defects"] if each["path"].endswith("bad.csv")]
    assert "--columns speaker=" in defect["detail"]


def test_pairs_are_given_once_or_several_times():
    assert pairs("--map", ["a=b,c=d", "x, y=z"]) == {"a": "b", "c": "d", "x, y": "z"}


@pytest.mark.parametrize("texts", [["a"], ["=b"], ["a="], ["a=b", "a=c"]])
def test_pairs_that_are_none_are_refused(texts):
    with pytest.raises(UsageError) as refusal:
        pairs("--map", texts)
    assert refusal.value.facts["option"] == "--map"


def test_a_folder_that_is_reached_by_steps_up_is_the_same(table, tmp_path, monkeypatch):
    table("anger", "fear")
    (tmp_path / "inner").mkdir()
    monkeypatch.chdir(tmp_path / "inner")
    found = scanned(Path(".."), corpora=OWN)
    assert (found.found, len(found.manifest)) == (2, 2)


@given(st.binary(max_size=300), st.sampled_from([*sorted(TABLE_SUFFIXES), "db.yaml"]))
@settings(deadline=None, max_examples=60)
def test_no_content_of_a_table_stops_a_scan(content, suffix):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder / anger(1))
        (folder / (suffix if suffix == "db.yaml" else f"t{suffix}")).write_bytes(content)
        assert len(scanned(folder, corpora=(RAVDESS, *OWN)).manifest) == 1


CELLS = st.lists(st.text(max_size=8), min_size=3, max_size=3)


@given(st.lists(CELLS, max_size=4), st.sampled_from([".csv", ".jsonl"]))
@settings(deadline=None, max_examples=60)
def test_no_rows_of_a_table_stop_a_scan(rows, suffix):
    names = ("path", "emotion", "speaker")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write(folder / anger(1))
        with (folder / f"t{suffix}").open("w", encoding="utf-8", errors="replace") as file:
            if suffix == ".csv":
                csv.writer(file).writerows([names, *rows])
            else:
                objects = (dict(zip(names, row, strict=True)) for row in rows)
                file.writelines(json.dumps(each) + "\n" for each in objects)
        found = scanned(folder, corpora=(RAVDESS, *OWN))
        assert found.found == len(found.manifest) + len(found.skipped)


def test_labels_of_any_length_are_shown_in_one_line(table):
    with pytest.raises(DatasetError) as refusal:
        table("x" * 10_000, "y" * 5_000)
    assert len(str(refusal.value)) < 2_000
