"""Predictions for recordings as plain data: JSON, rows of CSV, and RTTM."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from serbench.deploy.answering import Prediction
from serbench.deploy.predict import FilePrediction
from serbench.deploy.windows import Window, segments_of
from serbench.errors import AudioError

NONE = "<NA>"
"""The mark of RTTM for a field without a value."""

FILE, WINDOW = "file", "window"


def as_dict(path: str, result: FilePrediction | AudioError) -> dict[str, Any]:
    """The result for one file, with the same keys for usable and unusable files."""
    if isinstance(result, AudioError):
        rest = {"timeline": [], "remarks": [], "error": str(result)}
        return {"path": path, "seconds": None, **answer_dict(None), **rest}
    return {
        "path": path,
        "seconds": result.seconds,
        **answer_dict(result.overall),
        "timeline": [
            {
                "start": window.start,
                "end": window.end,
                "silent": window.answer is None,
                **answer_dict(window.answer),
            }
            for window in result.windows
        ],
        "remarks": list(result.remarks),
        "error": None,
    }


def answer_dict(answer: Prediction | None) -> dict[str, Any]:
    """The keys of an answer with their values; all are None in silence."""
    names = ("emotion", "confidence", "rejected", "probabilities")
    return {name: None if answer is None else getattr(answer, name) for name in names}


def csv_columns(emotions: Sequence[str]) -> list[str]:
    """The columns of `csv_rows`, given the label set."""
    answer = ["emotion", "confidence", "rejected", *(f"p_{emotion}" for emotion in emotions)]
    return ["path", "part", "start", "end", "silent", *answer, "error"]


def csv_rows(path: str, result: FilePrediction | AudioError) -> Iterator[dict[str, Any]]:
    """A row for a file as a whole, then one for each window of a file longer than a window."""
    if isinstance(result, AudioError):
        yield {"path": path, "part": FILE, "error": str(result)}
        return
    whole = Window(0.0, result.seconds, result.overall)
    for part, window in [(FILE, whole), *((WINDOW, window) for window in result.windows)]:
        row = {"path": path, "part": part, "start": window.start, "end": window.end}
        row["silent"] = window.answer is None
        if window.answer is not None:
            answer = answer_dict(window.answer)
            shares = answer.pop("probabilities")
            row |= answer | {f"p_{emotion}": share for emotion, share in shares.items()}
        yield row


def rttm_lines(results: Sequence[FilePrediction]) -> Iterator[str]:
    """Segments of equal emotion in the format RTTM, with the emotion in the place of the speaker.

    The format is that of appendix A of the evaluation plan of NIST's Rich Transcription 2009
    evaluation: ten fields with a space between them, which are type, file, channel, start and
    duration in seconds, orthography, speaker type, speaker name, confidence, and lookahead time.

    A file is named as there, without folder and ending, unless another file has this name too. Each
    white space in a name becomes an underscore, since names in this format have none.
    """
    stems = Counter(result.path.stem for result in results)
    for result in results:
        alone = stems[result.path.stem] == 1
        name = _word(result.path.stem if alone else str(result.path.with_suffix("")))
        windows = result.windows or (Window(0.0, result.seconds, result.overall),)
        for each in segments_of(windows):
            time = f"{each.start:.3f} {each.end - each.start:.3f}"
            emotion = _word(each.emotion)
            yield (f"SPEAKER {name} 1 {time} {NONE} {NONE} {emotion} {each.confidence:.3f} {NONE}")


def _word(text: str) -> str:
    return "_".join(text.split())
