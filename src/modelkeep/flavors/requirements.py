"""Which distributions a model needs, at the versions that are installed, without starting a process or importing more."""

from __future__ import annotations

import functools
import importlib.metadata
import re
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from modelkeep.domain.errors import Invalid

# Names that differ from the module's; others are looked up in what is installed, which takes longer.
_DISTRIBUTIONS = {
    "PIL": "pillow",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "PyYAML",
}


def pinned(modules: Iterable[str]) -> list[str]:
    """`name==version` of the distributions that have these modules, in order.

    Args:
        modules: full names; those of the standard library, and of no installed distribution, are left out.
    """
    tops = {name.partition(".")[0] for name in modules} - {"__main__", "builtins"}
    found = {pin for top in tops if top not in sys.stdlib_module_names for pin in _pin(top)}
    return sorted(found, key=str.lower)


@functools.cache
def _pin(module: str) -> tuple[str, ...]:
    try:
        return (_exact(_DISTRIBUTIONS.get(module, module)),)
    except importlib.metadata.PackageNotFoundError:
        return tuple(_exact(name) for name in set(_providers().get(module, ())))


def _exact(name: str) -> str:
    # A local part (+cpu) names a build that no index has.
    return f"{name}=={importlib.metadata.version(name).partition('+')[0]}"


@functools.cache
def _providers() -> dict[str, list[str]]:
    return dict(importlib.metadata.packages_distributions())


def modules_of(model: Any) -> set[str]:
    """The modules of a model's classes: its own and those of what its attributes hold, some levels down."""
    found: set[str] = set()
    seen: set[int] = set()
    waiting = [(model, 0)]
    while waiting:
        each, depth = waiting.pop()
        if id(each) in seen:
            continue
        seen.add(id(each))
        kind = each if isinstance(each, type) else type(each)
        found |= {base.__module__ for base in kind.__mro__ if base is not object}
        if callable(each) and isinstance(getattr(each, "__module__", None), str):
            found.add(each.__module__)
        if depth < _DEPTH:
            waiting += [(value, depth + 1) for value in _held(each)]
    return found


_DEPTH = 6
_MANY = 100


def _held(each: Any) -> list[Any]:
    if isinstance(each, dict):
        return list(each.values())[:_MANY]
    if isinstance(each, (list, tuple, set)):
        return list(each)[:_MANY]
    fields = getattr(each, "__dict__", None)
    return [] if isinstance(each, type) or not isinstance(fields, dict) else list(fields.values())[:_MANY]


def decided(found: list[str], given: list[str] | str | None, extra: list[str] | str | None) -> list[str]:
    """The requirements of a model.

    Args:
        found: what the model needs.
        given: what the caller says instead, as a list or the path of a requirements file.
        extra: what the caller says besides.
    Raises:
        Invalid: both are given.
    """
    if given is not None and extra is not None:
        raise Invalid("Give pip_requirements, which replace what was found, or extra_pip_requirements, and not both.")
    if given is not None:
        return _listed(given)
    added = [] if extra is None else _listed(extra)
    named = {_bare(each) for each in added}
    return [each for each in found if _bare(each) not in named] + added


def _listed(given: list[str] | str) -> list[str]:
    lines = Path(given).read_text(encoding="utf-8").splitlines() if isinstance(given, str) else given
    stripped = [line.split(" #")[0].strip() for line in lines]
    return [line for line in stripped if line and not line.startswith("#")]


def _bare(requirement: str) -> str:
    return re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower().replace("_", "-")
