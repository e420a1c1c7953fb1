"""The article: "Cleanup and Archiving"."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.mlflow_client.article import cleanup_old_versions, delete_archived_versions
from tests.mlflow_client.peer import modelkeep_only

if TYPE_CHECKING:
    from mlflow import MlflowClient


def create_versions(client: MlflowClient, name: str, count: int) -> None:
    for number in range(1, count + 1):
        client.create_model_version(name, source=f"s3://models/churn/{number}")


def stages(client: MlflowClient, name: str) -> dict[int, str]:
    return {int(v.version): v.current_stage for v in client.search_model_versions(f"name='{name}'")}


def test_one_search_returns_every_version(client: MlflowClient, churn: str) -> None:
    # More than any page that a server is likely to cut: the article reads only the first.
    create_versions(client, churn, 205)

    found = client.search_model_versions(f"name='{churn}'")

    assert [int(version.version) for version in found] == list(range(205, 0, -1))
    assert not found.token


def test_pages_of_a_search_hold_every_version_once(client: MlflowClient, churn: str) -> None:
    create_versions(client, churn, 11)

    pages = [client.search_model_versions(f"name='{churn}'", max_results=4)]
    while pages[-1].token:
        pages.append(client.search_model_versions(f"name='{churn}'", max_results=4, page_token=pages[-1].token))

    assert [len(page) for page in pages] == [4, 4, 3]
    assert [int(version.version) for page in pages for version in page] == list(range(11, 0, -1))


def test_old_versions_are_archived_and_the_newest_kept(client: MlflowClient, churn: str) -> None:
    create_versions(client, churn, 9)

    cleanup_old_versions(client, churn, keep_versions=5)

    assert stages(client, churn) == {n: "Archived" if n <= 4 else "None" for n in range(1, 10)}


def test_versions_in_use_are_not_archived(client: MlflowClient, churn: str) -> None:
    create_versions(client, churn, 8)
    client.transition_model_version_stage(churn, "1", "Production")
    client.transition_model_version_stage(churn, "2", "Staging")

    # Moving a version does not make it newer: the article sorts by the time of creation.
    cleanup_old_versions(client, churn, keep_versions=5)

    assert stages(client, churn) == {1: "Production", 2: "Staging", 3: "Archived"} | dict.fromkeys(range(4, 9), "None")


@pytest.fixture
def half_archived(client: MlflowClient, churn: str) -> str:
    create_versions(client, churn, 6)
    cleanup_old_versions(client, churn, keep_versions=3)
    return churn


@modelkeep_only("refuses a filter on current_stage, so this function of the article never ran")
def test_archived_versions_are_deleted_once_they_are_old_enough(client: MlflowClient, half_archived: str) -> None:
    delete_archived_versions(client, half_archived, older_than_days=90)
    assert stages(client, half_archived).keys() == {1, 2, 3, 4, 5, 6}

    # A limit in the future makes what was created a moment ago old enough.
    delete_archived_versions(client, half_archived, older_than_days=-1)
    assert stages(client, half_archived) == {4: "None", 5: "None", 6: "None"}


@modelkeep_only("refuses a filter on current_stage")
def test_a_filter_by_stage_finds_just_those_versions(client: MlflowClient, half_archived: str) -> None:
    archived = client.search_model_versions(f"name='{half_archived}' and current_stage='Archived'")

    assert sorted(version.version for version in archived) == ["1", "2", "3"]


def test_archived_versions_can_be_deleted_one_by_one(client: MlflowClient, half_archived: str) -> None:
    for version in client.search_model_versions(f"name='{half_archived}'"):
        if version.current_stage == "Archived":
            client.delete_model_version(half_archived, version.version)

    assert stages(client, half_archived).keys() == {4, 5, 6}
