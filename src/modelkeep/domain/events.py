"""Events: what happened to the registry, in order, for ever.

Each kind has a schema number; old events are never rewritten, so a change of a payload's meaning is a new number.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of event: its schema number and the sentence a person reads, with the payload's fields in braces."""

    schema: int
    sentence: str


KINDS: dict[str, Kind] = {
    "model.created": Kind(1, "registered model {model} was created"),
    "model.updated": Kind(1, "the description of {model} was changed"),
    "model.renamed": Kind(1, "{from} was renamed to {model}"),
    "model.deleted": Kind(1, "{model} was deleted"),
    "model.restored": Kind(1, "{model} was restored"),
    "model.tag_set": Kind(1, "tag {key} of {model} was set to {value}"),
    "model.tag_deleted": Kind(1, "tag {key} of {model} was deleted"),
    "model.imported": Kind(1, "registered model {model} was imported from {origin}"),
    "version.registered": Kind(3, "{model} version {version} was registered from {source}"),
    "version.pinned": Kind(2, "{model} version {version} was pinned to {files} files with the digest {digest}"),
    "version.updated": Kind(1, "the description of {model} version {version} was changed"),
    "version.deleted": Kind(1, "{model} version {version} was deleted"),
    "version.restored": Kind(1, "{model} version {version} was restored"),
    "version.tag_set": Kind(1, "tag {key} of {model} version {version} was set to {value}"),
    "version.tag_deleted": Kind(1, "tag {key} of {model} version {version} was deleted"),
    "version.imported": Kind(2, "{model} version {version} was imported from {origin}"),
    "evidence.added": Kind(1, "{evidence_kind} evidence was added about the files with the digest {digest}"),
    "stage.changed": Kind(1, "{model} version {version} moved from {from} to {to} (cause: {cause})"),
    "alias.moved": Kind(1, "@{alias} of {model} moved from version {from} to version {to} (cause: {cause})"),
    "promotion.refused": Kind(1, "{model} version {version} was refused by a policy ({move} {target})"),
    "override.closed": Kind(1, "the forced promotion of {model} version {version} to {target} was followed up: {note}"),
    "policy.applied": Kind(1, "policy {policy} was applied as revision {revision}"),
    "policy.retired": Kind(1, "policy {policy} was retired"),
    "stages.configured": Kind(1, "the stages were set"),
    "experiment.created": Kind(1, "experiment {name} was created"),
    "experiment.renamed": Kind(1, "experiment {from} was renamed to {name}"),
    "experiment.deleted": Kind(1, "experiment {name} was deleted"),
    "experiment.restored": Kind(1, "experiment {name} was restored"),
    "experiment.tag_set": Kind(1, "tag {key} of experiment {name} was set to {value}"),
    "experiment.tag_deleted": Kind(1, "tag {key} of experiment {name} was deleted"),
    "experiment.imported": Kind(1, "experiment {name} was imported from {origin}"),
    "run.created": Kind(1, "run {name} ({run_id}) was created"),
    "run.ended": Kind(1, "run {run_id} ended as {status}"),
    "run.deleted": Kind(1, "run {run_id} was deleted"),
    "run.restored": Kind(1, "run {run_id} was restored"),
    "run.imported": Kind(1, "run {name} ({run_id}) was imported from {origin}"),
    "logged_model.created": Kind(1, "logged model {name} ({logged_model_id}) was created"),
    "logged_model.finalized": Kind(1, "logged model {logged_model_id} became {status}"),
    "logged_model.params_logged": Kind(1, "params of logged model {logged_model_id} were logged"),
    "logged_model.deleted": Kind(1, "logged model {logged_model_id} was deleted"),
    "logged_model.tag_set": Kind(1, "tag {key} of logged model {logged_model_id} was set to {value}"),
    "logged_model.tag_deleted": Kind(1, "tag {key} of logged model {logged_model_id} was deleted"),
    "logged_model.imported": Kind(1, "logged model {name} ({logged_model_id}) was imported from {origin}"),
    "blob.quarantined": Kind(1, "the bytes {digest} were set aside: {why}"),
    "blob.mended": Kind(1, "the bytes {digest} are whole again"),
    "token.created": Kind(1, "a {role} token ({token_id}) was created for {user}"),
    "token.revoked": Kind(1, "the token {token_id} of {user} was revoked"),
}


@dataclass(slots=True)
class Event:
    """One recorded change.

    Attributes:
        position: its place in the order that every reader sees.
        recorded_timestamp: UTC milliseconds, never less than the event before.
        actor, verified, via: who, whether a token proved it, and through which door.
        kind, schema: a key of KINDS and the schema number of the payload.
        model_id: of the registered model concerned, if one is.
        change_id: shared by all the events of one call.
        request_id: of the HTTP request, if there was one.
        payload: what changed, by field.
    """

    position: int
    recorded_timestamp: int
    actor: str
    verified: bool
    via: str
    kind: str
    schema: int
    model_id: int | None
    change_id: str
    request_id: str | None
    payload: dict[str, Any]


def sentence(event: Event) -> str:
    """What happened, as a person would say it, starting with who did it."""
    values = {key: "nothing" if value is None else value for key, value in event.payload.items()}
    return f"{event.actor}: {KINDS[event.kind].sentence.format_map(values)}"
