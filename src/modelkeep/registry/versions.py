"""Model versions: register, look up, describe, delete, restore, tag."""

from __future__ import annotations

from modelkeep.domain import actors, models, names, policies, stages, texts, versions
from modelkeep.domain.actors import Actor
from modelkeep.domain.logged_models import REGISTRATIONS_TAG
from modelkeep.domain.paging import Page
from modelkeep.domain.tags import Tag, check_value, collect
from modelkeep.domain.targets import NOWHERE, of_alias
from modelkeep.domain.versions import Version
from modelkeep.registry import evidence, following, gates, governing, manifests, moving, searching, sources
from modelkeep.registry.changes import Change
from modelkeep.registry.gates import Attempt
from modelkeep.registry.handle import Registry
from modelkeep.storage import aliases, logged_models
from modelkeep.storage import models as model_rows
from modelkeep.storage import moves as move_rows
from modelkeep.storage import versions as rows


def register(
    actor: Actor,
    registry: Registry,
    name: str,
    source: str,
    run_id: str | None = None,
    tags: list[Tag] | None = None,
    run_link: str | None = None,
    description: str | None = None,
    model_id: str | None = None,
) -> Version:
    """Register the files at a source as the model's next version. Numbers are never used twice within a model.

    The version is pinned to the files that are there now: see `registry.manifests`. Where there are none yet, or they
    are in another store, it is not pinned. The metrics that the run has now are kept as evidence: see
    `registry.evidence`.

    Args:
        source: an address as `registry.sources` describes.
        run_id: of the run it comes from; one that is unknown here is accepted, as in MLflow.
        model_id: of the logged model it comes from (MLflow's name for it).
    Raises:
        Invalid: the source or another value is not allowed, or the files are not fit for a manifest.
        NotFound: there is no live model of this name, or what the source names does not exist.
        Gone: the bytes of a file at the source are damaged.
    Events: version.registered
    """
    actors.require(actor, "write", f"registered model '{name}'")
    names.check_model_name(name)
    collected = collect(tags)
    texts.check_optional(run_id, "run_id", texts.NAME_LIMIT)
    texts.check_optional(run_link, "run_link", texts.SOURCE_LIMIT)
    texts.check_optional(model_id, "model_id", texts.NAME_LIMIT)
    texts.check_optional(description, "description", texts.DESCRIPTION_LIMIT)
    with Change(actor, registry) as change:
        owner, number = model_rows.take_number(change.tx, name, change.now)
        is_prompt = collected.get(models.PROMPT_TAG, "").lower() == "true"
        resolved = sources.resolve(change.tx, source, run_id or None, model_id or None, is_prompt=is_prompt)
        fixed = manifests.fix(change, resolved)
        pin = fixed[0] if fixed else None
        version = Version(
            model_id=owner,
            name=name,
            number=number,
            current_stage=stages.NONE,
            status=versions.READY,
            status_message=None,
            source=resolved.source,
            storage_location=manifests.location_of(change, owner, number, *fixed) if fixed else resolved.location,
            run_id=resolved.run_id or run_id,
            run_link=run_link,
            logged_model_id=resolved.logged_model_id,
            description=description,
            user_id=actor.name if actor.verified else None,
            creation_timestamp=change.now,
            last_updated_timestamp=change.now,
            promoted_timestamp=None,
            deleted_timestamp=None,
            manifest_id=pin.manifest_id if pin else None,
            tags=[[key, value] for key, value in collected.items()],
            aliases=[],
        )
        rows.insert(change.tx, version)
        if version.logged_model_id is not None:
            _list_registration(change, version)
        change.record(
            "version.registered",
            owner,
            model=name,
            version=number,
            source=version.source,
            storage_location=version.storage_location,
            run_id=version.run_id,
            run_link=run_link,
            logged_model_id=version.logged_model_id,
            description=description,
            tags=collected,
            evidence=evidence.of_run(change, resolved, pin, version.run_id),
            **manifests.about(pin),
        )
        return version


def _list_registration(change: Change, version: Version) -> None:
    """Name the version in the logged model's tag, as MLflow's server does."""
    assert version.logged_model_id is not None
    value = logged_models.add_registration(change.tx, version.logged_model_id, version.name, version.number)
    if value is not None:
        change.record(
            "logged_model.tag_set",
            logged_model_id=version.logged_model_id,
            key=REGISTRATIONS_TAG,
            value=value,
        )


def get(actor: Actor, registry: Registry, name: str, version: str | int) -> Version:
    """A live version.

    Raises:
        NotFound: there is none.
    """
    actors.require(actor, "read", f"registered model '{name}'")
    names.check_model_name(name)
    number = names.check_version(version)
    with registry.database.read_statement() as tx:
        return rows.get(tx, name, number)


def download_location(actor: Actor, registry: Registry, name: str, version: str | int) -> str:
    """Where the files of a version are.

    Raises:
        NotFound: there is no such version.
    """
    found = get(actor, registry, name, version)
    return found.storage_location or found.source


def latest(actor: Actor, registry: Registry, name: str, stages: list[str] | None = None) -> list[Version]:
    """The newest live version of each stage asked for; of every stage that has one when none is.

    Raises:
        Invalid: a stage does not exist.
        NotFound: there is no live model of this name.
    """
    actors.require(actor, "read", f"registered model '{name}'")
    names.check_model_name(name)
    with registry.database.read() as tx:
        wanted = {governing.canonical_stage(tx, stage) for stage in stages or ()}
        found = rows.latest(tx, [model_rows.get_id(tx, name)])
    return [version for version in found if not wanted or version.current_stage in wanted]


