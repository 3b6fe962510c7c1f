"""Datasets that published protocols are about, and files of folds."""

import json

from manifest_making import EMOTIONS, utterance

from serbench.data.protocols import PUBLISHED


def corpus_of(name, emotions=EMOTIONS, takes=1):
    """A list of utterances of all speakers of a published protocol."""
    return [
        utterance(speaker, emotion, take)
        for speaker in PUBLISHED[name].speakers
        for emotion in emotions
        for take in range(takes)
    ]


def folds_table(path, data, fold_of, delimiter=","):
    """Write a table with the fold of each utterance from ``fold_of``."""
    lines = [delimiter.join(("path", "fold"))]
    lines += [delimiter.join((clip.path, str(fold_of(clip)))) for clip in data.utterances]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def by_speaker(count):
    """Deal speakers ``corpus/NN`` into ``count`` folds."""
    return lambda clip: int(clip.speaker[-2:]) % count


def json_lines(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def emobox_list(folder, corpus, part, fold, clips):
    """Write one list as EmoBox does: its own folders before the file's name, WAV whatever it is."""
    return json_lines(
        folder / f"fold_{fold}" / f"{corpus}_{part}_fold_{fold}.jsonl",
        [
            {
                "key": f"{corpus}-{clip.path.rpartition('/')[2]}",
                "dataset": corpus,
                "wav": f"downloads/{corpus}{clip.path}",
                "emo": clip.label,
            }
            for clip in clips
        ],
    )


def emobox_folder(folder, data, fold_of, folds):
    """Write test lists for each fold, and the training lists, of which nothing more is needed."""
    for fold in range(1, folds + 1):
        tested = [clip for clip in data.utterances if fold_of(clip) == fold]
        trained = [clip for clip in data.utterances if fold_of(clip) != fold]
        emobox_list(folder, "made", "test", fold, tested)
        emobox_list(folder, "made", "train", fold, trained)
    return folder
