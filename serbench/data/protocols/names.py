"""Protocols by name: ``speaker-5``, ``loso:nested-4``, ``ravdess/emobox-6``, ``folds:FILE``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath

from serbench.data.names import LONGEST_NUMBER
from serbench.data.protocols.files import FoldsFile, find_folds
from serbench.data.protocols.published import PUBLISHED
from serbench.errors import UnknownNameError, UsageError

FOLDS = "folds"
RANDOM_FOLDS = "random-folds"

SPEAKER_DEPENDENT = ("random", RANDOM_FOLDS)
"""The rules by which a speaker may be in both training and test."""

CORPUS = "corpus"

RULE = re.compile(
    r"(?:(?P<rule>speaker|random)-(?P<k>\d+)|(?P<whole>loso))"
    r"(?:@(?P<seed>\d+))?(?::(?:nested-(?P<nested>\d+)|(?P<holdout>holdout)))?"
)
ONE_CORPUS = re.compile(rf"{CORPUS}:(?P<corpus>[^:@#]+)")
FILE = re.compile(r"(?P<rule>(?:random-)?folds):(?P<path>.+?)(?:#(?P<content>[0-9a-f]{8}))?")
NESTED = re.compile(r"(?P<base>.+):(?:nested-?\d*|holdout)")

USUAL = "speaker-5"
"""The default protocol."""

MANY_SPEAKERS = 60
"""With so many speakers or more, a holdout of one in five is the default.

With fewer, its interval is wider than 20 points of UA (docs/explanation/selection.md).
"""

EXAMPLES = (
    *("speaker-5", "speaker-10", "random-5", "random-10", CORPUS, "loso", *PUBLISHED),
    *(f"{CORPUS}:NAME", f"{FOLDS}:FILE", f"{RANDOM_FOLDS}:FILE"),
)


@dataclass(frozen=True)
class Protocol:
    """A rule for splitting, with a name.

    Attributes:
        rule: ``speaker``, ``random``, ``corpus`` or ``loso``; the name of a published protocol;
            ``folds`` or ``random-folds``, with folds from a file.
        k: number of folds; None if it follows from the corpora, the speakers or a file.
        seed: seed that selects one of the possible splits.
        nested: number of outer folds, which together test each speaker once, or None.
        holdout: whether one unit in five is set aside for the holdout.
        file: the file with the folds, or None.
        corpus: the only corpus that ``corpus`` tests, or None for each in turn.
    """

    rule: str
    k: int | None
    seed: int = 0
    nested: int | None = None
    holdout: bool = False
    file: FoldsFile | None = None
    corpus: str | None = None

    @property
    def name(self) -> str:
        """As typed on the command line, with the full path of a file and a hash of its content.

        With the hash, a study with an earlier content of the file is not continued with a new one.
        """
        return self.rule_name if self.file is None else f"{self.rule}:{self.file.mark}"

    @property
    def rule_name(self) -> str:
        """The name without any path."""
        return (
            self.rule
            + ("" if self.k is None else f"-{self.k}")
            + ("" if self.corpus is None else f":{self.corpus}")
            + (f"@{self.seed}" if self.seed else "")
            + ("" if self.nested is None else f":nested-{self.nested}")
            + (":holdout" if self.holdout else "")
        )

    @property
    def speaker_disjoint(self) -> bool:
        """True if no speaker is in both training and test."""
        return self.rule not in SPEAKER_DEPENDENT

    @property
    def note(self) -> str:
        """A property that limits the result, or an empty string."""
        return "" if self.speaker_disjoint else "speaker-dependent"


def is_speaker_dependent(name: str) -> bool:
    """True if a protocol of that name tests training speakers; no file is read."""
    return re.split("[-:]", name)[0] == "random"


def without_folder(name: str) -> str:
    """The name of a protocol without the folder of a folds file."""
    rule, _, path = name.partition(":")
    return f"{rule}:{PurePath(path).name}" if rule in (FOLDS, RANDOM_FOLDS) else name


def parse_protocol(text: str) -> Protocol:
    """Read the name of a protocol.

    ``speaker-5``, ``random-10`` or ``loso``, each with an optional ``@SEED`` and then an optional
    ``:nested-K`` or ``:holdout``; ``corpus`` or ``corpus:NAME``; the name of a published protocol;
    ``folds:FILE`` or ``random-folds:FILE``. The file is read now, so that the protocol holds its
    content.

    Raises:
        UnknownNameError: there is no protocol of that name.
        UsageError: fewer than two folds or outer folds; outer folds or a holdout for a protocol
            that has its own; a folds file that is missing, or has another content than the name
            states.
    """
    if text in (CORPUS, *PUBLISHED):
        return Protocol(text, None)
    if (rule := RULE.fullmatch(text)) is not None:
        return _by_rule(text, rule)
    if (nested := NESTED.fullmatch(text)) is not None:
        base = nested["base"]
        own = base in (CORPUS, *PUBLISHED) or ONE_CORPUS.fullmatch(base) or FILE.fullmatch(base)
        if own or (":" in base and RULE.fullmatch(base)):
            raise UsageError(
                f"protocol '{base}' defines its own tests: remove --nested, :nested-K or :holdout"
            )
    if (one := ONE_CORPUS.fullmatch(text)) is not None:
        return Protocol(CORPUS, None, corpus=one["corpus"])
    if (file := FILE.fullmatch(text)) is not None:
        return Protocol(file["rule"], None, file=find_folds(file["path"], file["content"]))
    raise UnknownNameError("protocol", text, EXAMPLES)


def _by_rule(text: str, match: re.Match[str]) -> Protocol:
    if any(len(match[part] or "") > LONGEST_NUMBER for part in ("k", "nested", "seed")):
        raise UsageError(
            f"protocol '{text[:20]}…' has a number with too many digits: try speaker-5"
        )
    k, nested = (None if match[part] is None else int(match[part]) for part in ("k", "nested"))
    if k is not None and k < 2:
        raise UsageError(f"protocol '{text}' has fewer than two folds: try {match['rule']}-5")
    if nested is not None and nested < 2:
        base = text.partition(":")[0]
        raise UsageError(f"protocol '{text}' has fewer than two outer folds: try {base}:nested-4")
    seed, holdout = int(match["seed"] or 0), match["holdout"] is not None
    return Protocol(match["rule"] or match["whole"], k, seed, nested, holdout)


LISTED = (
    ("speaker-K", "speakers are divided into K folds: no speaker is in both training and test"),
    ("random-K", "clips are divided into K folds regardless of speaker: speaker-dependent"),
    (CORPUS, "each corpus is the holdout in turn, and each of the others is a fold of the search"),
    (f"{CORPUS}:NAME", "the corpus NAME is the only holdout, and each of the others is a fold"),
    ("loso", "each speaker is a fold (leave one speaker out)"),
    *((name, protocol.sentence) for name, protocol in PUBLISHED.items()),
    (f"{FOLDS}:FILE", "your own folds: a CSV table of path and fold, or EmoBox's JSON lines"),
    (f"{RANDOM_FOLDS}:FILE", "your own folds with speakers in several: speaker-dependent"),
)
"""Every form of a protocol's name, with its meaning."""

