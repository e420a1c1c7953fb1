"""The SDK's names and signatures, tested as lists."""

import inspect
import json
import subprocess
import sys
import warnings

import pytest

import modelkeep
from modelkeep.client.client import Client

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import mlflow
    import mlflow.artifacts

# What MLflow lacks.
OURS = {
    "add_evidence", "apply_policy", "call", "close_override", "configure_stages", "diff_targets", "download_uri", "events",
    "explain_promotion", "follow_events", "get_model_version_manifest", "get_policy", "get_stages", "history", "lint_policy",
    "list_evidence", "list_model_version_files", "list_overrides", "list_policies", "pin_model_version", "policy_history",
    "promote", "promote_all", "restore_model_version", "restore_registered_model", "retire_policy", "rollback", "standing",
    "target_at", "test_policy", "who", "whoami",
}  # fmt: skip
# Arguments that MLflow lacks, each the last of its function and left out by who does not know it.
ADDED = {"get_model_version_by_alias": {"at"}}
# Arguments of MLflow's that have no meaning here, each the last of its function.
LEFT_OUT = {
    "create_registered_model": {"deployment_job_id"},
    "update_registered_model": {"deployment_job_id"},
    "create_experiment": {"trace_location"},
    "set_experiment": {"trace_location"},
    "register_model": {"env_pack"},
    "download_artifacts": {"registry_uri"},
}
METHODS = [name for name in vars(Client) if not name.startswith("_") and callable(getattr(Client, name))]
FUNCTIONS = [
    name
    for name in modelkeep.__all__
    if inspect.isfunction(getattr(modelkeep, name)) and name not in ("connect", "get_registry_uri", "validate")
]


@pytest.mark.parametrize("name", [name for name in METHODS if name not in OURS])
def test_a_method_takes_what_mlflows_takes(name):
    ours = inspect.signature(getattr(Client, name)).parameters
    theirs = inspect.signature(getattr(mlflow.MlflowClient, name)).parameters
    compare(name, list(ours.values())[1:], list(theirs.values())[1:])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_takes_what_mlflows_takes(name):
    function = getattr(mlflow, name)
    compare(
        name,
        list(inspect.signature(getattr(modelkeep, name)).parameters.values()),
        list(inspect.signature(function).parameters.values()),
    )


def compare(name, ours, theirs):
    theirs = [each for each in theirs if each.name not in LEFT_OUT.get(name, ())]
    assert all(each.default is None for each in ours if each.name in ADDED.get(name, ()))
    ours = [each for each in ours if each.name not in ADDED.get(name, ())]
    assert [each.name for each in ours] == ["uri" if name == "x" else each.name for each in theirs]
    assert [each.kind for each in ours] == [each.kind for each in theirs]
    assert [each.default for each in ours] == [each.default for each in theirs]


@pytest.mark.parametrize("name", sorted(OURS))
def test_what_mlflow_lacks_is_there_and_documented(name):
    assert not hasattr(mlflow.MlflowClient, name)
    assert inspect.getdoc(getattr(Client, name))


@pytest.mark.parametrize("name", [*METHODS])
def test_every_method_is_documented(name):
    assert inspect.getdoc(getattr(Client, name)).rstrip().endswith((".", ":", ")"))


def test_there_are_sixty_methods():
    assert len(METHODS) >= 60


@pytest.mark.parametrize("name", modelkeep.__all__)
def test_every_public_name_is_there(name):
    assert getattr(modelkeep, name) is not None
    assert name in dir(modelkeep)


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        modelkeep.nothing  # noqa: B018


SERVER_PACKAGES = {"uvicorn", "httptools", "starlette", "jinja2", "uvloop", "apsw", "numpy", "pandas", "click"}
LOADED = "import json, sys; print(json.dumps(sorted(sys.modules)))"


def loaded(code):
    ran = subprocess.run([sys.executable, "-c", f"{code}\n{LOADED}"], capture_output=True, text=True, check=True)
    return set(json.loads(ran.stdout))


def test_importing_it_loads_hardly_anything():
    before, after = loaded(""), loaded("import modelkeep")
    assert {name for name in after - before if name.startswith("modelkeep")} == {"modelkeep", "modelkeep.version"}
    assert not after & (SERVER_PACKAGES | {"msgspec", "urllib3", "yaml"})


def test_the_client_is_there_before_the_table_of_calls_and_what_moves_files():
    found = loaded("import modelkeep; modelkeep.Client")
    assert not found & {"modelkeep.api.table", "modelkeep.api.call", "concurrent.futures", "hashlib", "tempfile"}


def test_a_call_loads_the_calls_of_its_noun_only(server):
    found = loaded(f"import modelkeep; modelkeep.connect({server.url!r}).search_registered_models()")
    assert "modelkeep.api.models" in found
    assert not found & {"modelkeep.api.table", "modelkeep.api.runs", "modelkeep.api.artifacts"}


def test_using_a_server_loads_no_server_package(server):
    code = f"import modelkeep; modelkeep.connect({server.url!r}).search_registered_models()"
    found = loaded(code)
    assert not found & SERVER_PACKAGES
    assert not {
        name for name in found if name.startswith(("modelkeep.registry", "modelkeep.storage", "modelkeep.http"))
    }


def test_making_a_client_loads_no_http_library(server):
    assert "urllib3" not in loaded(f"import modelkeep; modelkeep.connect({server.url!r})")
