"""Prompts: registered models with a tag, as MLflow's client keeps them on any server with a SQL store."""

from __future__ import annotations

import json
import uuid
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from tests.mlflow_client.refusals import refused

if TYPE_CHECKING:
    from mlflow import MlflowClient


@pytest.fixture
def name() -> str:
    return f"greeting-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def two_versions(mlflow: ModuleType, name: str) -> str:
    mlflow.genai.register_prompt(name, "Hello {{who}}", commit_message="First", tags={"author": "ann"})
    mlflow.genai.register_prompt(name, "Hi {{who}}", commit_message="Shorter")
    return name


def test_a_prompt_is_registered_and_loaded_by_version(mlflow: ModuleType, two_versions: str) -> None:
    first = mlflow.genai.load_prompt(two_versions, version=1)
    second = mlflow.genai.load_prompt(f"prompts:/{two_versions}/2")

    assert first.format(who="Ann") == "Hello Ann"
    assert (first.commit_message, first.tags) == ("First", {"author": "ann"})
    assert second.format(who="Ann") == "Hi Ann"
    assert mlflow.genai.load_prompt(two_versions).version == 2


def test_a_chat_prompt_keeps_its_messages(mlflow: ModuleType, name: str) -> None:
    messages = [
        {"role": "system", "content": "You are a {{style}} assistant."},
        {"role": "user", "content": "{{question}}"},
    ]
    mlflow.genai.register_prompt(name, messages, response_format={"type": "object"})

    prompt = mlflow.genai.load_prompt(name, version=1)

    assert prompt.template == messages
    assert prompt.response_format == {"type": "object"}


def test_a_prompt_alias_is_set_moved_and_deleted(mlflow: ModuleType, client: MlflowClient, two_versions: str) -> None:
    mlflow.genai.set_prompt_alias(two_versions, "production", 1)
    assert mlflow.genai.load_prompt(f"prompts:/{two_versions}@production").version == 1
    assert client.get_prompt_version(two_versions, 1).aliases == ["production"]

    mlflow.genai.set_prompt_alias(two_versions, "production", 2)
    moved = mlflow.genai.load_prompt(f"prompts:/{two_versions}@production", cache_ttl_seconds=0)
    assert moved.version == 2

    mlflow.genai.delete_prompt_alias(two_versions, "production")
    with refused("INVALID_PARAMETER_VALUE", saying="alias production not found"):
        mlflow.genai.load_prompt(f"prompts:/{two_versions}@production", cache_ttl_seconds=0)


def test_prompts_are_found_by_name(mlflow: ModuleType, two_versions: str) -> None:
    (found,) = mlflow.genai.search_prompts(f"name = '{two_versions}'")

    assert (found.name, found.description) == (two_versions, "First")


def test_prompts_of_an_experiment_are_found(mlflow: ModuleType, two_versions: str, experiment_id: str) -> None:
    found = mlflow.genai.search_prompts(f"experiment_id = '{experiment_id}'")

    assert [prompt.name for prompt in found] == [two_versions]


def test_the_versions_of_a_prompt_are_listed(client: MlflowClient, two_versions: str) -> None:
    found = client.search_prompt_versions(two_versions)

    assert [(prompt.version, prompt.template) for prompt in found] == [(2, "Hi {{who}}"), (1, "Hello {{who}}")]


def test_prompts_do_not_show_among_the_models(client: MlflowClient, two_versions: str) -> None:
    assert client.search_registered_models(f"name = '{two_versions}'") == []
    with refused("RESOURCE_DOES_NOT_EXIST", saying=f"Registered Model with name='{two_versions}' not found."):
        client.get_registered_model(two_versions)


def test_a_model_cannot_take_the_name_of_a_prompt(client: MlflowClient, two_versions: str) -> None:
    with refused("RESOURCE_ALREADY_EXISTS"):
        client.create_registered_model(two_versions)


def test_a_prompt_cannot_take_the_name_of_a_model(mlflow: ModuleType, churn: str) -> None:
    with refused("INVALID_PARAMETER_VALUE"):
        mlflow.genai.register_prompt(churn, "Hello {{who}}")


def test_tags_of_a_prompt_and_of_its_versions(mlflow: ModuleType, client: MlflowClient, two_versions: str) -> None:
    mlflow.genai.set_prompt_tag(two_versions, "team", "growth")
    mlflow.genai.set_prompt_version_tag(two_versions, 2, "reviewed", "yes")
    mlflow.genai.delete_prompt_version_tag(two_versions, 1, "author")

    assert mlflow.genai.get_prompt_tags(two_versions)["team"] == "growth"
    assert client.get_prompt_version(two_versions, 2).tags == {"reviewed": "yes"}
    assert client.get_prompt_version(two_versions, 1).tags == {}

    mlflow.genai.delete_prompt_tag(two_versions, "team")
    assert "team" not in mlflow.genai.get_prompt_tags(two_versions)


def test_a_model_configuration_travels_with_a_version(mlflow: ModuleType, name: str) -> None:
    mlflow.genai.register_prompt(name, "Hello {{who}}", model_config={"temperature": 0.7})
    assert mlflow.genai.load_prompt(name, version=1).model_config == {"temperature": 0.7}

    mlflow.genai.set_prompt_model_config(name, 1, {"temperature": 0.2})

    loaded = mlflow.genai.load_prompt(name, version=1, cache_ttl_seconds=0)
    assert loaded.model_config == {"temperature": 0.2}


def test_a_prompt_loaded_in_a_run_is_linked_to_it(mlflow: ModuleType, client: MlflowClient, two_versions: str) -> None:
    with mlflow.start_run() as run:
        mlflow.genai.load_prompt(f"prompts:/{two_versions}/1", cache_ttl_seconds=0)

    linked = json.loads(client.get_run(run.info.run_id).data.tags["mlflow.linkedPrompts"])
    assert linked == [{"name": two_versions, "version": "1"}]


def test_a_missing_prompt_is_none_when_that_is_allowed(mlflow: ModuleType, name: str, two_versions: str) -> None:
    assert mlflow.genai.load_prompt(f"{name}-other", allow_missing=True) is None
    assert mlflow.genai.load_prompt(two_versions, version=9, allow_missing=True) is None
    with refused("RESOURCE_DOES_NOT_EXIST"):
        mlflow.genai.load_prompt(two_versions, version=9)


def test_a_deleted_prompt_is_gone(mlflow: ModuleType, client: MlflowClient, two_versions: str) -> None:
    client.delete_prompt_version(two_versions, "1")
    assert [prompt.version for prompt in client.search_prompt_versions(two_versions)] == [2]

    client.delete_prompt(two_versions)

    assert mlflow.genai.search_prompts(f"name = '{two_versions}'") == []
    assert mlflow.genai.load_prompt(two_versions, version=2, allow_missing=True, cache_ttl_seconds=0) is None
