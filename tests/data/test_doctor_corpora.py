"""The doctor sees what is unlike the rest of its corpus, and what a study cannot learn from."""

import itertools

import pytest
import soundfile
from speaking import RATE, files, findings_of, healthy, name, only, save, speech

from serbench.builtin.csv_table import CsvTable
from serbench.data.doctor.inspection import inspect
from serbench.data.emotions import EMOTIONS
from serbench.data.scan import scan

WORDS = ("back", "bar", "base", "bath", "bean", "beg")


@pytest.fixture
def corpus(tmp_path):
    """Thirty-six recordings of six actors."""
    return healthy(tmp_path / "corpus")


@pytest.fixture
def tess(tmp_path):
    """Both actresses say six words in two emotions; one file is named as TESS publishes it."""
    for number, (speaker, word, label) in enumerate(
        itertools.product(("OAF", "YAF"), WORDS, ("angry", "neutral"))
    ):
        save(tmp_path / "tess" / f"{speaker}_{word}_{label}.wav", speech(number))
    return tmp_path / "tess"


@pytest.mark.parametrize("odd", [8000, 96000])
def test_a_rate_unlike_nearly_all_others_is_to_be_converted(corpus, odd):
    save(corpus / name(), speech(1, rate=odd), odd)
    finding = only(findings_of(corpus), "sample-rate")
    assert files(finding) == [name()]
    assert finding.measured == f"{odd:,} Hz; ravdess: 16,000 Hz"
    assert (finding.severity, finding.suggestion) == ("note", "convert")


def test_a_corpus_of_many_rates_has_no_odd_ones(corpus):
    for actor in (1, 2):
        for path in corpus.glob(f"*-{actor:02}.wav"):
            sound, _ = soundfile.read(path)
            save(path, sound, 2 * RATE)
    assert "sample-rate" not in {finding.kind for finding in findings_of(corpus)}


def test_each_corpus_may_have_its_own_rate(corpus, tess):
    for path in tess.iterdir():
        sound, _ = soundfile.read(path)
        save(path, sound, 24414)
    assert "sample-rate" not in {finding.kind for finding in findings_of(corpus, tess)}


def test_a_stereo_file_among_mono_ones_is_to_be_converted(corpus):
    save(corpus / name(), speech([1, 5, 1])[:, None].repeat(2, axis=1))
    finding = only(findings_of(corpus), "channels")
    assert files(finding) == [name()]
    assert finding.measured == "2 channels; ravdess: 1 channel"
    assert finding.suggestion == "convert"


@pytest.mark.parametrize("seconds", [0.3, 12])
def test_a_duration_far_out_is_to_be_looked_at(corpus, seconds):
    save(corpus / name(), speech(1, seconds))
    finding = only(findings_of(corpus), "duration")
    assert files(finding) == [name()]
    assert finding.measured.startswith(f"{seconds:.2f} s; the median of ravdess is 1.50 s")
    assert finding.suggestion == "look at"


def test_a_name_that_was_read_between_the_lines_is_to_be_looked_at(tess):
    assert findings_of(tess) == ()
    (tess / "OAF_beg_neutral.wav").rename(tess / "OA_beg_neutral.wav")
    finding = only(findings_of(tess), "name")
    assert files(finding) == ["OA_beg_neutral.wav"]
    assert finding.measured == "'OA' where other names have 'YAF' or 'OAF'"
    assert finding.suggestion == "look at"


def test_a_word_of_only_one_speaker_is_no_finding(tess):
    save(tess / "YAF_unheard_angry.wav", speech(99))
    assert findings_of(tess) == ()


def test_an_emotion_with_very_few_clips_is_found(corpus):
    save(corpus / name(emotion=1), speech(1))
    found = [finding for finding in findings_of(corpus) if finding.kind == "lone-class"]
    assert [(finding.subject, finding.measured) for finding in found] == [
        ("neutral", "only ravdess/01 of 6 speakers expresses it"),
        ("ravdess: neutral", "clips: 1; the median emotion of ravdess has 12"),
    ]
    assert all(files(finding) == [name(emotion=1)] for finding in found)
    assert {finding.suggestion for finding in found} == {"look at"}


def test_a_speaker_with_one_emotion_is_found(corpus):
    save(corpus / name(actor=9), speech(1))
    save(corpus / name(actor=9, sentence=2), speech(2))
    finding = only(findings_of(corpus), "one-emotion-speaker")
    assert (finding.subject, finding.measured) == ("ravdess/09", "only anger, clips: 2")
    assert set(files(finding)) == {name(actor=9), name(actor=9, sentence=2)}


def test_where_all_express_one_emotion_that_is_how_the_dataset_is(tmp_path):
    assert findings_of(healthy(tmp_path, emotions=(5,))) == ()


def test_the_worst_comes_first(corpus):
    save(corpus / name(), 0.001 * speech(1))
    save(corpus / name(actor=2), speech(2, rate=8000), 8000)
    save(corpus / name(actor=9), speech(3))
    severities = [finding.severity for finding in findings_of(corpus)]
    assert severities == ["error", "warning", "note"]


def test_what_is_wrong_with_the_real_corpora_is_found(shared_corpora):
    folders = [
        shared_corpora / "tess" / folder
        for folder in ("OAF_fear", "OAF_neutral", "YAF_neutral", "YAF_angry")
    ]
    actors = [shared_corpora / "ravdess" / f"Actor_{actor:02}" for actor in (1, 5)]
    crema_d = shared_corpora / "crema-d" / "AudioWAV"
    clips = [*crema_d.glob("1006_*"), *crema_d.glob("1028_IEO_HAP_*")]
    found = {}
    for finding in findings_of(*folders, *actors, *clips, emotions=EMOTIONS):
        found.setdefault(finding.kind, []).extend(path.split(".")[0] for path in files(finding))
    assert found["sample-rate"] == ["OAF_food_fear"]
    assert found["format"] == ["YAF_germ_angry"]
    assert found["name"] == ["OA_bite_neutral"]
    assert found["conflicting-labels"] == ["1006_TIE_HAP_XX"]
    assert sorted(found["near-duplicate"]) == ["1028_IEO_HAP_LO", "1028_IEO_HAP_MD"]
    stereo = {"03-01-02-01-01-02-01", "03-01-02-01-02-02-05", "03-01-08-01-02-02-01"}
    assert set(found["channels"]) == stereo


def listed(folder, *speakers):
    """The findings about names of people, of two recordings of each, listed in a table."""
    lines = ["path,emotion,speaker"]
    for number, (speaker, emotion) in enumerate(itertools.product(speakers, ("anger", "fear"))):
        save(folder / f"{number}.wav", speech(number))
        lines.append(f"{number}.wav,{emotion},{speaker}")
    (folder / "mine.csv").write_text("\n".join(lines), encoding="utf-8")
    manifest = scan([folder], "some", [CsvTable()]).manifest
    return [each for each in inspect(manifest, {}) if each.kind == "speakers-alike"]


def test_names_of_people_that_differ_in_case_or_separators_only_are_noted(tmp_path):
    [finding] = listed(tmp_path, "Anna", "anna", "Bob", "s_01", "s_02")
    assert (finding.severity, finding.suggestion) == ("note", "look at")
    assert finding.subject == "csv/Anna, csv/anna"
    assert len(finding.paths) == 4


def test_names_that_differ_in_more_are_not_noted(tmp_path):
    assert listed(tmp_path, "1", "01", "1-1", "11", "Ann", "Anna") == []
