"""IEMOCAP: ten actors in five dialogue sessions, scripted and improvised, labelled by listeners.

WAV files are named after their utterance, ``Ses01F_impro01_M003.wav``: session, actor with markers,
dialogue, **speaker**, number. The labels are in the ``EmoEvaluation`` file of the dialogue,
``Ses01F_impro01.txt``, on lines such as::

    [6.2901 - 8.2357]	Ses01F_impro01_F000	neu	[2.5000, 2.5000, 2.5000]

See https://sail.usc.edu/iemocap/ and C. Busso et al., *IEMOCAP: Interactive emotional dyadic
motion capture database*, Language Resources and Evaluation 42(4), 2008. As in most of the
literature there are four classes, and excitement counts as happiness; other labels count where
``--map`` or ``--emotions`` names them.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from serbench import hookimpl
from serbench.data.corpus import Corpus, NamedFiles, Recording, Refused, Remark
from serbench.data.emotions import canonical_emotion, label_key
from serbench.data.licence import Licence
from serbench.data.regular import check_regular
from serbench.data.scan_options import DEFAULT_OPTIONS, ScanOptions
from serbench.errors import DatasetError

EVALUATION = re.compile(r"^\[[\d. ]+-[\d. ]+\]\s+(?P<utterance>\w+)\s+(?P<label>[a-z]+)\s+\[", re.M)
"""A line of an evaluation file; a transcription, which has the same file name, has none such."""


WORDS = {"fru": "frustration", "fea": "fear", "sur": "surprise", "dis": "disgust"}
"""The words that labels outside of the four classes are short for."""


class Iemocap(NamedFiles):
    """IEMOCAP, with utterances in file names and labels in evaluation files."""

    def recognise(
        self, files: Sequence[Path], options: ScanOptions = DEFAULT_OPTIONS
    ) -> Iterator[Recording | Refused | Remark]:
        """Match the utterances with the evaluation files, in any folders of ``files``."""
        dialogues = defaultdict(list)
        for path in files:
            if path.suffix.lower() == ".txt":
                dialogues[path.stem.lower()].append(path)
        labels: dict[str, dict[str, str]] = {}
        for found in super().recognise(files, options):
            if not isinstance(found, Recording):
                yield found
                continue
            utterance = found.label
            dialogue = utterance.rpartition("_")[0]
            if dialogue not in labels:
                labels[dialogue] = _labels(dialogues[dialogue])
            label = labels[dialogue].get(utterance, "")
            emotion = self.emotions.get(label)
            asked = bool(label) and _asked(label, options)
            yield replace(
                found,
                label=label,
                emotion=emotion or (WORDS.get(label) if asked else None),
                excluded=None if asked else _excluded(label, emotion),
            )

    def speaker(self, match: re.Match[str]) -> str:
        """The speaker as session and letter, such as ``Ses01M``."""
        return f"Ses{match['session']}{match['actor'].upper()}"


def _labels(evaluations: Sequence[Path]) -> dict[str, str]:
    """Utterance → label, of one dialogue."""
    found = {}
    for path in evaluations:
        try:
            check_regular(path)
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError as error:
            raise DatasetError(f"{path}: this label file cannot be read: {error}") from error
        for line in EVALUATION.finditer(text):
            found[line["utterance"].lower()] = line["label"]
    return found


def _asked(label: str, options: ScanOptions) -> bool:
    """Whether ``--map`` or ``--emotions`` names a label, or the emotion that it is short for."""
    names = {label_key(name) for name in (*options.labels, *(options.emotions or ()))}
    meanings = {canonical_emotion(name) for name in options.emotions or ()}
    return label in names or (WORDS.get(label, label) in names | meanings)


def _excluded(label: str, emotion: str | None) -> str | None:
    if emotion is not None:
        return None
    if not label:
        return "no label file"
    if label == "xxx":
        return "annotators did not agree"
    return "not one of IEMOCAP's four classes"


IEMOCAP = Iemocap(
    name="iemocap",
    title="IEMOCAP, Interactive Emotional Dyadic Motion Capture Database (Busso et al. 2008)",
    licence=Licence("for research, by agreement with the University of Southern California", "no"),
    speech="elicited",
    language="English",
    home="https://sail.usc.edu/iemocap/",
    pattern=r"(?P<label>Ses(?P<session>\d\d)[FM]_(?:impro|script)\w+_(?P<actor>[FM])\d{3})",
    own_emotions=("frustration",),
    ranges={"session": "0[1-5]"},
    emotions={
        "ang": "anger",
        "hap": "happiness",
        "exc": "happiness",
        "sad": "sadness",
        "neu": "neutral",
    },
    sexes={
        f"Ses{session:02}{letter}": sex
        for session in range(1, 6)
        for letter, sex in (("F", "female"), ("M", "male"))
    },
)


@hookimpl
def register_corpora(register: Callable[[Corpus], None]) -> None:
    """Register IEMOCAP."""
    register(IEMOCAP)
