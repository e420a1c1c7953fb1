"""Storage use on the wire: `GET /api/2.0/modelkeep/storage/usage`."""

from __future__ import annotations

from modelkeep.api.call import Call, Int64, Reply, Request
from modelkeep.domain.blobs import ModelUsage, Usage


class ModelUsageShape(Reply, omit_defaults=False):
    """The bytes of one registered model's pinned versions; `shared_bytes` of them belong to other models as well."""

    name: str
    deleted: bool
    files: int
    bytes: int
    shared_bytes: int


class UsageReply(Reply, omit_defaults=False):
    """In bytes, every digest counted once; `models` starts with the one that takes up most."""

    files: int
    total_bytes: int
    pinned_bytes: int
    artifact_bytes: int
    condemned_bytes: int
    quarantined_bytes: int
    models: list[ModelUsageShape]


def _reply(found: Usage) -> UsageReply:
    return UsageReply(
        files=found.blobs,
        total_bytes=found.bytes,
        pinned_bytes=found.pinned_bytes,
        artifact_bytes=found.artifact_bytes,
        condemned_bytes=found.condemned_bytes,
        quarantined_bytes=found.quarantined_bytes,
        models=[_model(model) for model in found.models],
    )


def _model(found: ModelUsage) -> ModelUsageShape:
    return ModelUsageShape(found.name, found.is_deleted, found.files, found.bytes, found.shared_bytes)


class UsageRequest(Request):
    """`limit`: how many models, at most 10,000."""

    limit: Int64 | None = None


CALLS = (
    Call(
        "GET", "modelkeep/storage/usage", UsageRequest, "blobs.usage", "read", "storage",
        "What files take up: in all, pinned by versions, of runs alone, waiting to be deleted, damaged, and by model.",
        _reply, UsageReply,
    ),
)  # fmt: skip
