"""The two lifecycle stages of experiments and runs, and the views that ask for them."""

from __future__ import annotations

from modelkeep.domain import enums

ACTIVE = "active"
DELETED = "deleted"

ACTIVE_ONLY = "ACTIVE_ONLY"
DELETED_ONLY = "DELETED_ONLY"
ALL = "ALL"
_VIEWS = {ACTIVE_ONLY: 1, DELETED_ONLY: 2, ALL: 3}


def check_view(value: object, field: str) -> str:
    """Return a view by its name or number; ACTIVE_ONLY when it is missing or an unknown name, as in MLflow.

    Raises:
        Invalid: it is a number that stands for no view, or of another type.
    """
    return enums.read(value, field, _VIEWS) or ACTIVE_ONLY
