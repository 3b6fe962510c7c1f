"""The doctor finds defects of single recordings."""

import numpy as np
import pytest
import soundfile
from speaking import RATE, files, findings_of, healthy, name, only, save, speech

from serbench.builtin.ravdess import RAVDESS
from serbench.data.doctor.inspection import inspect
from serbench.data.scan import scan

PATIENT = name(actor=3)


@pytest.fixture
def corpus(tmp_path):
    """Thirty-six recordings of six actors."""
    return healthy(tmp_path / "corpus")


def changed(corpus, change):
    sound, rate = soundfile.read(corpus / PATIENT)
    save(corpus / PATIENT, change(sound), rate)
    return only(findings_of(corpus), findings_of(corpus)[0].kind)


def test_a_corpus_without_defects_has_no_findings(corpus):
    assert findings_of(corpus) == ()


def test_near_silence_is_to_be_left_out(corpus):
    finding = changed(corpus, lambda sound: 0.002 * sound)
    assert (finding.kind, finding.suggestion) == ("silence", "leave out")
    assert files(finding) == [PATIENT]
    assert finding.severity == "error"
    assert "dB of full scale (limit -60)" in finding.measured


def test_a_constant_voltage_is_silence_too(corpus):
    save(corpus / PATIENT, np.full(3 * RATE // 2, 0.25))
    kinds = {finding.kind: finding.suggestion for finding in findings_of(corpus)}
    assert kinds == {"silence": "leave out", "dc-offset": "convert"}


def test_clipping_is_a_ceiling_that_many_samples_touch(corpus):
    finding = changed(corpus, lambda sound: np.clip(4 * sound, -0.7, 0.7))
    assert (finding.kind, finding.suggestion) == ("clipping", "look at")
    assert files(finding) == [PATIENT]
    assert "clipped at 0.70" in finding.measured


def test_a_loud_peak_alone_is_no_clipping(corpus):
    def loud(sound):
        return 0.999 * sound / np.abs(sound).max()

    sound, rate = soundfile.read(corpus / PATIENT)
    save(corpus / PATIENT, loud(sound), rate)
    assert findings_of(corpus) == ()


def test_an_offset_is_measured(corpus):
    finding = changed(corpus, lambda sound: 0.8 * sound + 0.02)
    assert (finding.kind, finding.severity) == ("dc-offset", "note")
    assert finding.measured == "mean of 0.020 of full scale (limit 0.005)"


@pytest.mark.parametrize("container", ["AIFF", "FLAC", "AU"])
def test_a_container_that_the_name_does_not_claim_is_to_be_converted(corpus, container):
    sound, rate = soundfile.read(corpus / PATIENT, dtype="int16")
    soundfile.write(corpus / PATIENT, sound, rate, format=container)
    finding = only(findings_of(corpus), "format")
    assert files(finding) == [PATIENT]
    assert finding.measured == f"suffix .wav, but content in the format {container}"
    assert finding.suggestion == "convert"


@pytest.mark.parametrize("container", ["WAV", "WAVEX", "RF64"])
def test_every_kind_of_wav_may_be_named_wav(corpus, container):
    sound, rate = soundfile.read(corpus / PATIENT, dtype="int16")
    soundfile.write(corpus / PATIENT, sound, rate, format=container)
    assert findings_of(corpus) == ()


@pytest.mark.parametrize(
    ("ending", "options"),
    [("flac", {}), ("aiff", {}), ("caf", {}), ("au", {}), ("w64", {})],
)
def test_what_is_named_as_it_is_needs_no_word(corpus, ending, options):
    sound, rate = soundfile.read(corpus / PATIENT, dtype="int16")
    soundfile.write((corpus / PATIENT).with_suffix(f".{ending}"), sound, rate, **options)
    (corpus / PATIENT).unlink()
    assert findings_of(corpus) == ()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"version https://git-lfs.github.com/spec/v1\n", "lfs-pointer"),
        (b"no sound", "unusable"),
        (b"", "unusable"),
    ],
)
def test_a_file_that_the_scan_skipped_is_to_be_got_again(corpus, content, kind):
    (corpus / PATIENT).write_bytes(content)
    finding = only(findings_of(corpus), kind)
    assert files(finding) == [PATIENT]
    assert finding.suggestion == "get again"
    assert finding.measured.endswith("; skipped by the scan")


