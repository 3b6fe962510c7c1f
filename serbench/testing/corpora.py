"""The contract of corpora: their description, and the recognition of only their own files."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from serbench.data.corpus import Corpus
from serbench.data.emotions import EMOTIONS, canonical_emotion, own_emotion
from serbench.data.licence import COMMERCIAL, SPEECH, Licence
from serbench.testing.recordings import recordings_of
from serbench.testing.require import require, require_members

_FOREIGN = {
    "holiday.wav": "",
    "track 01.mp3": "",
    "a/b/c/interview-2019-final.flac": "",
    "._holiday.wav": "",
    "README": "nothing here\n",
    "notes.txt": "[a line] of nothing\n",
    "prices.csv": "article,price\nbread,3.20\n",
    "photo.jpg": "",
}
"""Files that belong to no corpus, with their content."""


@contextmanager
def _foreign_files() -> Iterator[list[Path]]:
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in _FOREIGN]
        for path, content in zip(paths, _FOREIGN.values(), strict=True):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        yield paths


def it_has_everything_a_corpus_needs(corpus: Corpus) -> None:
    """The corpus has all attributes and methods of ``Corpus``, with their arguments."""
    require_members(corpus, Corpus)


def its_name_is_lower_case(corpus: Corpus) -> None:
    """The name is lower-case, as on the command line."""
    require(corpus.name == corpus.name.lower(), f"'{corpus.name}' is not lower-case")


def it_says_what_it_is(corpus: Corpus) -> None:
    """The corpus has title, licence and home, and declares whether its speech is synthetic."""
    for field in ("title", "home"):
        text = getattr(corpus, field)
        require(isinstance(text, str) and bool(text.strip()), f"{field} is {text!r}, not a text")
    licence = corpus.licence
    require(
        isinstance(licence, Licence) and bool(licence.name.strip()),
        f"licence is {licence!r}, not a Licence(name, commercial)",
    )
    require(
        licence.commercial in COMMERCIAL,
        f"commercial use is {licence.commercial!r}: one of {', '.join(COMMERCIAL)}",
    )
    require(corpus.speech in SPEECH, f"speech is {corpus.speech!r}: one of {', '.join(SPEECH)}")
    require(isinstance(corpus.synthetic, bool), f"synthetic is {corpus.synthetic!r}: True or False")


def it_recognises_emotions_that_exist(corpus: Corpus) -> None:
    """All emotions in its table of labels are canonical or in ``own_emotions``."""
    emotions = getattr(corpus, "emotions", {})
    known = (*EMOTIONS, *corpus.own_emotions)
    unknown = [emotion for emotion in emotions.values() if emotion not in known]
    require(
        not unknown,
        f"'{(unknown or [''])[0]}' is none of {', '.join(EMOTIONS)}, and not in own_emotions",
    )


def foreign_files_give_nothing(corpus: Corpus) -> None:
    """Files of other origin are ignored without an error."""
    with _foreign_files() as paths:
        found = [recording.path.name for recording in recordings_of(corpus, paths)]
    require(not found, f"it takes files that are not its own, such as {found[:1]}")


def no_files_give_nothing(corpus: Corpus) -> None:
    """Without files there are no recordings, and no error."""
    require(recordings_of(corpus, []) == [], "it finds recordings where there are no files")


def the_files_are_left_alone(corpus: Corpus) -> None:
    """The recognition of files does not change, remove or add any file."""
    with _foreign_files() as paths:
        list(corpus.recognise(paths))
        contents = [path.read_text(encoding="utf-8") if path.is_file() else None for path in paths]
        folder = paths[0].parent
        names = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    require(contents == list(_FOREIGN.values()), "it changes the files it looks at")
    require(names == set(_FOREIGN), "it leaves files of its own among those it looks at")


def own_emotions_are_outside_of_the_vocabulary(corpus: Corpus) -> None:
    """Its own emotions are lower-case words joined by ``_``, and no canonical emotions."""
    for emotion in corpus.own_emotions:
        canonical = canonical_emotion(emotion)
        require(canonical is None, f"own emotion '{emotion}' is called {canonical}")
        written = own_emotion(emotion)
        require(written == emotion, f"own emotion '{emotion}' has to be written '{written}'")


def published_twins_are_stems_of_two_files(corpus: Corpus) -> None:
    """Known conflicts are pairs of the stems of two different files."""
    twins = corpus.known_conflicts
    require(isinstance(twins, Mapping), f"known_conflicts is a {type(twins).__name__}")
    alone = [stem for stem, twin in twins.items() if stem == twin]
    require(not alone, f"{alone[:1]} is given as its own twin")
    suffixed = [stem for pair in twins.items() for stem in pair if stem.lower().endswith(".wav")]
    require(not suffixed, f"{suffixed[:1]} is a file name: give its stem")
