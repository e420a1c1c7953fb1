"""What a client cannot do with any server, and says so itself: a step that fails for such a reason is no defect here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limitation:
    """A failure that is expected.

    Attributes:
        releases: of the clients.
        group, title: of the step.
        error: what the failure's reason must contain.
        reason: what the matrix says about it.
    """

    releases: tuple[str, ...]
    group: str
    title: str
    error: str
    reason: str


LIMITATIONS = (
    Limitation(
        ("2.9.2",),
        "Aliases",
        "name the version of an alias as a whole number",
        "TypeError: bad argument type for built-in operation",
        "The client raises TypeError before it asks the server: it takes the version as a text only.",
    ),
)


def find(release: str, group: str, title: str) -> Limitation | None:
    """The limitation of a client in a step, if there is one."""
    for limitation in LIMITATIONS:
        if release in limitation.releases and (group, title) == (limitation.group, limitation.title):
            return limitation
    return None
