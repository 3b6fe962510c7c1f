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
"""The rules that let a speaker stand on both sides."""

CORPUS = "corpus"

RULE = re.compile(
    r"(?:(?P<rule>speaker|random)-(?P<k>\d+)|(?P<whole>loso))"
    r"(?:@(?P<seed>\d+))?(?::nested-(?P<nested>\d+))?"
)
ONE_CORPUS = re.compile(rf"{CORPUS}:(?P<corpus>[^:@#]+)")
FILE = re.compile(r"(?P<rule>(?:random-)?folds):(?P<path>.+?)(?:#(?P<content>[0-9a-f]{8}))?")
NESTED = re.compile(r"(?P<base>.+):nested-?\d*")

EXAMPLES = (
    *("speaker-5", "speaker-10", "random-5", "random-10", CORPUS, "loso", *PUBLISHED),
    *(f"{CORPUS}:NAME", f"{FOLDS}:FILE", f"{RANDOM_FOLDS}:FILE"),
)


@dataclass(frozen=True)
class Protocol:
    """A rule for splitting, with a name.

    Attributes:
        rule: ``speaker``, ``random``, ``corpus`` or ``loso``; the name of a published protocol;
            ``folds`` or ``random-folds``, whose folds stand in a file.
        k: number of folds; None where something else decides it: corpora, speakers, a file.
        seed: which of the rule's many splits.
        nested: number of outer folds, in which everyone is tested once; None for one holdout.
        file: where the folds stand, or None.
        corpus: the only corpus that ``corpus`` tests, or None for each in turn.
    """

    rule: str
    k: int | None
    seed: int = 0
    nested: int | None = None
    file: FoldsFile | None = None
    corpus: str | None = None

    @property
    def name(self) -> str:
        """As typed on the command line; a file's folder is written out, and its content marked.

        So what was begun with one content of a file is not taken for what another content makes.
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
        )

    @property
    def speaker_disjoint(self) -> bool:
        """True where nobody is heard both in training and in testing."""
        return self.rule not in SPEAKER_DEPENDENT

    @property
    def note(self) -> str:
        """What a reader of a result must know, or an empty string."""
        return "" if self.speaker_disjoint else "speaker-dependent"


def is_speaker_dependent(name: str) -> bool:
    """True where a protocol of that name tests on people heard in training; reads no file."""
    return re.split("[-:]", name)[0] == "random"


def without_folder(name: str) -> str:
    """A protocol's name for readers elsewhere: of a file of folds the name, not where it lies."""
    rule, _, path = name.partition(":")
    return f"{rule}:{PurePath(path).name}" if rule in (FOLDS, RANDOM_FOLDS) else name


def parse_protocol(text: str) -> Protocol:
    """Read the name of a protocol.

    ``speaker-5``, ``random-10`` or ``loso``, each with an optional ``@SEED`` and then an optional
    ``:nested-K``; ``corpus`` or ``corpus:NAME``; the name of a published protocol; ``folds:FILE``
    or ``random-folds:FILE``, of which the file is read now, so that the protocol carries its
    content.

    Raises:
        UnknownNameError: no protocol of that name.
        UsageError: fewer than two folds or outer folds; outer folds for a protocol that has its
            own; a file of folds that is missing, or has another content than the name states.
    """
    if text in (CORPUS, *PUBLISHED):
        return Protocol(text, None)
    if (rule := RULE.fullmatch(text)) is not None:
        return _by_rule(text, rule)
    if (nested := NESTED.fullmatch(text)) is not None:
        base = nested["base"]
        own = base in (CORPUS, *PUBLISHED) or ONE_CORPUS.fullmatch(base) or FILE.fullmatch(base)
        if own:
            raise UsageError(f"protocol '{base}' has outer folds of its own: it cannot be nested")
    if (one := ONE_CORPUS.fullmatch(text)) is not None:
        return Protocol(CORPUS, None, corpus=one["corpus"])
    if (file := FILE.fullmatch(text)) is not None:
        return Protocol(file["rule"], None, file=find_folds(file["path"], file["content"]))
    raise UnknownNameError("protocol", text, EXAMPLES)


def _by_rule(text: str, match: re.Match[str]) -> Protocol:
    if any(len(match[part] or "") > LONGEST_NUMBER for part in ("k", "nested", "seed")):
        raise UsageError(f"protocol '{text[:20]}…' has a number of too many digits: try speaker-5")
    k, nested = (None if match[part] is None else int(match[part]) for part in ("k", "nested"))
    if k is not None and k < 2:
        raise UsageError(f"protocol '{text}' has fewer than two folds: try {match['rule']}-5")
    if nested is not None and nested < 2:
        base = text.partition(":")[0]
        raise UsageError(f"protocol '{text}' has fewer than two outer folds: try {base}:nested-4")
    return Protocol(match["rule"] or match["whole"], k, int(match["seed"] or 0), nested)


LISTED = (
    ("speaker-K", "speakers dealt into K folds, so that nobody is heard on both sides"),
    ("random-K", "clips dealt into K folds whoever speaks: speaker-dependent"),
    (CORPUS, "each corpus is the holdout in turn, and each of the others a fold of the search"),
    (f"{CORPUS}:NAME", "the same with one corpus as the only holdout"),
    ("loso", "each speaker is a fold (leave one speaker out)"),
    *((name, protocol.sentence) for name, protocol in PUBLISHED.items()),
    (f"{FOLDS}:FILE", "your own folds: a CSV of path and fold, or EmoBox's JSON lines"),
    (f"{RANDOM_FOLDS}:FILE", "the same where a speaker may be on both sides: speaker-dependent"),
)
"""Every form a name may have, and what it means."""

MODIFIERS = (
    ("NAME@SEED", "another split by the same rule"),
    (
        "NAME:nested-K",
        "K outer folds, each a search and a holdout, in which everyone is tested once",
    ),
)
"""What may follow the rules, in this order."""


def describe(protocol: Protocol) -> str:
    """What a protocol does, in a sentence."""
    if protocol.rule in PUBLISHED:
        return f"{PUBLISHED[protocol.rule].sentence}; the search folds whole groups of the others"
    if protocol.file is not None:
        whoever = "" if protocol.speaker_disjoint else ", whoever speaks"
        tested = "'holdout', or else each of them in turn, is tested"
        return f"the folds of {protocol.file.path}{whoever}; {tested}"
    if protocol.rule == CORPUS:
        holdout = f"{protocol.corpus or 'each corpus in turn'} is the holdout"
        return f"{holdout}; of the others, each corpus is a fold"
    unit = "speaker" if protocol.speaker_disjoint else "clip"
    if protocol.nested is None:
        holdout = f"one {unit} in five is in the holdout"
    else:
        holdout = f"in {protocol.nested} outer folds every {unit} is tested once"
    folds = {
        "speaker": f"the other speakers are dealt into {protocol.k} folds",
        "random": f"the other clips are dealt into {protocol.k} folds, whoever speaks",
        "loso": "of the others, each speaker is a fold",
    }
    return f"{holdout}; {folds[protocol.rule]}"
