"""What everything registered promises, of whatever kind."""

from __future__ import annotations

import pickle
from typing import Any

from serbench.testing.require import require


def its_name_can_be_typed(thing: Any) -> None:
    """The name is one word without spaces that does not begin with a dash."""
    name = thing.name
    require(isinstance(name, str) and bool(name), f"its name is {name!r}, not a word")
    require(not any(letter.isspace() for letter in name), f"there is a space in the name '{name}'")
    require(not name.startswith("-"), f"'{name}' would be taken for an option")


def it_can_be_sent_to_another_process(thing: Any) -> None:
    """What is registered pickles, and comes back as what it was."""
    try:
        content = pickle.dumps(thing)
    # What pickle raises is PicklingError, TypeError or AttributeError, or the thing's own.
    except Exception as error:
        raise AssertionError(
            f"it does not pickle ({type(error).__name__}: {error}): keep modules, tensors and "
            "open files out of it"
        ) from error
    back = pickle.loads(content)  # noqa: S301
    require(type(back) is type(thing), f"it comes back as a {type(back).__name__}")
    require(back.name == thing.name, f"it comes back as '{back.name}'")
    if "__eq__" in {name for each in type(thing).__mro__[:-1] for name in vars(each)}:
        require(back == thing, "what comes back does not equal what was sent")