def update(actor: Actor, registry: Registry, name: str, version: str | int, description: str | None = None) -> Version:
    """Replace the description; None erases it, as in MLflow.

    Raises:
        NotFound: there is no such version.
    Events: version.updated
    """
    actors.require(actor, "write", f"registered model '{name}'")
    names.check_model_name(name)
    number = names.check_version(version)
    texts.check_optional(description, "description", texts.DESCRIPTION_LIMIT)
    with Change(actor, registry) as change:
        found = rows.get(change.tx, name, number)
        if found.description == description:
            return found
        rows.update(change.tx, found.model_id, number, change.now, description=description)
        change.record("version.updated", found.model_id, model=name, version=number, description=description)
        return rows.get(change.tx, name, number)


def delete(actor: Actor, registry: Registry, name: str, version: str | int) -> None:
    """Delete a version: its aliases go, its number is not used again, `restore` brings it back.

    Raises:
        NotFound: there is no such version.
        Refused: a policy that guards a target it holds does not let it go.
    Events: version.deleted, and alias.moved to nothing for each of its aliases; or promotion.refused
    """
    actors.require(actor, "write", f"registered model '{name}'")
    names.check_model_name(name)
    number = names.check_version(version)
    with Change(actor, registry) as change:
        found = rows.get(change.tx, name, number)
        pointing = aliases.of_version(change.tx, found.model_id, number)
        held = [found.current_stage, *map(of_alias, pointing)]
        attempts = [Attempt(found, target, move) for target in held for move in (policies.LEAVE, policies.DELETE)]
        governance = governing.current(change.tx, registry)
        refusal = gates.check(change, governance, attempts)
        if refusal is None:
            for alias in pointing:
                moving.alias(change, found.model_id, name, alias, number, None, "version deleted")
            rows.update(change.tx, found.model_id, number, change.now, deleted_timestamp=change.now)
            model_rows.update(change.tx, found.model_id, change.now)
            change.record("version.deleted", found.model_id, model=name, version=number, stage=found.current_stage)
            if found.current_stage != stages.NONE:
                move_rows.insert(change.tx, found.model_id, NOWHERE, number)
            following.follow(change, governance, found.model_id, name)
    if refusal is not None:
        raise refusal


def restore(actor: Actor, registry: Registry, name: str, version: str | int) -> Version:
    """Bring back a deleted version in stage None, without the aliases it had.

    Raises:
        NotFound: there is no live model of this name, or no deleted version of this number.
    Events: version.restored, and stage.changed when it stood in a stage
    """
    actors.require(actor, "write", f"registered model '{name}'")
    names.check_model_name(name)
    number = names.check_version(version)
    with Change(actor, registry) as change:
        owner = model_rows.get_id(change.tx, name)
        found = rows.find_deleted(change.tx, owner, number)
        if found is None:
            raise versions.not_found(name, number)
        rows.update(change.tx, owner, number, change.now, deleted_timestamp=None)
        change.record("version.restored", owner, model=name, version=number)
        if found.current_stage != stages.NONE:
            moving.stage(change, owner, name, number, found.current_stage, stages.NONE, "version restored")
        following.follow(change, governing.current(change.tx, registry), owner, name)
        return rows.get(change.tx, name, number)


def set_tag(
    actor: Actor, registry: Registry, name: str, version: str | int, key: str, value: str | None = None
) -> None:
    """Set a tag; a missing value is the empty text.

    Raises:
        Invalid: the key or value is not allowed.
        NotFound: there is no such version.
    Events: version.tag_set
    """
    actors.require(actor, "write", f"registered model '{name}'")
    names.check_model_name(name)
    number = names.check_version(version)
    names.check_key(key)
    text = check_value(value)
    with Change(actor, registry) as change:
        owner = rows.get_owner(change.tx, name, number)
        if rows.set_tag(change.tx, owner, number, key, text):
            change.record("version.tag_set", owner, model=name, version=number, key=key, value=text)


def delete_tag(actor: Actor, registry: Registry, name: str, version: str | int, key: str) -> None:
    """Delete a tag; a missing one is no error, as in MLflow.

    Raises:
        NotFound: there is no such version.
    Events: version.tag_deleted
    """
    actors.require(actor, "write", f"registered model '{name}'")
    names.check_model_name(name)
    number = names.check_version(version)
    names.check_key(key)
    with Change(actor, registry) as change:
        owner = rows.get_owner(change.tx, name, number)
        if rows.delete_tag(change.tx, owner, number, key):
            change.record("version.tag_deleted", owner, model=name, version=number, key=key)


def search(
    actor: Actor,
    registry: Registry,
    filter: str | None = None,
    max_results: int | None = None,
    order_by: list[str] | None = None,
    page_token: str | None = None,
) -> Page[Version]:
    """Live versions that meet a filter, the last updated first.

    Raises:
        Invalid: the filter, order, page size or token is wrong.
    """
    actors.require(actor, "read", "model versions")
    with registry.database.read() as tx:
        return searching.page(tx, "versions", rows.page, filter, max_results, order_by, page_token)
