"""The stages of a registry on the wire: `/api/2.0/modelkeep/stages/…`."""

from __future__ import annotations

from modelkeep.api.call import Call, Empty, Reply, Request
from modelkeep.domain.stages import Stages


class StagesReply(Reply):
    """The stages in order, and for some of them those that may follow."""

    stages: list[str] = []
    transitions: dict[str, list[str]] = {}


def stages_reply(stages: Stages) -> StagesReply:
    return StagesReply(list(stages.names), {name: list(after) for name, after in stages.transitions.items()})


class Configure(Request):
    stages: list[str] | None = None
    transitions: dict[str, list[str]] | None = None


CALLS = (
    Call(
        "GET", "modelkeep/stages/get", Empty, "stages.get", "read", "stages",
        "The stages there are, and which may follow which.", stages_reply, StagesReply,
    ),
    Call(
        "POST", "modelkeep/stages/configure", Configure, "stages.configure", "govern", "stages",
        "Set the stages of the registry, MLflow's four among them, and which may follow which.",
        stages_reply, StagesReply, ("stages",),
    ),
)  # fmt: skip
