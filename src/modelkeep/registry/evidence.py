"""Evidence: measured facts about the bytes of versions. It is added and read, and never changed.

What a run had measured when a version was registered from it is evidence of the kind `run`: the registry takes it in the
same transaction, so users of stock clients have evidence without knowing of it, and nothing that is done to the run later
changes it. A copy of a version takes none: it has the same bytes, about which the evidence is there already.
"""

from __future__ import annotations

from typing import Any

from modelkeep.domain import actors, evidence, names, pages, texts
from modelkeep.domain.actors import Actor
from modelkeep.domain.errors import Conflict, Invalid, NotFound
from modelkeep.domain.evidence import Evidence
from modelkeep.domain.manifests import Pin
from modelkeep.domain.paging import Page
from modelkeep.registry.changes import Change
from modelkeep.registry.handle import Registry
from modelkeep.registry.sources import Resolved
from modelkeep.storage import evidence as rows
from modelkeep.storage import manifests as manifest_rows
from modelkeep.storage import versions as version_rows
from modelkeep.storage.database import Transaction

PAGE_LIMIT = 1000
PAGE_DEFAULT = 100


def add(
    actor: Actor,
    registry: Registry,
    kind: str,
    name: str | None = None,
    version: str | int | None = None,
    digest: str | None = None,
    passed: bool | None = None,
    tool: str | None = None,
    dataset_name: str | None = None,
    dataset_digest: str | None = None,
    values: dict[str, float] | None = None,
    environment: dict[str, str] | None = None,
    details: dict[str, Any] | None = None,
) -> Evidence:
    """Add evidence about the files of a pinned version, or about those with a digest. It stays as it is for ever.

    Args:
        kind: what was done, such as `validation` or `load-test`; `run` is the registry's own.
        name, version: of the version, when no digest is given.
        digest: of a manifest, when no version is given.
        passed: None when it was only measured.
        tool: what measured.
        dataset_name, dataset_digest: what was measured on.
        values: at most 10,000 finite numbers, by key.
        environment: texts about where it was measured, by key.
        details: anything else, as JSON has it. All of it together has at most 1 MiB.
    Raises:
        Invalid: a value is not allowed, or neither or both of version and digest are given.
        NotFound: there is no such version, or no version has this digest.
        Conflict: the version is not pinned, so there are no bytes that the evidence could be about.
    Events: evidence.added
    """
    actors.require(actor, "write", f"registered model '{name}'" if name else "evidence")
    subject = _check_subject(name, version, digest)
    checked_kind = evidence.check_kind(kind)
    evidence.check_passed(passed)
    texts.check_optional(tool, "tool", texts.NAME_LIMIT)
    texts.check_optional(dataset_name, "dataset_name", evidence.DATASET_LIMIT)
    texts.check_optional(dataset_digest, "dataset_digest", evidence.DATASET_LIMIT)
    if dataset_digest and not dataset_name:
        raise Invalid("Parameter 'dataset_digest' was given without 'dataset_name'. Name the data set too.")
    checked = (
        evidence.check_values(values),
        evidence.check_environment(environment),
        evidence.check_details(details),
    )
    content = rows.content_of(*checked)
    if (size := len(content.encode())) > evidence.CONTENT_LIMIT:
        raise Invalid(
            f"The evidence has {size:,} bytes of values, environment and details; at most {evidence.CONTENT_LIMIT:,} are "
            "allowed. Log what is larger as a file of a run, and name it in 'details'."
        )
    with Change(actor, registry) as change:
        pin, owner = _find_subject(change.tx, *subject)
        if pin is None:
            raise Conflict(
                f"Version {subject[1]} of '{subject[0]}' is not pinned: no files were at its source when it was registered, "
                "so there are no bytes that evidence could be about. POST /api/2.0/modelkeep/versions/pin pins it to what is "
                "there now."
            )
        added = Evidence(
            0,
            pin.manifest_id,
            pin.digest,
            checked_kind,
            evidence.API,
            passed,
            actor.name,
            actor.verified,
            tool or None,
            dataset_name or None,
            dataset_digest or None,
            *checked,
            change.now,
        )
        _insert(change, added, content)
        change.record(
            "evidence.added",
            owner,
            model=subject[0],
            version=subject[1],
            digest=added.digest,
            **_about(added),
        )
        return added


