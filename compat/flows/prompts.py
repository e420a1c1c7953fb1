"""Prompts, which clients have from release 2.21 on, and under `mlflow.genai` from release 3 on."""

from __future__ import annotations

from types import ModuleType

from compat.flows.given import Given
from compat.flows.steps import step

PROMPTS = "Prompts"


def _prompts(given: Given) -> ModuleType:
    genai = getattr(given.mlflow, "genai", None)
    owner = genai if hasattr(genai, "register_prompt") else given.mlflow
    given.needs(owner, "register_prompt")
    return owner


@step(PROMPTS, "register one, and load a version of it")
def register(given: Given) -> None:
    prompts, name = _prompts(given), given.name("greeting")
    prompts.register_prompt(name, "Hello {{who}}", commit_message="First")
    prompts.register_prompt(name, "Hi {{who}}", commit_message="Shorter")

    assert prompts.load_prompt(name, version=1).format(who="Ann") == "Hello Ann"
    assert prompts.load_prompt(f"prompts:/{name}/2").format(who="Ann") == "Hi Ann"


@step(PROMPTS, "load one by its alias")
def alias(given: Given) -> None:
    prompts, name = _prompts(given), given.name("greeting")
    prompts.register_prompt(name, "Hello {{who}}")
    prompts.set_prompt_alias(name, "production", 1)

    # A text in 2.22.
    assert int(prompts.load_prompt(f"prompts:/{name}@production").version) == 1


@step(PROMPTS, "search prompts; searching models leaves them out")
def search(given: Given) -> None:
    prompts, name = _prompts(given), given.name("greeting")
    given.needs(prompts, "search_prompts")
    prompts.register_prompt(name, "Hello {{who}}")

    assert [prompt.name for prompt in prompts.search_prompts(f"name = '{name}'")] == [name]
    assert list(given.client.search_registered_models(f"name = '{name}'")) == []
