"""Who the registry takes the caller for. MLflow has no such call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from modelkeep.client.entities import Caller, caller

if TYPE_CHECKING:
    from modelkeep.client.client import Client


def whoami(client: Client) -> Caller:
    """The name and role that the registry knows the caller by, its version and its clock.

    Raises:
        Unauthenticated: it needs a token, and there is none or it is not known.
    """
    return caller(client.call("callers.describe"))