MODIFIERS = (
    ("NAME@SEED", "another split by the same rule"),
    (
        "NAME:nested-K",
        "K outer folds, each with its own search and holdout: each speaker is tested once",
    ),
    ("NAME:holdout", "one speaker in five is set aside and tested once, after the search"),
)
"""The parts that may follow the rules, in this order."""


def describe(protocol: Protocol) -> str:
    """The rule of a protocol as a sentence."""
    if protocol.rule in PUBLISHED:
        sentence = PUBLISHED[protocol.rule].sentence
        return f"{sentence}; the folds of the search are made of the other groups"
    if protocol.file is not None:
        mixed = "" if protocol.speaker_disjoint else ", which may share speakers"
        tested = "the holdout is the fold 'holdout' if there is one, otherwise each fold in turn"
        return f"the folds are read from {protocol.file.path}{mixed}; {tested}"
    if protocol.rule == CORPUS:
        holdout = f"{protocol.corpus or 'each corpus in turn'} is the holdout"
        return f"{holdout}; each other corpus is a fold"
    unit = "speaker" if protocol.speaker_disjoint else "clip"
    if protocol.nested is not None:
        tests = f"in {protocol.nested} outer folds, every {unit} is in one holdout; "
    else:
        tests = f"one {unit} in five is in the holdout; " if protocol.holdout else ""
    every, of_all = (
        ("each of the other speakers", "the other") if tests else ("each speaker", "all")
    )
    folds = {
        "speaker": f"{of_all} speakers are divided into {protocol.k} folds",
        "random": f"{of_all} clips are divided into {protocol.k} folds with mixed speakers",
        "loso": f"{every} is a fold",
    }
    return f"{tests}{folds[protocol.rule]}"
