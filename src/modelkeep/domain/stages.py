"""Stages: the four lifecycle states of MLflow's registry."""

from __future__ import annotations

from modelkeep.domain.errors import Invalid

NONE = "None"
ARCHIVED = "Archived"
STAGES = (NONE, "Staging", "Production", ARCHIVED)
_CANONICAL = {stage.lower(): stage for stage in STAGES}


def canonical(stage: object) -> str:
    """Return the canonical spelling of a stage, which may be given in any case.

    Raises:
        Invalid: there is no such stage.
    """
    found = _CANONICAL.get(stage.lower()) if isinstance(stage, str) else None
    if found is None:
        raise Invalid(f"Invalid Model Version stage: {stage}. Value must be one of {', '.join(STAGES)}.")
    return found
