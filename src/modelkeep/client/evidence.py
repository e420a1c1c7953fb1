"""Evidence: what was measured of the files of a version. MLflow has none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from modelkeep.client.entities import Evidence, PagedList, evidence
from modelkeep.client.values import version_text

if TYPE_CHECKING:
    from modelkeep.client.client import Client


def add(
    client: Client,
    name: str | None = None,
    version: str | int | None = None,
    *,
    kind: str,
    digest: str | None = None,
    passed: bool | None = None,
    values: Mapping[str, float] | None = None,
    dataset_name: str | None = None,
    dataset_digest: str | None = None,
    tool: str | None = None,
    environment: Mapping[str, str] | None = None,
    details: Mapping[str, Any] | None = None,
) -> Evidence:
    """Add evidence about the files of a version, or about those with a digest. It cannot be changed afterwards.

    Args:
        kind: what was done, such as `load-test`; `run` is the registry's own.
        digest: of a version's files, instead of its name and number.
        passed: what came out; None when it was only measured.
        values: finite numbers by key, at most 10,000.
        dataset_name, dataset_digest: what was measured on.
        tool: what measured.
        environment: texts about where, by key.
        details: anything else that JSON can say.
    """
    reply = client.call(
        "evidence.add",
        name=name,
        version=version_text(version),
        digest=digest,
        kind=kind,
        passed=passed,
        values=None if values is None else dict(values),
        dataset_name=dataset_name,
        dataset_digest=dataset_digest,
        tool=tool,
        environment=None if environment is None else dict(environment),
        details=None if details is None else dict(details),
    )
    return evidence(reply.evidence)


def page(
    client: Client,
    name: str | None = None,
    version: str | int | None = None,
    *,
    kind: str | None = None,
    digest: str | None = None,
    max_results: int | None = None,
    page_token: str | None = None,
) -> PagedList[Evidence]:
    """Evidence about the files of a version, or about those with a digest, newest first.

    Args:
        kind: only of this kind; `run` is what the registry took from the run at registration.
        max_results: 1 to 1,000, by default 100.
    """
    reply = client.call(
        "evidence.page",
        name=name,
        version=version_text(version),
        digest=digest,
        kind=kind,
        max_results=max_results,
        page_token=page_token,
    )
    return PagedList([evidence(shape) for shape in reply.evidence], reply.next_page_token)
