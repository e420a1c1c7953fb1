"""`modelkeep register`: files become the next version of a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from modelkeep.cli import outputs
from modelkeep.cli.clients import connected, pairs_of
from modelkeep.cli.experiments import find_experiment
from modelkeep.client import contexts
from modelkeep.domain.errors import ModelkeepError, NotFound

if TYPE_CHECKING:
    from modelkeep.client.client import Client
    from modelkeep.client.entities import ModelVersion

_FOLDER = "model"


@click.command()
@click.argument("name")
@click.argument("source")
@click.option("--description", help="What is new in it.")
@click.option("--tag", "tags", multiple=True, metavar="KEY=VALUE", help="A tag of the version. Repeatable.")
@click.option("--experiment", default="0", help="Name or id of the experiment that gets the run for local files. [0]")
@connected(makes=True)
def register(
    client: Client,
    name: str,
    source: str,
    description: str | None,
    tags: tuple[str, ...],
    experiment: str,
    as_json: bool,
) -> None:
    """Register what is at SOURCE as the next version of the model NAME, which is made if it is not there.

    SOURCE is a folder or file on this machine, which is sent and kept in a new run; or an address: runs:/RUN/PATH,
    models:/NAME/VERSION, models:/m-ID, or one of another store, as in s3://bucket/path.

    For example: modelkeep register churn ./model --tag data=2026-01
    """
    given = pairs_of(tags)
    path = _local(source)
    if path is None:
        from modelkeep.client.registering import register_model

        version = register_model(source, name, tags=dict(given))
        if description is not None:
            version = client.update_model_version(name, version.version, description)
    else:
        version = _register_files(client, name, path, description, given, experiment)
    if as_json:
        outputs.document(version.to_dictionary())
    else:
        outputs.said(f"Version {version.version} of '{version.name}' is registered.")


def _local(source: str) -> Path | None:
    """The file or folder that a source names, None when it is an address.

    Raises:
        NotFound: it is no address, and there is nothing.
    """
    text = source.removeprefix("file://")
    scheme, colon, _ = text.partition(":")
    if colon and len(scheme) > 1 and not Path(text).exists():
        return None
    path = Path(text).expanduser()
    if not path.exists():
        raise NotFound(
            f"There is no file or folder '{source}'. Name one that exists, or an address, as in runs:/RUN/model."
        )
    return path


def _register_files(
    client: Client, name: str, path: Path, description: str | None, tags: dict[str, str], experiment: str
) -> ModelVersion:
    """Send local files to a run of their own, which then says who sent them and from where."""
    from modelkeep.client.versions import ensure_model

    experiment_id = find_experiment(client, experiment).experiment_id
    ensure_model(client, name)
    run_id = client.create_run(experiment_id, tags=contexts.tags(), run_name=f"register {name}").info.run_id
    try:
        if path.is_dir():
            client.log_artifacts(run_id, str(path), _FOLDER)
        else:
            client.log_artifact(run_id, str(path), _FOLDER)
        version = client.create_model_version(
            name, f"runs:/{run_id}/{_FOLDER}", run_id, tags=dict(tags), description=description
        )
    except (ModelkeepError, OSError, KeyboardInterrupt):
        client.set_terminated(run_id, "FAILED")
        raise
    client.set_terminated(run_id)
    return version
