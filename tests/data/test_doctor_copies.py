"""The doctor finds copies, and reports those with other labels or speakers."""

import shutil

import pytest
import soundfile
from speaking import CORPORA, files, findings_of, healthy, name, only, save, speech

from serbench.data.doctor.inspection import exclusions, inspect
from serbench.data.scan import scan


@pytest.fixture
def corpus(tmp_path):
    """Thirty-six recordings of six actors."""
    return healthy(tmp_path / "corpus")


def quieter_copy(first, second):
    sound, rate = soundfile.read(first)
    return save(second, 0.5 * sound, rate)


def test_of_copies_that_contradict_nothing_the_scan_keeps_one(corpus):
    for intensity in (1, 2):
        shutil.copy(corpus / name(), corpus / name(intensity=intensity, take=2))
    assert {finding.kind for finding in findings_of(corpus)} == set()


def test_the_same_audio_under_two_labels_is_to_be_left_out_whole(corpus):
    shutil.copy(corpus / name(emotion=5), corpus / name(emotion=6, take=2))
    finding = only(findings_of(corpus), "conflicting-labels")
    assert sorted(files(finding)) == [name(emotion=5), name(emotion=6, take=2)]
    assert finding.measured == "identical audio"
    assert (finding.severity, finding.suggestion) == ("error", "leave out")


def test_nearly_the_same_audio_under_two_labels_is_a_conflict_too(corpus):
    quieter_copy(corpus / name(emotion=5), corpus / name(emotion=6, take=2))
    finding = only(findings_of(corpus), "conflicting-labels")
    assert sorted(files(finding)) == [name(emotion=5), name(emotion=6, take=2)]
    assert finding.measured == "fingerprints agree to 1.00"
    assert finding.suggestion == "leave out"


def test_the_same_audio_under_two_speakers_is_to_be_left_out_whole(corpus):
    shutil.copy(corpus / name(actor=1), corpus / name(actor=2, take=2))
    finding = only(findings_of(corpus), "conflicting-speakers")
    assert sorted(files(finding)) == [name(actor=1), name(actor=2, take=2)]
    assert finding.suggestion == "leave out"


def test_nearly_the_same_audio_under_one_label_is_to_be_listened_to(corpus):
    quieter_copy(corpus / name(), corpus / name(take=2))
    quieter_copy(corpus / name(take=2), corpus / name(take=2, intensity=2))
    finding = only(findings_of(corpus), "near-duplicate")
    assert sorted(files(finding)) == [name(), name(take=2), name(intensity=2, take=2)]
    assert finding.suggestion == "look at"


def test_a_clip_whose_published_twin_is_not_here_is_a_conflict(corpus):
    save(corpus / "1006_TIE_HAP_XX.wav", speech(1))
    (finding,) = (f for f in findings_of(corpus) if f.kind == "conflicting-labels")
    assert files(finding) == ["1006_TIE_HAP_XX.wav"]
    assert "also published as 1006_TIE_NEU_XX" in finding.measured


def test_exclusions_hold_each_doubtful_recording_once_and_nothing_odd(corpus):
    shutil.copy(corpus / name(emotion=5), corpus / name(emotion=6, take=2))
    shutil.copy(corpus / name(emotion=5), corpus / name(emotion=5, take=2))
    save(corpus / name(actor=2), 0.001 * speech(1))
    quieter_copy(corpus / name(actor=3), corpus / name(actor=3, take=2))
    manifest = scan([corpus], "some", CORPORA.values()).manifest
    excluded = exclusions(manifest, inspect(manifest, CORPORA))
    reasons = {exclusion.path.rpartition("/")[2]: exclusion.reason for exclusion in excluded}
    assert reasons == {
        name(emotion=5): "excluded by doctor: conflicting-labels",
        name(emotion=6, take=2): "excluded by doctor: conflicting-labels",
        name(actor=2): "excluded by doctor: silence",
    }
    assert len(excluded) == len(reasons)
    hashes = {utterance.path: utterance.audio_hash for utterance in manifest.utterances}
    assert all(exclusion.audio_hash == hashes[exclusion.path] for exclusion in excluded)
