"""Prepared clips that something damaged are prepared again, and nothing else is."""

import numpy as np
import pytest
from making.damage import DAMAGES

from serbench.data.clips import ClipFormat
from serbench.data.preparation import prepare_clips
from serbench.errors import StorageError

SHORT = ClipFormat(8000, 0.7, "keep")


@pytest.fixture
def kept(tiny_manifest, tmp_path, prepared):
    """The clips as they were prepared: copies of waveforms and peaks."""
    clips = prepare_clips(tiny_manifest, tmp_path, SHORT)
    prepared.clear()
    return np.array(clips.waveforms), clips.peaks


def file_of(folder, name):
    [path] = folder.glob(f"*/{name}")
    return path


def overwrite(path, start, content):
    with path.open("r+b") as file:
        file.seek(start)
        file.write(content)


def again(manifest, folder, kept):
    clips = prepare_clips(manifest, folder, SHORT)
    assert np.array_equal(clips.waveforms, kept[0])
    assert np.array_equal(clips.peaks, kept[1])


def test_random_bytes_in_a_clip_are_found_and_that_clip_alone_is_prepared_again(
    tiny_manifest, tmp_path, prepared, kept, capsys
):
    overwrite(file_of(tmp_path, "waveforms.i16"), 17 * SHORT.samples * 2 + 99, b"damage")
    again(tiny_manifest, tmp_path, kept)
    assert prepared == [tiny_manifest.utterances[17].path]
    [line] = capsys.readouterr().err.splitlines()
    assert "1 of 36" in line
    again(tiny_manifest, tmp_path, kept)
    assert len(prepared) == 1, "it is mended"
    assert capsys.readouterr().err == ""


def test_a_single_bit_is_found(tiny_manifest, tmp_path, prepared, kept):
    path = file_of(tmp_path, "waveforms.i16")
    content = bytearray(path.read_bytes())
    content[5] ^= 1
    overwrite(path, 0, content)
    again(tiny_manifest, tmp_path, kept)
    assert prepared == [tiny_manifest.utterances[0].path]


def test_a_wrong_peak_is_found(tiny_manifest, tmp_path, prepared, kept):
    overwrite(file_of(tmp_path, "peaks.f32"), 4 * 35, b"\0\0\0\x3f")
    again(tiny_manifest, tmp_path, kept)
    assert prepared == [tiny_manifest.utterances[35].path]


@pytest.mark.parametrize("name", ["waveforms.i16", "peaks.f32", "checks.u32", "clips.json"])
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_whatever_file_is_damaged_the_clips_are_as_before(
    damage, name, tiny_manifest, tmp_path, kept
):
    damage(file_of(tmp_path, name))
    again(tiny_manifest, tmp_path, kept)
    again(tiny_manifest, tmp_path, kept)


def test_of_clips_that_were_cut_off_those_before_stay(tiny_manifest, tmp_path, prepared, kept):
    path = file_of(tmp_path, "waveforms.i16")
    with path.open("r+b") as file:
        file.truncate(30 * SHORT.samples * 2)
    again(tiny_manifest, tmp_path, kept)
    assert sorted(prepared) == sorted(each.path for each in tiny_manifest.utterances[30:])


def test_too_long_a_file_is_cut_and_no_clip_is_prepared_again(
    tiny_manifest, tmp_path, prepared, kept
):
    path = file_of(tmp_path, "waveforms.i16")
    size = path.stat().st_size
    overwrite(path, size, b"more")
    again(tiny_manifest, tmp_path, kept)
    assert path.stat().st_size == size
    assert prepared == []


def test_a_file_that_was_cut_after_it_was_checked_is_refused_where_it_is_mapped(
    tiny_manifest, tmp_path, kept
):
    clips = prepare_clips(tiny_manifest, tmp_path, SHORT)
    path = file_of(tmp_path, "waveforms.i16")
    state = clips.__getstate__()
    path.unlink()
    with pytest.raises(StorageError) as raised:
        clips.__setstate__(state)
    assert raised.value.facts["path"] == path
