"""What a page is made from and what it becomes."""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import parse_qs

from modelkeep.domain import texts
from modelkeep.domain.actors import Actor
from modelkeep.domain.errors import Invalid
from modelkeep.registry.handle import Registry
from modelkeep.ui.links import Links


@dataclass(slots=True)
class Visit:
    """One request for a page.

    Attributes:
        actor: who looks.
        registry: what is looked at.
        links: addresses of other pages.
        path: the page's own path, below the base path.
        parts: what stands in the path, by name.
        query: what stands in the query, by name.
        address: this server's own address, as the reader wrote it.
    """

    actor: Actor
    registry: Registry
    links: Links
    path: str
    parts: dict[str, str]
    query: dict[str, list[str]]
    address: str

    def one(self, name: str) -> str | None:
        """A value of the query without the space around it; None when it is missing or blank."""
        return (self.query.get(name) or [""])[0].strip() or None

    def position(self, name: str) -> int | None:
        """A position in the events that stands in the query.

        Raises:
            Invalid: it is no whole number of at least 0.
        """
        text = self.one(name)
        if text is None:
            return None
        if not (text.isascii() and text.isdigit() and len(text) < 20):
            raise Invalid(
                f"Parameter '{name}' must be a whole number, got {text[:80]!r}. Leave it out to see the newest."
            )
        return texts.integer(int(text), name, 0)


def read_query(text: str) -> dict[str, list[str]]:
    """The fields of a query, by name. HTML cannot hold NUL, so that becomes the sign for what cannot be read.

    Raises:
        Invalid: it has over 200 fields.
    """
    try:
        return parse_qs(text.replace("%00", "%EF%BF%BD"), max_num_fields=200)
    except ValueError:
        raise Invalid("The address has over 200 fields after its '?'. Leave some out.") from None


@dataclass(slots=True)
class Answer:
    """What goes back to the browser."""

    body: bytes
    status: int = 200
    content_type: str = "text/html; charset=utf-8"
    headers: list[tuple[str, str]] = field(default_factory=list)
