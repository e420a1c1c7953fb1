"""What a version's source may be, and where its files are.

The rules are those of MLflow's server (`mlflow/server/handlers.py` 3.17.2, `_validate_source_*`): nothing on the
server's own disk, no other host, no files of another run.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from modelkeep.domain import locations, names, texts
from modelkeep.domain.artifacts import join, root_of, version_location
from modelkeep.domain.errors import Invalid, NotFound
from modelkeep.domain.locations import HOST_ADDRESSED
from modelkeep.domain.manifests import FILES_LIMIT, Found, Pin
from modelkeep.registry import governing
from modelkeep.storage import aliases, artifacts, logged_models, manifests, models, runs, versions
from modelkeep.storage.database import Transaction

# Sources that stand for "a prompt has no files" in MLflow's own clients.
PROMPT_SOURCES = frozenset({"prompt-template", "dummy-source"})
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*):(.*)", re.DOTALL)


@dataclass(slots=True)
class Resolved:
    """Where a version's files are, and what else its source says.

    Attributes:
        source: as recorded: what the caller gave, with an alias or stage turned into a number.
        location: where the files are, None when the source already says it.
        run_id, logged_model_id: of the run and logged model behind it.
        found: what is there; None when nobody has looked.
        pin: what the version it names is pinned to, if it names one that is; `is_file` when that is a single file.
        is_measured: False when the run is known to have neither metrics nor data sets.
    """

    source: str
    location: str | None
    run_id: str | None
    logged_model_id: str | None
    found: Found | None = None
    pin: Pin | None = None
    is_file: bool = False
    is_measured: bool = True


def resolve(
    tx: Transaction, source: str, run_id: str | None, logged_model_id: str | None, *, is_prompt: bool
) -> Resolved:
    """Check a source against the run or logged model it is said to come from.

    Raises:
        Invalid: the source is not allowed, or does not belong to the run or logged model given.
        NotFound: it names a version, alias or logged model that does not exist.
    """
    texts.required(source, "source", texts.SOURCE_LIMIT)
    if is_prompt:
        if source not in PROMPT_SOURCES:
            raise Invalid(f"A prompt has no files: its source must be one of {sorted(PROMPT_SOURCES)}, got {source!r}.")
        return Resolved(source, None, run_id, logged_model_id)
    match = _SCHEME.fullmatch(source)
    scheme = match[1].lower() if match else ""
    if match is None or scheme == "file" or len(scheme) == 1:
        raise Invalid(
            f"Invalid model version source: '{source}'. A path on a disk cannot be a source here; log the files to a "
            "run and register 'runs:/<run id>/<path>', or give the address of an object store."
        )
    rest = match[2]
    if scheme == "runs":
        return _of_run(tx, source, rest, run_id, logged_model_id)
    if scheme == "models":
        return _of_model(tx, source, rest, run_id, logged_model_id)
    if scheme == "mlflow-artifacts":
        return _of_store(tx, source, rest, run_id, logged_model_id)
    if scheme in HOST_ADDRESSED:
        raise Invalid(
            f"Invalid model version source: '{source}'. Sources on other hosts ({scheme}:) are not accepted; "
            "upload the files to a run and register that."
        )
    _check_path(source, rest)
    return Resolved(source, None, run_id, logged_model_id)


def _of_run(tx: Transaction, source: str, rest: str, run_id: str | None, logged_model_id: str | None) -> Resolved:
    owner, _, path = rest.lstrip("/").partition("/")
    if rest.startswith("//") or not owner or not path:
        raise Invalid(f"Invalid model version source: '{source}'. Write it as 'runs:/<run id>/<path>'.")
    if logged_model_id is not None:
        raise Invalid(f"Invalid model version source: '{source}' is of a run, but a model_id was given. Leave one out.")
    if run_id is not None and run_id != owner:
        raise Invalid(f"Invalid model version source: '{source}' is of run '{owner}', but run_id is '{run_id}'.")
    _check_path(source, path)
    if "#" in path or "?" in path:
        raise Invalid(f"Invalid model version source: '{source}'. The path in a run cannot hold '#' or '?'.")
    uri, is_measured = runs.find_source(tx, owner) or (None, False)
    location, found = (None, None) if uri is None else _in_run(tx, owner, uri, path.rstrip("/"))
    return Resolved(source, location, owner, None, found, is_measured=is_measured)


def _in_run(tx: Transaction, run_id: str, uri: str, path: str) -> tuple[str | None, Found | None]:
    """Where the files at a path of a run are, and which: there, or in the logged model of that name that the run wrote.

    Clients since MLflow 3 write models beside the run, and read both places when they are given the run's address.
    Nowhere when there is nothing in either yet, so that they go on doing so.
    """
    location = locations.below(uri, path)
    root = root_of(location)
    if not root:
        return location, None
    if found := artifacts.under(tx, root, FILES_LIMIT + 1):
        return location, found
    name, _, rest = path.partition("/")
    written = logged_models.find_of_run(tx, run_id, name)
    root = None if written is None else root_of(written)
    if written is not None and root and (found := artifacts.under(tx, join(root, rest), FILES_LIMIT + 1)):
        return (locations.below(written, rest) if rest else written), found
    return None, None


def _of_model(tx: Transaction, source: str, rest: str, run_id: str | None, logged_model_id: str | None) -> Resolved:
    address = rest.lstrip("/")
    if rest.startswith("//") or not address:
        raise Invalid(f"Invalid model version source: '{source}'. Write it as 'models:/<name>/<version>'.")
    if "/" not in address and "@" not in address:
        return _of_logged_model(tx, source, address, run_id, logged_model_id)
    name, number = _address(tx, source, address)
    behind = versions.get(tx, name, number)
    if versions.is_prompt(behind):
        raise Invalid(f"Invalid model version source: '{source}' is a prompt, which has no files.")
    if run_id is not None and run_id != behind.run_id:
        raise Invalid(f"'{source}' comes from run '{behind.run_id}', but run_id is '{run_id}'.")
    if logged_model_id is not None and logged_model_id != behind.logged_model_id:
        raise Invalid(
            f"'{source}' comes from logged model '{behind.logged_model_id}', but model_id is '{logged_model_id}'."
        )
    pin = manifests.find_pin(tx, behind.model_id, number)
    return Resolved(
        f"models:/{name}/{number}",
        behind.storage_location or behind.source,
        behind.run_id,
        behind.logged_model_id,
        None,
        pin,
        pin is not None and behind.storage_location != version_location(behind.model_id, number),
    )


def _of_logged_model(
    tx: Transaction, source: str, address: str, run_id: str | None, logged_model_id: str | None
) -> Resolved:
    if logged_model_id != address:
        raise Invalid(f"Source '{source}' is a logged model: give the same id as model_id, got {logged_model_id!r}.")
    found = logged_models.get(tx, address)
    if run_id is not None and run_id != found.source_run_id:
        raise Invalid(f"'{source}' comes from run '{found.source_run_id}', but run_id is '{run_id}'.")
    return Resolved(source, found.artifact_location, found.source_run_id, found.id)


def _address(tx: Transaction, source: str, address: str) -> tuple[str, int]:
    """The model name and version number that `name/3`, `name/latest`, `name/Production` or `name@alias` means now."""
    if "/" in address:
        name, _, suffix = address.partition("/")
        name, suffix = unquote(name), unquote(suffix)
        if "/" in suffix or not suffix:
            raise Invalid(f"Invalid model version source: '{source}'. Write it as 'models:/<name>/<version>'.")
        if suffix.isdigit():
            return name, names.check_version(suffix)
        model_id = models.get_id(tx, name)
        if suffix.lower() == "latest":
            newest = versions.find_newest(tx, model_id)
            found = None if newest is None else newest.number
        else:
            found = max(versions.numbers_in_stage(tx, model_id, governing.canonical_stage(tx, suffix)), default=None)
    else:
        name, _, alias = address.rpartition("@")
        found = aliases.find(tx, models.get_id(tx, name), alias)
    if found is None:
        raise NotFound(f"'{source}' names no version: register one, or give a version number.")
    return name, found


def _of_store(tx: Transaction, source: str, rest: str, run_id: str | None, logged_model_id: str | None) -> Resolved:
    if rest.startswith("//"):
        raise Invalid(f"Invalid model version source: '{source}'. Sources on other hosts are not accepted.")
    _check_path(source, rest)
    root, is_measured = None, True
    if logged_model_id is not None:
        root = logged_models.get(tx, logged_model_id).artifact_location
    elif run_id is not None:
        root, is_measured = runs.find_source(tx, run_id) or (None, False)
    location = "mlflow-artifacts:/" + rest.strip("/")
    if root is None or not (location == root or location.startswith(root + "/")):
        owner = "no run" if run_id is None and logged_model_id is None else f"'{logged_model_id or run_id}'"
        raise Invalid(
            f"Invalid model version source: '{source}' is not inside the files of {owner}. "
            "Give the run_id (or model_id) whose files these are."
        )
    return Resolved(source, location, run_id, logged_model_id, is_measured=is_measured)


def _check_path(source: str, path: str) -> None:
    decoded = path
    for _ in range(10):
        if "%" not in decoded or (further := unquote(decoded)) == decoded:
            break
        decoded = further
    if (".." in decoded and ".." in re.split(r"[/\\]", decoded)) or "\0" in decoded or not decoded.strip("/"):
        raise Invalid(
            f"Invalid model version source: '{source}'. It must name a folder, without '..' in it however it is written."
        )
