"""The same audio under two labels is reported, whether its twin is here or not."""

from making.scanning import anger, scanned, write


def test_the_same_audio_under_two_labels_is_kept_and_reported(tmp_path):
    write(tmp_path / "03-01-05-01-01-01-01.wav", 7)
    write(tmp_path / "03-01-06-01-01-01-01.wav", 7)
    found = scanned(tmp_path)
    assert len(found.manifest) == 2
    (conflict,) = found.conflicts
    assert conflict.evidence == "identical audio"
    assert conflict.recordings == (
        "03-01-05-01-01-01-01 (anger)",
        "03-01-06-01-01-01-01 (fear)",
    )


def test_the_same_audio_twice_under_one_label_counts_once_and_is_no_conflict(tmp_path):
    write(tmp_path / anger(1, take=1), 7)
    write(tmp_path / anger(1, take=2), 7)
    found = scanned(tmp_path)
    assert (len(found.manifest), found.conflicts) == (1, ())
    assert found.found == len(found.manifest) + len(found.skipped)


def test_a_recording_whose_twin_was_published_elsewhere_is_reported(tmp_path):
    write(tmp_path / "1006_TIE_NEU_XX.wav")
    (conflict,) = scanned(tmp_path).conflicts
    assert conflict.recordings == ("1006_TIE_NEU_XX (neutral)",)
    assert "also published as 1006_TIE_HAP_XX, which is not in this dataset" in conflict.evidence


def test_twins_that_are_both_here_are_judged_by_their_audio(tmp_path):
    write(tmp_path / "1006_TIE_NEU_XX.wav", 1)
    write(tmp_path / "1006_TIE_HAP_XX.wav", 2)
    assert scanned(tmp_path).conflicts == ()
    write(tmp_path / "1006_TIE_HAP_XX.wav", 1)
    (conflict,) = scanned(tmp_path).conflicts
    assert conflict.evidence == "identical audio"
