"""The recordings that a corpus recognises, for the tests of corpus plugins."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from serbench.data.corpus import Corpus, Recording
from serbench.data.emotions import EMOTIONS
from serbench.testing.require import require


def recordings_of(corpus: Corpus, files: Sequence[Path | str]) -> list[Recording]:
    """The recordings that ``corpus`` recognises among ``files``, after checking them.

    The contract checks what holds for every corpus. This function checks the recordings for given
    file names, which only the author of a corpus plugin can supply.

    Raises:
        AssertionError: a recording has no speaker or label, its emotion or sex is unknown to
            serbench, or a second call gives a different result.
    """
    paths = [Path(file) for file in files]
    whole = list(corpus.recognise(paths))
    require(list(corpus.recognise(paths)) == whole, "a second call gives other recordings")
    found = [each for each in whole if isinstance(each, Recording)]
    for recording in found:
        name = recording.path.name
        require(bool(recording.speaker), f"{name} has no speaker")
        require(bool(recording.label), f"{name} has no label")
        emotion, sex = recording.emotion, recording.sex
        known = emotion is None or emotion in (*EMOTIONS, *corpus.own_emotions)
        require(
            known,
            f"{name}: '{emotion}' is neither in {', '.join(EMOTIONS)} nor in own_emotions",
        )
        require(
            sex in (None, "female", "male"), f"{name}: sex is {sex!r}, not female, male or None"
        )
        require(recording.excluded != "", f"{name} is excluded without a reason")
    return found
