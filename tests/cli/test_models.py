"""`modelkeep models`."""

from __future__ import annotations

import uuid

import modelkeep
from tests.cli.conftest import Run


def test_a_model_is_made_shown_renamed_deleted_and_brought_back(run: Run) -> None:
    name = f"made-{uuid.uuid4().hex[:8]}"

    made = run("models", "create", name, "--description", "Who leaves?", "--tag", "team=growth", "--json").json
    assert (made["name"], made["description"], made["tags"]) == (name, "Who leaves?", {"team": "growth"})
    assert ["tag team", "growth"] in run("models", "show", name).rows

    assert run("models", "rename", name, f"{name}-2").out == f"Registered model '{name}' is called '{name}-2' now.\n"
    run("models", "delete", f"{name}-2")
    run("models", "show", f"{name}-2", code=3)
    assert run("models", "restore", f"{name}-2", "--json").json["tags"] == {"team": "growth"}


def test_a_list_in_a_pipe_is_a_line_of_cells_for_each(run: Run, client: modelkeep.Client, version: str) -> None:
    name = version.partition("/")[0]
    client.set_registered_model_alias(name, "champion", 1)
    client.update_registered_model(name, "First.\nSecond.\tThird.")

    (row,) = run("models", "list", "--filter", f"name = '{name}'").rows

    assert row[:3] == [name, "1", "champion=1"] and row[4] == "First."


def test_a_list_ends_at_its_limit_and_keeps_its_order(run: Run) -> None:
    prefix = f"many-{uuid.uuid4().hex[:8]}"
    for number in range(3):
        run("models", "create", f"{prefix}-{number}")

    found = run(
        "models", "list", "--filter", f"name LIKE '{prefix}%'", "--order-by", "name DESC", "--limit", "2", "--json"
    )

    assert [model["name"] for model in found.json] == [f"{prefix}-2", f"{prefix}-1"]


def test_a_list_of_nothing_is_nothing(run: Run) -> None:
    assert run("models", "list", "--filter", "name = 'none'").out == ""
    assert run("models", "list", "--filter", "name = 'none'", "--json").json == []


def test_tags_and_the_description_change(run: Run, model: str) -> None:
    assert run("models", "tag", model, "team", "growth", "--json").json["tags"] == {"team": "growth"}
    assert run("models", "untag", model, "team", "--json").json["tags"] == {}
    assert run("models", "describe", model, "Text.", "--json").json["description"] == "Text."
    assert run("models", "describe", model, "--file", "-", "--json", input="Ünd.\n").json["description"] == "Ünd.\n"
    run("models", "describe", model, code=2)
    run("models", "describe", model, "--file", "/nowhere/at-all", code=1)


def test_what_is_wrong_is_said_in_one_line_with_a_code(run: Run, model: str) -> None:
    assert f"Registered Model with name={model}-no not found" in run("models", "show", f"{model}-no", code=3).err
    assert "already exists" in run("models", "create", model, code=1).err
    assert "Parameter 'filter' is wrong" in run("models", "list", "--filter", "name ~ 3", code=1).err
    assert "write it as key=value" in run("models", "create", f"{model}-2", "--tag", "team", code=2).err
    assert "See `modelkeep models show --help`" in run("models", "show", code=2).err
    run("models", "list", "--limit", "0", code=2)
    run("models", "lost", code=2)


def test_a_name_cannot_move_the_cursor(run: Run, client: modelkeep.Client, model: str) -> None:
    client.update_registered_model(model, "red\x1b[31m")

    assert "red\\x1b[31m" in run("models", "show", model).out