def _check_subject(name: object, version: object, digest: object) -> tuple[str | None, int | None, str | None]:
    has_version = name not in (None, "") or version not in (None, "")
    has_digest = digest not in (None, "")
    if has_version == has_digest:
        raise Invalid(
            "Say what the evidence is about: give either 'name' and 'version', or the 'digest' of a version's files, "
            f"{'and not both' if has_digest else 'which are all missing'}."
        )
    if has_digest:
        return None, None, evidence.check_digest(digest)
    return names.check_model_name(name), names.check_version(version), None


def _find_subject(
    tx: Transaction, name: str | None, number: int | None, digest: str | None
) -> tuple[Pin | None, int | None]:
    """What is meant, None when the version is not pinned; and the model's id if a version was named."""
    if digest is not None:
        pin = manifest_rows.find(tx, digest)
        if pin is None:
            raise NotFound(
                f"No version here has files with the digest '{digest}'. "
                "GET /api/2.0/modelkeep/versions/manifest tells the digest of a version."
            )
        return pin, None
    assert name is not None and number is not None
    owner = version_rows.get_owner(tx, name, number)
    return manifest_rows.find_pin(tx, owner, number), owner


def _insert(change: Change, added: Evidence, content: str) -> None:
    added.id = rows.insert(
        change.tx,
        manifest_id=added.manifest_id,
        kind=added.kind,
        source=added.source,
        passed=added.passed,
        producer=added.producer,
        verified=added.verified,
        tool=added.tool,
        dataset_name=added.dataset_name,
        dataset_digest=added.dataset_digest,
        values=added.values,
        content=content,
        now=added.creation_timestamp,
    )


def _about(added: Evidence) -> dict[str, Any]:
    """What an event says of evidence: everything that the event does not say itself."""
    return {
        "evidence_id": added.id,
        "evidence_kind": added.kind,
        "evidence_source": added.source,
        "passed": added.passed,
        "tool": added.tool,
        "dataset_name": added.dataset_name,
        "dataset_digest": added.dataset_digest,
        "values": added.values,
        "environment": added.environment,
        "details": added.details,
        "creation_timestamp": added.creation_timestamp,
    }


def of_run(change: Change, resolved: Resolved, pin: Pin | None, run_id: str | None) -> dict[str, Any] | None:
    """Keep what the run behind a version has measured as evidence about the files that the version is pinned to.

    Args:
        resolved: the version's source.
    Returns:
        what the version's event says of it; None when there is nothing to keep.
    """
    if pin is None or run_id is None or resolved.pin is not None or not resolved.is_measured:
        return None
    values, dataset_name, dataset_digest = rows.of_run(change.tx, run_id)
    if not values and dataset_name is None:
        return None
    details = {"run_id": run_id}
    taken = Evidence(
        0,
        pin.manifest_id,
        pin.digest,
        evidence.RUN,
        evidence.RUN,
        None,
        change.actor.name,
        change.actor.verified,
        None,
        dataset_name,
        dataset_digest,
        values,
        {},
        details,
        change.now,
    )
    _insert(change, taken, rows.content_of(values, {}, details))
    return _about(taken)


def page(
    actor: Actor,
    registry: Registry,
    name: str | None = None,
    version: str | int | None = None,
    digest: str | None = None,
    kind: str | None = None,
    max_results: int | None = None,
    page_token: str | None = None,
) -> Page[Evidence]:
    """Evidence about the files of a version, or about those with a digest, newest first; none about one without files.

    Args:
        kind: only of this kind; `run` is what the registry took from runs.
        max_results: 1 to 1,000, by default 100.
    Raises:
        Invalid: a value is not allowed, or neither or both of version and digest are given.
        NotFound: there is no such version, or no version has this digest.
    """
    actors.require(actor, "read", f"registered model '{name}'" if name else "evidence")
    subject = _check_subject(name, version, digest)
    wanted = texts.check_optional(kind, "kind", evidence.KIND_LIMIT) or None
    size = PAGE_DEFAULT if max_results is None else texts.integer(max_results, "max_results", 1, PAGE_LIMIT)
    with registry.database.read() as tx:
        pin, _ = _find_subject(tx, *subject)
        if pin is None:
            return Page([])
        binding = pages.bind("evidence", pin.digest, wanted)
        before = pages.place(page_token, binding, texts.INT64_MAX)
        found = rows.page(tx, manifest_id=pin.manifest_id, kind=wanted, before=before, limit=size + 1)
    if len(found) <= size:
        return Page(found)
    return Page(found[:size], pages.encode([found[size - 1].id], binding))
