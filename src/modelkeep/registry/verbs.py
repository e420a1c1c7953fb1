"""Finding a verb by the text that the API table names it with."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

Verb = Callable[..., Any]


def resolve(name: str) -> Verb:
    """The function behind `noun.verb`.

    Raises:
        LookupError: there is none.
    """
    module, _, function = name.partition(".")
    try:
        return getattr(importlib.import_module(f"modelkeep.registry.{module}"), function)
    except (ImportError, AttributeError):
        raise LookupError(f"The API table names the verb '{name}', which modelkeep.registry does not have.") from None
