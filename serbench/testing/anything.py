"""Requirements on every registered object of any kind."""

from __future__ import annotations

import pickle
from typing import Any

from serbench.testing.require import require


def its_name_can_be_typed(thing: Any) -> None:
    """The name is one word without spaces that does not begin with a dash."""
    name = thing.name
    require(isinstance(name, str) and bool(name), f"its name is {name!r}, not a word")
    require(not any(letter.isspace() for letter in name), f"there is a space in the name '{name}'")
    require(not name.startswith("-"), f"'{name}' looks like an option")


def it_can_be_sent_to_another_process(thing: Any) -> None:
    """The registered object can be pickled, and unpickling gives an equal object."""
    try:
        content = pickle.dumps(thing)
    # pickle raises PicklingError, TypeError or AttributeError, or an error of the object.
    except Exception as error:
        raise AssertionError(
            f"it cannot be pickled ({type(error).__name__}: {error}): leave modules, tensors "
            "and open files out of it"
        ) from error
    back = pickle.loads(content)  # noqa: S301
    require(type(back) is type(thing), f"unpickled it is a {type(back).__name__}")
    require(back.name == thing.name, f"unpickled its name is '{back.name}'")
    if "__eq__" in {name for each in type(thing).__mro__[:-1] for name in vars(each)}:
        require(back == thing, "unpickled it is not equal to the original")
