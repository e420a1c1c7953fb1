"""The client: MLflow's names for what is in the modules beside this one. It has no code of its own to grow."""

from __future__ import annotations

import os
from typing import Any

from modelkeep.client import (
    artifacts,
    callers,
    connections,
    evidence,
    experiments,
    logged_models,
    models,
    runs,
    versions,
)
from modelkeep.client import events as recorded
from modelkeep.client.calls import Transport
from modelkeep.domain.errors import Invalid


class Client:
    """A registry, over HTTP or in process. Any number of threads may use it.

    Args:
        tracking_uri: `http(s)://…`, a data folder, or `sqlite:///` of one; by default MODELKEEP_URI, else
            MLFLOW_TRACKING_URI when it is a server's, else ./modelkeep-data.
        registry_uri: the same, if it is given: one registry keeps runs and models.
    Raises:
        Invalid: the address is not one.
    """

    def __init__(
        self, tracking_uri: str | os.PathLike[str] | None = None, registry_uri: str | os.PathLike[str] | None = None
    ):
        uri = tracking_uri or registry_uri or connections.current_uri()
        if registry_uri and tracking_uri and os.fspath(registry_uri) != os.fspath(tracking_uri):
            raise Invalid(
                f"The registry '{os.fspath(registry_uri)}' is not the one for runs, '{os.fspath(tracking_uri)}'. One "
                "registry keeps both: leave registry_uri out."
            )
        self.transport: Transport = connections.open_transport(uri)

    def __repr__(self) -> str:
        return f"<modelkeep.Client of {self.transport.address}>"

    @property
    def tracking_uri(self) -> str:
        """The address of the registry."""
        return self.transport.address

    def call(self, verb: str, **arguments: Any) -> Any:
        """The reply of any call of the API, by the name of its verb, with its request's fields as arguments."""
        return self.transport.call(verb, arguments)

    # Registered models
    create_registered_model = models.create
    get_registered_model = models.get
    rename_registered_model = models.rename
    update_registered_model = models.update
    delete_registered_model = models.delete
    restore_registered_model = models.restore
    search_registered_models = models.search
    set_registered_model_tag = models.set_tag
    delete_registered_model_tag = models.delete_tag
    set_registered_model_alias = models.set_alias
    delete_registered_model_alias = models.delete_alias
    get_model_version_by_alias = models.get_version_by_alias
    get_latest_versions = models.get_latest_versions

    # Versions
    create_model_version = versions.create
    get_model_version = versions.get
    update_model_version = versions.update
    delete_model_version = versions.delete
    restore_model_version = versions.restore
    transition_model_version_stage = versions.transition
    search_model_versions = versions.search
    get_model_version_download_uri = versions.get_download_uri
    get_model_version_stages = versions.get_stages
    set_model_version_tag = versions.set_tag
    delete_model_version_tag = versions.delete_tag
    copy_model_version = versions.copy
    get_model_version_manifest = versions.manifest
    list_model_version_files = versions.files
    pin_model_version = versions.pin

    # Evidence
    add_evidence = evidence.add
    list_evidence = evidence.page

    # Experiments
    create_experiment = experiments.create
    get_experiment = experiments.get
    get_experiment_by_name = experiments.get_by_name
    search_experiments = experiments.search
    rename_experiment = experiments.rename
    delete_experiment = experiments.delete
    restore_experiment = experiments.restore
    set_experiment_tag = experiments.set_tag
    delete_experiment_tag = experiments.delete_tag

    # Runs
    create_run = runs.create
    get_run = runs.get
    get_parent_run = runs.get_parent
    update_run = runs.update
    set_terminated = runs.set_terminated
    delete_run = runs.delete
    restore_run = runs.restore
    search_runs = runs.search
    log_metric = runs.log_metric
    log_param = runs.log_param
    log_batch = runs.log_batch
    set_tag = runs.set_tag
    delete_tag = runs.delete_tag
    log_inputs = runs.log_inputs
    log_outputs = runs.log_outputs
    get_metric_history = runs.get_metric_history

    # Files
    log_artifact = artifacts.log_artifact
    log_artifacts = artifacts.log_artifacts
    log_text = artifacts.log_text
    log_dict = artifacts.log_dict
    log_figure = artifacts.log_figure
    log_stream = artifacts.log_stream
    list_artifacts = artifacts.list_artifacts
    download_artifacts = artifacts.download_artifacts
    download_uri = artifacts.download_uri

    # Logged models
    create_logged_model = logged_models.create
    get_logged_model = logged_models.get
    finalize_logged_model = logged_models.finalize
    delete_logged_model = logged_models.delete
    search_logged_models = logged_models.search
    log_model_params = logged_models.log_params
    set_logged_model_tags = logged_models.set_tags
    delete_logged_model_tag = logged_models.delete_tag
    log_model_artifact = artifacts.log_model_artifact
    log_model_artifacts = artifacts.log_model_artifacts
    list_logged_model_artifacts = artifacts.list_logged_model_artifacts

    # Events
    events = recorded.page
    follow_events = recorded.follow

    # The caller
    whoami = callers.whoami


def connect(uri: str | os.PathLike[str] | None = None) -> Client:
    """A client of the registry at an address; see `Client`."""
    return Client(uri)
