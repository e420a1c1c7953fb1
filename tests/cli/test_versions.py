"""`modelkeep versions`, `alias` and `stage`."""

from __future__ import annotations

from pathlib import Path

import pytest

import modelkeep
from tests.cli.conftest import Run, register


@pytest.fixture
def two(client: modelkeep.Client, model: str, experiment_id: str, tmp_path: Path) -> str:
    """The name of a model with two versions, of runs that differ in a metric; there is another model beside it."""
    other = client.create_registered_model(f"{model}-other").name
    client.create_model_version(other, "s3://bucket/1")
    for auc in (0.5, 0.75):
        run_id = client.create_run(experiment_id).info.run_id
        register(client, model, run_id, tmp_path)
        client.log_metric(run_id, "auc", auc)
    return model


def test_versions_of_a_model_are_listed(run: Run, two: str) -> None:
    assert [row[:3] for row in run("versions", "list", two).rows] == [[two, "2", "None"], [two, "1", "None"]]
    assert [each["version"] for each in run("versions", "list", two, "--filter", "version = 1", "--json").json] == ["1"]
    assert (
        run("versions", "list", "--filter", f"name = '{two}' AND metrics.auc > 0.6", "--limit", "1").rows[0][1] == "2"
    )
    both = run("versions", "list", two, "--filter", "version = 1 OR version = 2", "--json").json
    assert sorted((each["name"], each["version"]) for each in both) == [(two, "1"), (two, "2")]
    run("versions", "list", f"{two}-no", code=3)


@pytest.mark.parametrize("prefix", ["", "models:/"])
def test_a_version_is_named_in_every_way(run: Run, two: str, prefix: str) -> None:
    run("alias", "set", f"{two}/1", "champion")
    run("stage", "set", f"{two}/2", "production")

    for name, number in (("/1", "1"), ("@champion", "1"), ("/Production", "2"), ("/latest", "2")):
        assert run("versions", "show", f"{prefix}{two}{name}", "--json").json["version"] == number


@pytest.mark.parametrize("name", ["/9", "@nobody", "/Staging", "-no/1", "-no@champion"])
def test_a_version_that_is_not_there_ends_with_3(run: Run, two: str, name: str) -> None:
    run("versions", "show", f"{two}{name}", code=3)


@pytest.mark.parametrize("name", ["", "@", "/", "a/1/2", "models:/x"])
def test_an_address_that_names_no_version_ends_with_2(run: Run, name: str) -> None:
    run("versions", "show", name, code=2)


def test_files_are_listed_and_copied(run: Run, version: str, tmp_path: Path) -> None:
    rows = run("versions", "files", version).rows
    assert [row[:2] for row in rows] == [["MLmodel", "12"], ["data/weights", "100"]]
    assert all(len(row[2]) == 64 for row in rows)
    assert run("versions", "files", version, "--json").json[1]["path"] == "data/weights"

    place = run("versions", "download", version, "--to", str(tmp_path / "all")).out.strip()
    assert (Path(place) / "data" / "weights").read_bytes() == b"\0" * 100
    one = run("versions", "download", version, "data", "--to", str(tmp_path / "one"), "--json").json
    assert Path(one["path"]) == tmp_path / "one" / "data"
    assert not (tmp_path / "one" / "MLmodel").exists()
    run("versions", "download", version, "nothing", "--to", str(tmp_path / "no"), code=3)
    assert not (tmp_path / "no").exists()


def test_a_download_goes_to_a_folder_of_its_own(
    run: Run, version: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = version.replace("/", "-")

    assert run("versions", "download", version).out == f"{folder}\n"

    assert (tmp_path / folder / "MLmodel").exists()


def test_a_version_is_changed_deleted_and_brought_back(run: Run, version: str) -> None:
    assert run("versions", "tag", version, "checked", "yes", "--json").json["tags"] == {"checked": "yes"}
    assert run("versions", "untag", version, "checked", "--json").json["tags"] == {}
    assert run("versions", "describe", version, "Better.", "--json").json["description"] == "Better."
    assert run("versions", "delete", version, "--yes", "--json").json["deleted"] is True
    run("versions", "show", version, code=3)
    assert run("versions", "restore", version, "--json").json["description"] == "Better."
    run("versions", "restore", version.replace("/1", "@champion"), code=2)


def test_versions_are_compared_side_by_side(run: Run, two: str) -> None:
    run("versions", "tag", f"{two}/2", "checked", "yes")
    run("alias", "set", f"{two}/2", "champion")

    assert run("versions", "compare", f"{two}/1", f"{two}@champion").rows == [
        ["", f"{two}/1", f"{two}/2"],
        ["stage", "None", "None"],
        ["aliases", "", "champion"],
        ["metric auc", "0.5", "0.75"],
        ["param depth", "3", "3"],
        ["tag checked", "", "yes"],
    ]
    found = run("versions", "compare", f"{two}/1", f"{two}/2", "--differing", "--json").json
    assert (found["metrics"], found["params"]) == ({"auc": [0.5, 0.75]}, {})
    assert found["tags"] == {"checked": [None, "yes"]}
    assert [version["version"] for version in found["versions"]] == ["1", "2"]


def test_a_metric_that_json_has_no_number_for_is_a_text(
    run: Run, client: modelkeep.Client, version: str, run_id: str
) -> None:
    client.log_metric(run_id, "loss", float("nan"))

    assert run("versions", "compare", version, "--json").json["metrics"]["loss"] == ["NaN"]


def test_aliases_are_set_shown_moved_and_deleted(run: Run, two: str) -> None:
    run("alias", "set", f"{two}/1", "champion")
    assert run("alias", "set", f"{two}/latest", "champion", "--json").json["version"] == "2"
    assert run("alias", "show", two).rows == [["champion", "2"]]
    assert run("alias", "show", two, "champion").out == "2\n"
    assert run("alias", "show", two, "--json").json == {"name": two, "aliases": {"champion": "2"}}
    run("alias", "delete", two, "champion")
    run("alias", "show", two, "champion", code=3)
    run("alias", "set", f"{two}/9", "champion", code=3)


def test_a_stage_is_set_and_the_version_before_archived(run: Run, two: str) -> None:
    run("stage", "set", f"{two}/1", "Production")
    moved = run("stage", "set", f"{two}/2", "production", "--archive-existing", "--json").json

    assert moved["current_stage"] == "Production"
    assert [row[:2] for row in run("stage", "show", two).rows] == [["Production", "2"], ["Archived", "1"]]
    assert len(run("stage", "show", two, "--json").json) == 2
    assert "Value must be one of None, Staging" in run("stage", "set", f"{two}/2", "Nowhere", code=1).err