@pytest.mark.parametrize(
    ("write", "kind", "suggestion"),
    [
        (lambda path: path.write_bytes(b"\0\0\0\x20ftypM4A "), "format", "convert"),
        (
            lambda path: save(path, np.stack([speech(1), -speech(1)], axis=1)),
            "channels-cancel",
            "convert",
        ),
        (lambda path: soundfile.write(path, 1e9 * speech(1), RATE, "FLOAT"), "scale", "convert"),
    ],
    ids=["m4a", "antiphase", "far beyond full scale"],
)
def test_a_file_that_only_has_to_be_converted_is_found(corpus, write, kind, suggestion):
    write(corpus / PATIENT)
    finding = only(findings_of(corpus), kind)
    assert files(finding) == [PATIENT]
    assert finding.suggestion == suggestion


def test_a_truncated_file_is_found_with_what_it_declares_and_holds(corpus):
    content = (corpus / PATIENT).read_bytes()
    (corpus / PATIENT).write_bytes(content[:-1000])
    finding = only(findings_of(corpus), "unusable")
    assert finding.measured.startswith("truncated; its header declares ")
    assert finding.measured.endswith("; skipped by the scan")


def test_a_dead_channel_is_no_clipping(corpus):
    sound = speech(1)
    save(corpus / PATIENT, np.stack([sound, np.zeros_like(sound)], axis=1))
    kinds = {finding.kind: finding for finding in findings_of(corpus)}
    assert kinds.keys() == {"dead-channel", "channels"}
    assert kinds["dead-channel"].measured == "channel 2 of 2 is silent"
    assert files(kinds["dead-channel"]) == [PATIENT]


def test_clipping_of_the_channel_that_sounds_is_found(corpus):
    sound = speech(1) / np.abs(speech(1)).max()
    sound = np.clip(2 * sound, -0.7, 0.7)
    save(corpus / PATIENT, np.stack([sound, np.zeros_like(sound)], axis=1))
    assert {"clipping", "dead-channel"} < {finding.kind for finding in findings_of(corpus)}


def test_floats_on_the_scale_of_integers_are_found(corpus):
    soundfile.write(corpus / PATIENT, 32768 * speech(1), RATE, "FLOAT")
    finding = only(findings_of(corpus), "scale")
    assert files(finding) == [PATIENT]
    assert finding.suggestion == "convert"


def test_a_header_that_declares_other_samples_is_found(corpus):
    content = (corpus / PATIENT).read_bytes()
    place = content.index(b"data") + 4
    (corpus / PATIENT).write_bytes(content[:place] + bytes(4) + content[place + 4 :])
    finding = only(findings_of(corpus), "header")
    assert files(finding) == [PATIENT]
    assert "declares 0 bytes" in finding.measured


def test_zeros_alone_are_silence_that_the_scan_skipped(corpus):
    save(corpus / PATIENT, np.zeros(RATE))
    assert files(only(findings_of(corpus), "silence")) == [PATIENT]


def test_files_of_unknown_names_are_listed_by_folder(corpus):
    for number in range(3):
        save(corpus / "more" / f"holiday {number}.wav", speech(number))
    finding = only(findings_of(corpus), "unknown-name")
    assert finding.subject == "holiday 0.wav and 2 more in more"
    assert len(finding.paths) == 3
    assert (finding.severity, finding.suggestion) == ("note", "look at")


def test_what_was_only_not_asked_for_is_no_defect(corpus):
    save(corpus / name(emotion=2), speech(1))
    save(corpus / name().replace("03-01", "03-02", 1), speech(2))
    assert findings_of(corpus) == ()


def test_what_changed_or_vanished_since_the_scan_is_said_and_never_left_out(corpus):
    manifest = scan([corpus], "some", [RAVDESS]).manifest
    save(corpus / PATIENT, speech(7))
    (corpus / name(actor=4)).unlink()
    found = {finding.kind: finding for finding in inspect(manifest, {})}
    assert set(found) == {"changed", "unusable"}
    assert files(found["changed"]) == [PATIENT]
    assert files(found["unusable"]) == [name(actor=4)]
    assert {finding.suggestion for finding in found.values()} == {"get again"}
