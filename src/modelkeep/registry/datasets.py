"""Data sets: what runs read, and a list of what experiments know."""

from __future__ import annotations

from modelkeep.domain import actors, experiments, runs, texts
from modelkeep.domain.actors import Actor
from modelkeep.domain.datasets import INPUT, DatasetInput, ModelInput, Summary, check_inputs
from modelkeep.domain.errors import Invalid
from modelkeep.registry.changes import Change
from modelkeep.registry.handle import Registry
from modelkeep.storage import datasets as rows
from modelkeep.storage import runs as run_rows

EXPERIMENTS = 20


def log_inputs(
    actor: Actor,
    registry: Registry,
    run_id: str,
    datasets: list[DatasetInput] | None = None,
    models: list[ModelInput] | None = None,
) -> None:
    """Record the data sets and logged models that a run read; what is recorded already stays as it is.

    Raises:
        Invalid: something in a data set is missing or too long, or the run is deleted.
        NotFound: there is no such run.
    """
    checked = runs.check_id_form(run_id)
    actors.require(actor, "write", f"run '{checked}'")
    inputs = check_inputs(datasets)
    read = [
        (texts.required(model.model_id, f"models[{index}].model_id"), 0) for index, model in enumerate(models or ())
    ]
    with Change(actor, registry) as change:
        run = run_rows.get_active(change.tx, checked)
        for each in inputs:
            rows.insert_input(change.tx, run.experiment_id, checked, each)
        rows.insert_models(change.tx, checked, INPUT, read)


def search(actor: Actor, registry: Registry, experiment_ids: list[str] | None = None) -> list[Summary]:
    """The data sets of at most 20 experiments with what runs used them for, at most 1,000.

    Raises:
        Invalid: no experiment is named, or too many are.
    """
    actors.require(actor, "read", "data sets")
    ids = experiments.check_ids(experiment_ids)
    if not experiment_ids:
        raise Invalid("SearchDatasets request must specify at least one experiment_id.")
    if len(experiment_ids) > EXPERIMENTS:
        raise Invalid(
            f"SearchDatasets request cannot specify more than {EXPERIMENTS} experiment_ids. "
            f"Received {len(experiment_ids)} experiment_ids."
        )
    with registry.database.read() as tx:
        return rows.summaries(tx, ids)
