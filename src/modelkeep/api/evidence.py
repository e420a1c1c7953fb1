"""Evidence on the wire: `/api/2.0/modelkeep/evidence/{add,list}`."""

from __future__ import annotations

from typing import Any

from modelkeep.api.call import Call, Int64, Reply, Request
from modelkeep.domain.evidence import Evidence
from modelkeep.domain.paging import Page


class EvidenceShape(Reply):
    """A report about the files with a digest. `source` is `run` when the registry took it from a run.

    `verified` says that a token proved the producer. `creation_timestamp` is UTC milliseconds.
    """

    evidence_id: str
    digest: str
    kind: str
    source: str
    producer: str
    verified: bool
    creation_timestamp: int
    passed: bool | None = None
    tool: str | None = None
    dataset_name: str | None = None
    dataset_digest: str | None = None
    values: dict[str, float] = {}
    environment: dict[str, str] = {}
    details: dict[str, Any] = {}


def evidence_shape(evidence: Evidence) -> EvidenceShape:
    """Evidence as the wire has it."""
    return EvidenceShape(
        evidence_id=str(evidence.id),
        digest=evidence.digest,
        kind=evidence.kind,
        source=evidence.source,
        producer=evidence.producer,
        verified=evidence.verified,
        creation_timestamp=evidence.creation_timestamp,
        passed=evidence.passed,
        tool=evidence.tool,
        dataset_name=evidence.dataset_name,
        dataset_digest=evidence.dataset_digest,
        values=evidence.values,
        environment=evidence.environment,
        details=evidence.details,
    )


class EvidenceReply(Reply):
    evidence: EvidenceShape


def evidence_reply(evidence: Evidence) -> EvidenceReply:
    return EvidenceReply(evidence_shape(evidence))


class EvidencePageReply(Reply):
    evidence: list[EvidenceShape] = []
    next_page_token: str | None = None


def page_reply(page: Page[Evidence]) -> EvidencePageReply:
    return EvidencePageReply([evidence_shape(each) for each in page.items], page.next_page_token)


class About(Request):
    """The version by `name` and `version`, or its files by `digest`."""

    name: str | None = None
    version: str | None = None
    digest: str | None = None
    kind: str | None = None


class Add(About):
    """What is in the objects is checked by the verb: a number there may not be a text or a truth value."""

    passed: bool | None = None
    tool: str | None = None
    dataset_name: str | None = None
    dataset_digest: str | None = None
    values: dict[str, Any] | None = None
    environment: dict[str, Any] | None = None
    details: dict[str, Any] | None = None


class List(About):
    max_results: Int64 | None = None
    page_token: str | None = None


CALLS = (
    Call(
        "POST", "modelkeep/evidence/add", Add, "evidence.add", "write", "evidence",
        "Add evidence about the files of a version, or about those with a digest.",
        evidence_reply, EvidenceReply, ("kind",), creates=True,
    ),
    Call(
        "GET", "modelkeep/evidence/list", List, "evidence.page", "read", "evidence",
        "Evidence about the files of a version, or about those with a digest, newest first.",
        page_reply, EvidencePageReply,
    ),
)  # fmt: skip
