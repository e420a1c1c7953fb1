"""Parameters of runs: log."""

from __future__ import annotations

from modelkeep.domain import actors, names, params, runs
from modelkeep.domain.actors import Actor
from modelkeep.registry.changes import Change
from modelkeep.registry.handle import Registry
from modelkeep.storage import params as rows
from modelkeep.storage import runs as run_rows
from modelkeep.storage.database import Transaction


def log(
    actor: Actor,
    registry: Registry,
    run_id: str | None = None,
    run_uuid: str | None = None,
    key: str | None = None,
    value: str | None = None,
) -> None:
    """Log a parameter, whose value never changes after; the same value again is accepted.

    Args:
        run_uuid: another name for `run_id`.
        value: cut to 6,000 characters, as in MLflow; None is the empty text.
    Raises:
        Invalid: the key or value is not allowed, the run has another value for it, or the run is deleted.
        NotFound: there is no such run.
    """
    checked = runs.check_id(run_id, run_uuid)
    actors.require(actor, "write", f"run '{checked}'")
    collected = {names.check_key(key): params.check_value(value)}
    with Change(actor, registry) as change:
        run_rows.get_active(change.tx, checked)
        insert(change.tx, checked, collected)


def insert(tx: Transaction, run_id: str, collected: dict[str, str]) -> None:
    """Insert the parameters a run does not have.

    Raises:
        Invalid: it has another value for one of them.
    """
    rows.insert(tx, run_id, collected)
    for key, value in rows.values(tx, run_id, list(collected)).items():
        if value != collected[key]:
            raise params.changed(run_id, key, value, collected[key])
