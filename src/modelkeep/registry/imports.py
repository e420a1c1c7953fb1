"""Imports: what another registry has, brought here with its ids, numbers and times.

Each verb takes records of one kind, answers what became of each, and may be repeated: what is here as it is there is left
alone, and so is what exists here and was not imported from the same origin. Runs are in `registry.run_imports`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TypeVar

from modelkeep.domain import actors, experiments, imports, lifecycle, locations, names, policies, stages, texts
from modelkeep.domain import versions as domain_versions
from modelkeep.domain.actors import Actor
from modelkeep.domain.artifacts import SCHEME, root_of
from modelkeep.domain.errors import Gone, Invalid, ModelkeepError
from modelkeep.domain.experiments import Experiment
from modelkeep.domain.imports import Files, Known, Model, Result, Version
from modelkeep.domain.models import PROMPT_TAG
from modelkeep.domain.targets import of_alias
from modelkeep.registry import evidence, following, gates, governing, manifests, moving, sources
from modelkeep.registry.changes import Change
from modelkeep.registry.gates import Attempt
from modelkeep.registry.handle import Registry
from modelkeep.registry.sources import Resolved
from modelkeep.storage import events as event_rows
from modelkeep.storage import experiments as experiment_rows
from modelkeep.storage import imports as rows
from modelkeep.storage import models as model_rows
from modelkeep.storage import versions as version_rows

PAGE_LIMIT = 10_000
_STATUSES = ("READY", "PENDING_REGISTRATION", "FAILED_REGISTRATION")

R = TypeVar("R")


class Pair(Protocol):
    """A key with its value."""

    key: str | None
    value: str | None


def known(
    actor: Actor, registry: Registry, origin: str, kind: str, after: str | None = None, limit: int | None = None
) -> list[Known]:
    """What was imported of a kind from an origin, by the id it has there.

    Args:
        kind: one of `domain.imports.KINDS`.
        after: only ids after this one.
        limit: 1 to 10,000, which is the default.
    Raises:
        Invalid: there is no such kind, or another value is not allowed.
    """
    checked = check_origin(actor, origin)
    if kind not in imports.KINDS:
        raise Invalid(f"Invalid value {str(kind)[:100]!r} for parameter 'kind': use one of {', '.join(imports.KINDS)}.")
    texts.check_optional(after, "after", texts.SOURCE_LIMIT)
    size = PAGE_LIMIT if limit is None else texts.integer(limit, "limit", 1)
    with registry.database.read() as tx:
        return rows.page(tx, checked, kind, after or "", min(size, PAGE_LIMIT))


def check_origin(actor: Actor, origin: object) -> str:
    """Return the name of an origin, after making sure that the actor may import.

    Raises:
        PermissionDenied: the actor is no administrator.
        Invalid: it is missing or too long.
    """
    actors.require(actor, "administer", "imports")
    return texts.required(origin, "origin", imports.ORIGIN_LIMIT)


def check_records(records: Sequence[R] | None, field: str) -> Sequence[R]:
    """Return the records of one call.

    Raises:
        Invalid: there are none, or over 1,000.
    """
    if not records:
        raise Invalid(f"Missing value for required parameter '{field}': give at least one record.")
    if len(records) > imports.BATCH_LIMIT:
        raise Invalid(f"Parameter '{field}' has {len(records):,} records; at most {imports.BATCH_LIMIT:,} are allowed.")
    return records


def note(change: Change, origin: str, kind: str, id: str, local_id: object, fingerprint: str | None) -> None:
    """Note that a thing of the origin is here now, and what it was like there."""
    position = event_rows.last_position(change.tx)
    rows.note(change.tx, origin, Known(kind, id, str(local_id), fingerprint, position))


def kept(
    pairs: Iterable[Pair], check: Callable[[Any], str], limit: int, what: str, left_out: list[str]
) -> dict[str, str]:
    """Those of tags or parameters that can be kept here; why the others cannot is added to `left_out`.

    Args:
        limit: of a value's characters; a longer one is cut, and that said.
    """
    found: dict[str, str] = {}
    for pair in pairs:
        try:
            key, value = check(pair.key), pair.value or ""
            found[key] = texts.check(value[:limit], "value", limit)
            if len(value) > limit:
                left_out.append(f"{what} '{key}' was cut to {limit:,} characters.")
        except Invalid as error:
            left_out.append(f"{what} was left out: {error.message}")
    return found


def check_times(*times: object) -> None:
    """Raise Invalid unless each is UTC milliseconds or missing."""
    for time in times:
        if time is not None:
            texts.integer(time, "time", 0)


def check_fingerprint(fingerprint: object) -> None:
    """Raise Invalid unless it is a short text or missing."""
    texts.check_optional(fingerprint, "fingerprint", 128)


def files(actor: Actor, registry: Registry, origin: str, files: list[Files] | None = None) -> None:
    """Note that all files of runs or logged models are here, and what they were like there.

    Raises:
        Invalid: a value is missing or not allowed.
    """
    checked = check_origin(actor, origin)
    records = check_records(files, "files")
    for record in records:
        texts.required(record.id, "files.id", texts.SOURCE_LIMIT)
        check_fingerprint(record.fingerprint)
    with Change(actor, registry) as change:
        for record in records:
            assert record.id is not None
            note(change, checked, imports.FILES, record.id, record.id, record.fingerprint)


# Experiments ------------------------------------------------------------------------------------------------


def bring_experiments(
    actor: Actor, registry: Registry, origin: str, experiments: list[imports.Experiment] | None = None
) -> list[Result]:
    """Bring experiments. Their ids are kept where they are free here; experiment 0, Default, is the one that is here.

    Raises:
        Invalid: there are no records, or too many.
    Events: experiment.imported for each that is new or changed there
    """
    checked = check_origin(actor, origin)
    records = check_records(experiments, "experiments")
    with Change(actor, registry) as change:
        return [_bring_experiment(change, checked, record) for record in records]


def _bring_experiment(change: Change, origin: str, record: imports.Experiment) -> Result:
    try:
        source_id = texts.required(record.id, "experiments.id")
        name = experiments.check_name(record.name)
        check_times(record.creation_time, record.last_update_time)
        check_fingerprint(record.fingerprint)
    except ModelkeepError as error:
        return Result(str(record.id), None, imports.REFUSED, error.message)
    before = rows.find(change.tx, origin, imports.EXPERIMENT, source_id)
    if before is not None and before.fingerprint == record.fingerprint:
        return Result(source_id, before.local_id, imports.UNCHANGED)
    left_out: list[str] = []
    collected = kept(record.tags, names.check_key, experiments.TAG_VALUE_LIMIT, "A tag", left_out)
    holder = experiment_rows.find_by_name(change.tx, name)
    if before is not None:
        if holder is not None and str(holder.id) != before.local_id:
            return Result(
                source_id, before.local_id, imports.CONFLICT,
                f"Experiment '{name}' was renamed there, and another one has that name here.",
            )  # fmt: skip
        local = experiment_rows.get(change.tx, int(before.local_id))
    elif holder is not None and holder.id != experiments.DEFAULT_ID:
        return Result(
            source_id, None, imports.CONFLICT,
            f"Experiment '{name}' exists here and was not imported from there. Rename one of the two, and import again.",
        )  # fmt: skip
    else:
        local = holder or _new_experiment(change, record, name, source_id, left_out)
    is_default = local.id == experiments.DEFAULT_ID
    stage = lifecycle.DELETED if record.lifecycle_stage == lifecycle.DELETED and not is_default else lifecycle.ACTIVE
    for key, value in collected.items():
        experiment_rows.set_tag(change.tx, local.id, key, value)
    updated = record.last_update_time or record.creation_time or change.now
    experiment_rows.update(
        change.tx, local.id, max(updated, local.last_update_time) if is_default else updated,
        name=name, lifecycle_stage=stage,
    )  # fmt: skip
    change.record(
        "experiment.imported",
        origin=origin,
        id=source_id,
        first=before is None,
        experiment_id=local.id,
        name=name,
        artifact_location=local.artifact_location,
        lifecycle_stage=stage,
        creation_time=local.creation_time,
        tags=collected,
    )
    note(change, origin, imports.EXPERIMENT, source_id, local.id, record.fingerprint)
    return result(source_id, local.id, before is None, left_out)


def result(source_id: str, local_id: object, is_first: bool, left_out: list[str]) -> Result:
    """What became of a record that is here now, with what of it could not be kept."""
    return Result(
        source_id, str(local_id), imports.IMPORTED if is_first else imports.UPDATED, " ".join(left_out) or None
    )


def _new_experiment(
    change: Change, record: imports.Experiment, name: str, source_id: str, left_out: list[str]
) -> Experiment:
    wanted = int(source_id) if source_id.isdecimal() and len(source_id) < 19 else None
    if wanted is not None and experiment_rows.find(change.tx, wanted) is not None:
        wanted = None
    created = change.now if record.creation_time is None else record.creation_time
    local_id = experiment_rows.insert(change.tx, name, created, wanted)
    location = kept_location(record.artifact_location, left_out) or f"{SCHEME}/{local_id}"
    experiment_rows.set_artifact_location(change.tx, local_id, location)
    return experiment_rows.get(change.tx, local_id)


def kept_location(location: str | None, left_out: list[str]) -> str | None:
    """An address of files in an object store, None when it cannot be kept, which is added to `left_out`."""
    if location is None:
        return None
    try:
        return locations.check(location)
    except Invalid as error:
        left_out.append(error.message)
        return None


# Registered models ------------------------------------------------------------------------------------------


def bring_models(actor: Actor, registry: Registry, origin: str, models: list[Model] | None = None) -> list[Result]:
    """Bring registered models and prompts with their versions, whose numbers are kept, and their aliases.

    A version is pinned to the files that are at its source here by now, with the metrics of its run as evidence. What was changed here since it was imported is
    left as it is; so are aliases of a model whose record has no fingerprint, because more versions are to come.

    Returns:
        what became of each model, by its name, and of each version, by `name/number`.
    Raises:
        Invalid: there are no records, or too many.
    Events: model.imported and version.imported for each that is new or changed there; with them, under one change id,
        stage.changed and alias.moved for each stage and alias
    """
    checked = check_origin(actor, origin)
    records = check_records(models, "models")
    results: list[Result] = []
    with Change(actor, registry) as change:
        for record in records:
            results += _bring_model(change, checked, record)
    return results


def _bring_model(change: Change, origin: str, record: Model) -> list[Result]:
    try:
        name = names.check_model_name(record.name)
        texts.check_optional(record.description, "description", texts.DESCRIPTION_LIMIT)
        texts.check_optional(record.user_id, "user_id", texts.NAME_LIMIT)
        check_times(record.creation_timestamp, record.last_updated_timestamp)
        check_fingerprint(record.fingerprint)
    except ModelkeepError as error:
        return [Result(str(record.name), None, imports.REFUSED, error.message)]
    before = rows.find(change.tx, origin, imports.MODEL, name)
    holder = model_rows.find(change.tx, name)
    if before is None and holder is not None:
        kind = "prompt" if holder.is_prompt else "registered model"
        return [
            Result(
                name, None, imports.CONFLICT,
                f"A {kind} '{name}' exists here and was not imported from there. Rename one of the two, and import again.",
            )
        ]  # fmt: skip
    if before is not None and (holder is None or str(holder.id) != before.local_id):
        if before.fingerprint is not None and before.fingerprint == record.fingerprint and not record.versions:
            return [Result(name, before.local_id, imports.UNCHANGED)]
        return [
            Result(
                name, before.local_id, imports.CONFLICT,
                f"'{name}' was deleted or renamed here since it was imported, and has changed there. It was left as it is.",
            )
        ]  # fmt: skip
    was_touched = before is not None and rows.changed_since(change.tx, int(before.local_id), before.position)
    left_out: list[str] = []
    collected = kept(record.tags, names.check_key, texts.TAG_VALUE_LIMIT, "A tag", left_out)
    if holder is None:
        created = change.now if record.creation_timestamp is None else record.creation_timestamp
        owner = model_rows.insert(change.tx, name, record.description, record.user_id, created)
    else:
        owner = holder.id
    found = [
        _bring_version(change, origin, owner, name, version, was_touched, PROMPT_TAG in collected)
        for version in record.versions
    ]
    is_same = before is not None and before.fingerprint is not None and before.fingerprint == record.fingerprint
    if is_same:
        own = Result(name, str(owner), imports.UNCHANGED)
    elif was_touched:
        own = Result(name, str(owner), imports.CONFLICT, _touched(f"'{name}'"))
    else:
        if holder is not None and record.fingerprint is not None:
            for key, _ in holder.tags:
                if key not in collected:
                    model_rows.delete_tag(change.tx, owner, key)
        for key, value in collected.items():
            model_rows.set_tag(change.tx, owner, key, value)
        if record.fingerprint is not None:
            _bring_aliases(change, origin, owner, name, record, left_out)
        if before is None or before.fingerprint is not None:
            change.record(
                "model.imported",
                owner,
                origin=origin,
                first=before is None,
                model=name,
                description=record.description,
                tags=collected,
                user_id=record.user_id,
                creation_timestamp=record.creation_timestamp,
                last_updated_timestamp=record.last_updated_timestamp,
            )
        own = result(name, owner, before is None, left_out)
    changes: dict[str, Any] = {} if is_same or was_touched else {"description": record.description}
    if any(each.outcome in (imports.IMPORTED, imports.UPDATED) for each in (own, *found)):
        following.follow(change, governing.current(change.tx, change.registry), owner, name)
        updated = change.now if record.last_updated_timestamp is None else record.last_updated_timestamp
        model_rows.update(change.tx, owner, updated, **changes)
        note(
            change, origin, imports.MODEL, name, owner,
            before.fingerprint if before is not None and own.outcome == imports.CONFLICT else record.fingerprint,
        )  # fmt: skip
        if was_touched and before is not None:
            # What was changed here before stays known as changed here.
            rows.note(change.tx, origin, Known(imports.MODEL, name, str(owner), before.fingerprint, before.position))
    return [own, *found]


def _touched(what: str) -> str:
    return f"{what} was changed here since it was imported, and has changed there too. It was left as it is."


def _bring_aliases(change: Change, origin: str, owner: int, name: str, record: Model, left_out: list[str]) -> None:
    wanted: dict[str, int] = {}
    for each in record.aliases:
        try:
            wanted[names.check_alias(each.alias)] = names.check_version(each.version)
        except ModelkeepError as error:
            left_out.append(f"An alias was left out: {error.message}")
    here = dict(model_rows.get(change.tx, name).aliases)
    live = {number for number in set(wanted.values()) if version_rows.find(change.tx, name, number) is not None}
    for alias in [*wanted, *(alias for alias in here if alias not in wanted)]:
        before, after = here.get(alias), wanted.get(alias)
        if after is not None and after not in live:
            left_out.append(f"The alias '{alias}' was left out: it points to version {after}, which is not here.")
        elif before != after:
            refused, said = _judged(change, _alias_attempts(change, name, of_alias(alias), before, after))
            if refused:
                left_out.append(f"The alias '{alias}' was left out. {refused}")
            else:
                moving.alias(change, owner, name, alias, before, after, f"imported from {origin}", **said)


def _alias_attempts(change: Change, name: str, target: str, before: int | None, after: int | None) -> list[Attempt]:
    moves = [(after, policies.ENTER), (before, policies.LEAVE)] + ([(before, policies.DELETE)] if after is None else [])
    return [
        Attempt(version_rows.get(change.tx, name, number), target, move) for number, move in moves if number is not None
    ]


def _judged(change: Change, attempts: list[Attempt]) -> tuple[str, dict[str, Any]]:
    """What the policies here say against some moves, empty when they let them pass; and what the event says of that."""
    judgements = gates.judge_all(change, governing.current(change.tx, change.registry), attempts)
    refused = [judgement for judgement in judgements if not judgement.passed]
    return gates.message(attempts, refused), gates.passed(judgements)


def _bring_version(
    change: Change, origin: str, owner: int, name: str, record: Version, was_touched: bool, is_prompt: bool
) -> Result:
    source_id = f"{name}/{record.number}"
    left_out: list[str] = []
    try:
        number = names.check_version(record.number)
        source = texts.required(record.source, "source", texts.SOURCE_LIMIT)
        texts.check_optional(record.original, "original", texts.SOURCE_LIMIT)
        for field in ("run_id", "logged_model_id", "user_id"):
            texts.check_optional(getattr(record, field), field, texts.NAME_LIMIT)
        texts.check_optional(record.run_link, "run_link", texts.SOURCE_LIMIT)
        texts.check_optional(record.description, "description", texts.DESCRIPTION_LIMIT)
        texts.check_optional(record.status_message, "status_message", texts.DESCRIPTION_LIMIT)
        stage = governing.stages_of(change.tx, change.registry).canonical(record.current_stage or stages.NONE)
        check_times(record.creation_timestamp, record.last_updated_timestamp)
        check_fingerprint(record.fingerprint)
        collected = kept(record.tags, names.check_key, texts.TAG_VALUE_LIMIT, "A tag", left_out)
        before = rows.find(change.tx, origin, imports.VERSION, source_id)
        if before is not None and before.fingerprint == record.fingerprint:
            return Result(source_id, str(number), imports.UNCHANGED)
        found = version_rows.find(change.tx, name, number)
        if found is None and (before is not None or version_rows.find_deleted(change.tx, owner, number) is not None):
            what = "deleted here since it was imported" if before else "used here before, and deleted"
            return Result(
                source_id, None, imports.CONFLICT, f"Version {number} of '{name}' was {what}. It was left as it is."
            )
        if before is None and found is not None:
            return Result(
                source_id, None, imports.CONFLICT,
                f"'{name}' has a version {number} here that was not imported from there. It was left as it is.",
            )  # fmt: skip
        if found is not None and was_touched:
            return Result(source_id, str(number), imports.CONFLICT, _touched(f"Version {number} of '{name}'"))
        if found is None:
            is_prompt = is_prompt or PROMPT_TAG in collected
            resolved = _resolve(change, source, record, is_prompt)
    except ModelkeepError as error:
        return Result(source_id, None, imports.REFUSED, error.message)
    if found is None:
        _insert_version(change, origin, owner, name, number, record, resolved, stage, collected, left_out)
    else:
        _update_version(change, origin, found, record, stage, collected, left_out)
    note(change, origin, imports.VERSION, source_id, number, record.fingerprint)
    return result(source_id, number, before is None, left_out)


def _resolve(change: Change, source: str, record: Version, is_prompt: bool) -> Resolved:
    root = root_of(source)
    if root is not None and root.startswith(f"{imports.FILES_ROOT}/"):
        return Resolved(source, None, record.run_id, record.logged_model_id)
    return sources.resolve(
        change.tx, source, record.run_id or None, record.logged_model_id or None, is_prompt=is_prompt
    )


def _insert_version(
    change: Change,
    origin: str,
    owner: int,
    name: str,
    number: int,
    record: Version,
    resolved: Resolved,
    stage: str,
    collected: dict[str, str],
    left_out: list[str],
) -> None:
    if resolved.location is None and root_of(resolved.source):
        resolved.location = resolved.source
    try:
        fixed = manifests.fix(change, resolved)
    except (Invalid, Gone) as error:
        left_out.append(f"It is not pinned: {error.message}")
        fixed = None
    pin = fixed[0] if fixed else None
    created = change.now if record.creation_timestamp is None else record.creation_timestamp
    updated = created if record.last_updated_timestamp is None else record.last_updated_timestamp
    version = domain_versions.Version(
        model_id=owner,
        name=name,
        number=number,
        current_stage=stages.NONE,
        status=record.status if record.status in _STATUSES else domain_versions.READY,
        status_message=record.status_message,
        source=resolved.source,
        storage_location=manifests.location_of(change, owner, number, *fixed) if fixed else resolved.location,
        run_id=record.run_id or resolved.run_id,
        run_link=record.run_link,
        logged_model_id=resolved.logged_model_id,
        description=record.description,
        user_id=record.user_id,
        creation_timestamp=created,
        last_updated_timestamp=updated,
        promoted_timestamp=None,
        deleted_timestamp=None,
        manifest_id=pin.manifest_id if pin else None,
        tags=[[key, value] for key, value in collected.items()],
        aliases=[],
    )
    version_rows.insert(change.tx, version)
    rows.reach_number(change.tx, owner, number)
    version_rows.update(change.tx, owner, number, updated, status_message=version.status_message)
    change.record(
        "version.imported",
        owner,
        origin=origin,
        first=True,
        model=name,
        version=number,
        source=version.source,
        original=record.original,
        storage_location=version.storage_location,
        run_id=version.run_id,
        run_link=version.run_link,
        logged_model_id=version.logged_model_id,
        description=version.description,
        user_id=version.user_id,
        status=version.status,
        status_message=version.status_message,
        creation_timestamp=created,
        last_updated_timestamp=updated,
        tags=collected,
        evidence=evidence.of_run(change, resolved, pin, version.run_id),
        **manifests.about(pin),
    )
    _bring_stage(change, origin, version, stage, updated, left_out)


def _bring_stage(
    change: Change, origin: str, version: domain_versions.Version, stage: str, updated: int, left_out: list[str]
) -> None:
    before = version.current_stage
    if before == stage:
        return
    if not governing.stages_of(change.tx, change.registry).allows(before, stage):
        left_out.append(f"The stage was left out: the stages of this registry do not lead from {before} to {stage}.")
        return
    attempts = [Attempt(version, stage, policies.ENTER), Attempt(version, before, policies.LEAVE)]
    refused, said = _judged(change, attempts)
    if refused:
        left_out.append(f"The stage was left out. {refused}")
        return
    owner, number = version.model_id, version.number
    moving.stage(change, owner, version.name, number, before, stage, f"imported from {origin}", **said)
    version_rows.update(change.tx, owner, number, updated, promoted_timestamp=None if stage == stages.NONE else updated)


def _update_version(
    change: Change,
    origin: str,
    found: domain_versions.Version,
    record: Version,
    stage: str,
    collected: dict[str, str],
    left_out: list[str],
) -> None:
    owner, number = found.model_id, found.number
    updated = change.now if record.last_updated_timestamp is None else record.last_updated_timestamp
    for key, _ in found.tags:
        if key not in collected:
            version_rows.delete_tag(change.tx, owner, number, key)
    for key, value in collected.items():
        version_rows.set_tag(change.tx, owner, number, key, value)
    version_rows.update(
        change.tx, owner, number, updated,
        description=record.description,
        status=record.status if record.status in _STATUSES else found.status,
        status_message=record.status_message,
    )  # fmt: skip
    # Judged with the tags and the description that it has from now on.
    _bring_stage(change, origin, version_rows.get(change.tx, found.name, number), stage, updated, left_out)
    change.record(
        "version.imported",
        owner,
        origin=origin,
        first=False,
        model=found.name,
        version=number,
        source=found.source,
        original=record.original,
        description=record.description,
        status_message=record.status_message,
        last_updated_timestamp=updated,
        tags=collected,
    )
