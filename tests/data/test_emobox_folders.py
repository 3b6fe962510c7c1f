"""EmoBox's folders of lists, as they are distributed."""

import json

import pytest

from serbench.data.manifest import Manifest, Utterance
from serbench.data.protocols.files import find_folds, folds_of
from serbench.errors import DatasetError

NAMES = ["KL_su02", "KL_a01", "DC_a01", "DC_n30"]


def savee(*paths):
    return Manifest(
        "savee",
        tuple(
            Utterance(path, "savee", "s", "anger", "a", str(row), 16000, 1, 1)
            for row, path in enumerate(paths)
        ),
    )


def write_lists(folder):
    for fold, names in enumerate((NAMES[:2], NAMES[2:]), start=1):
        (folder / f"fold_{fold}").mkdir(parents=True)
        for spelling, key in ((f"_{fold}", "wav"), (str(fold), "audio")):
            lines = [json.dumps({"key": name, key: f"downloads/{name}.wav"}) for name in names]
            name = f"savee_test_fold{spelling}.jsonl"
            (folder / f"fold_{fold}" / name).write_text("\n".join(lines))


def test_lists_in_two_spellings_are_read_once(tmp_path):
    write_lists(tmp_path / "savee" / "lists")
    manifest = savee(*(f"/data/{name}.wav" for name in NAMES))
    for folder in (tmp_path / "savee", tmp_path / "savee" / "lists"):
        found = folds_of(manifest, find_folds(str(folder)))
        assert found.tolist() == ["fold_1", "fold_1", "fold_2", "fold_2"]


def test_speakers_in_folders_are_those_in_names(tmp_path):
    write_lists(tmp_path)
    manifest = savee(*(f"/data/{name.replace('_', '/')}.flac" for name in NAMES))
    found = folds_of(manifest, find_folds(str(tmp_path)))
    assert found.tolist() == ["fold_1", "fold_1", "fold_2", "fold_2"]


def test_of_recordings_of_one_name_the_folders_decide_however_they_are_separated(tmp_path):
    names = [f"{who}_Amused/amused_{n}.wav" for who in ("bea", "josh") for n in (1, 2)]
    for fold, listed in enumerate((names[:2], names[2:]), start=1):
        (tmp_path / f"fold_{fold}").mkdir()
        lines = [json.dumps({"wav": f"downloads/emovdb/{name}"}) for name in listed]
        (tmp_path / f"fold_{fold}" / f"x_test_fold_{fold}.jsonl").write_text("\n".join(lines))
    for separator in ("_", "/"):
        paths = [f"/data/{name.replace('_A', separator + 'A')}" for name in names]
        found = folds_of(savee(*paths), find_folds(str(tmp_path)))
        assert found.tolist() == ["fold_1", "fold_1", "fold_2", "fold_2"]


def test_a_recording_of_a_speaker_who_is_not_there_is_not_taken_for_another(tmp_path):
    (tmp_path / "fold_1").mkdir()
    (tmp_path / "fold_1" / "x_test_fold_1.jsonl").write_text('{"wav": "d/sam_Amused/amused_1.wav"}')
    with pytest.raises(DatasetError):
        folds_of(
            savee("/d/bea/Amused/amused_1.wav", "/d/jo/Amused/amused_1.wav"),
            find_folds(str(tmp_path)),
        )
