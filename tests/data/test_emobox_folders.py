"""EmoBox's folders of lists, as they are distributed."""

import json

from serbench.data.manifest import Manifest, Utterance
from serbench.data.protocols.files import find_folds, folds_of

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
