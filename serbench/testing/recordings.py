"""What a corpus says of its files, for the tests of corpus plugins."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from serbench.data.corpus import Corpus, Recording
from serbench.data.emotions import EMOTIONS
from serbench.testing.require import require


def recordings_of(corpus: Corpus, files: Sequence[Path | str]) -> list[Recording]:
    """What ``corpus`` recognises among ``files``, once it is known to be sound.

    Nobody but its author knows the file names of a corpus: the contract asks what can be asked of
    any corpus, and this looks at what comes of names that are given.

    Raises:
        AssertionError: a recording lacks a speaker or a label, its emotion or sex is none that
            serbench knows, or the second look finds something else than the first.
    """
    paths = [Path(file) for file in files]
    whole = list(corpus.recognise(paths))
    require(list(corpus.recognise(paths)) == whole, "a second look at the files finds otherwise")
    found = [each for each in whole if isinstance(each, Recording)]
    for recording in found:
        name = recording.path.name
        require(bool(recording.speaker), f"{name} has no speaker")
        require(bool(recording.label), f"{name} has no label")
        emotion, sex = recording.emotion, recording.sex
        known = emotion is None or emotion in (*EMOTIONS, *corpus.own_emotions)
        require(
            known,
            f"{name}: '{emotion}' is none of {', '.join(EMOTIONS)}, and not in own_emotions",
        )
        require(sex in (None, "female", "male"), f"{name}: sex is {sex!r}: female, male or None")
        require(recording.excluded != "", f"{name} is excluded without a reason")
    return found
