"""Who calls, and what a role may do."""

from __future__ import annotations

from dataclasses import dataclass, field

from modelkeep.domain.errors import PermissionDenied

ROLES = {
    "reader": frozenset({"read"}),
    "writer": frozenset({"read", "write"}),
    "approver": frozenset({"read", "write", "approve"}),
    "admin": frozenset({"read", "write", "approve", "govern", "override", "administer"}),
}


@dataclass(slots=True)
class Actor:
    """The principal on whose behalf one call is made.

    Attributes:
        name: as recorded in every event.
        role: one of ROLES.
        verified: whether a token proved the name. False with authentication off and in embedded use.
        via: `http`, `embedded` or `background`.
        request_id: of the HTTP request, for finding an event's request in the log.
        change_ids: of the changes that this call recorded, filled by the verbs.
    """

    name: str
    role: str
    verified: bool
    via: str
    request_id: str | None = None
    change_ids: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Caller:
    """What a registry tells a caller about the two of them.

    Attributes:
        name, role, verified: the caller's, as in Actor.
        version: the registry's, of Modelkeep.
        timestamp: the registry's clock, in UTC milliseconds.
    """

    name: str
    role: str
    verified: bool
    version: str
    timestamp: int


def require(actor: Actor, action: str, resource: str) -> None:
    """Raise PermissionDenied unless the actor's role includes `action`.

    Args:
        action: `read`, `write`, `approve`, `govern` (set policies and stages), `override` (force a promotion past them) or
            `administer`.
        resource: what would be acted on, as a person would say it, such as `registered model 'churn'`.
    """
    if action not in ROLES[actor.role]:
        needed = next(role for role, actions in ROLES.items() if action in actions)
        raise PermissionDenied(
            f"'{actor.name}' has the role {actor.role} and may not {action} {resource}. "
            f"It needs the role {needed}: ask an administrator for a token with it."
        )
