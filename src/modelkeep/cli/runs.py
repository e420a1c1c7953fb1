"""`modelkeep runs`: what models come from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from modelkeep.cli import outputs
from modelkeep.cli.clients import connected, every, filtered, limited, ordered
from modelkeep.cli.experiments import find_experiment
from modelkeep.client.entities import ViewType

if TYPE_CHECKING:
    from modelkeep.client.client import Client

_PAGE = 1000


@click.group()
def runs() -> None:
    """List and show runs."""


@runs.command(name="list")
@click.option("--experiment", "names", multiple=True, help="Name or id of an experiment. Repeatable. [default: all]")
@filtered
@ordered
@limited
@connected()
def list_runs(
    client: Client,
    names: tuple[str, ...],
    filter_string: str | None,
    order_by: tuple[str, ...],
    limit: int | None,
    as_json: bool,
) -> None:
    """List runs, the last started first: id, name, status, when it started, metrics.

    For example: modelkeep runs list --filter "metrics.auc > 0.9" --order-by "metrics.auc DESC" --limit 5
    """
    if names:
        experiment_ids = [find_experiment(client, name).experiment_id for name in names]
    else:
        experiments = every(
            lambda size, token: client.search_experiments(ViewType.ACTIVE_ONLY, size, page_token=token), None, _PAGE
        )
        experiment_ids = [experiment.experiment_id for experiment in experiments]
    found = every(
        lambda size, token: client.search_runs(
            experiment_ids, filter_string or "", ViewType.ACTIVE_ONLY, size, list(order_by) or None, token
        ),
        limit,
        _PAGE,
    )
    if as_json:
        outputs.document([run.to_dictionary() for run in found])
        return
    outputs.table(
        ("run", "name", "status", "started", "metrics"),
        (
            (
                run.info.run_id,
                run.info.run_name,
                run.info.status,
                outputs.moment(run.info.start_time),
                dict(sorted(run.data.metrics.items())),
            )
            for run in found
        ),
    )


@runs.command()
@click.argument("run_id")
@connected()
def show(client: Client, run_id: str, as_json: bool) -> None:
    """Show a run: its metrics, params, tags and data sets."""
    run = client.get_run(run_id)
    if as_json:
        outputs.document(run.to_dictionary())
        return
    info = run.info
    outputs.fields(
        [
            ("run", info.run_id),
            ("name", info.run_name),
            ("experiment", info.experiment_id),
            ("status", info.status),
            ("state", info.lifecycle_stage),
            ("started", outputs.moment(info.start_time)),
            ("ended", outputs.moment(info.end_time)),
            ("user", info.user_id),
            ("files", info.artifact_uri),
            *((f"metric {key}", value) for key, value in sorted(run.data.metrics.items())),
            *((f"param {key}", value) for key, value in sorted(run.data.params.items())),
            *((f"data set {read.dataset.name}", read.dataset.digest) for read in run.inputs.dataset_inputs),
            *((f"tag {key}", value) for key, value in sorted(run.data.tags.items())),
        ]
    )
