"""The rule for paths of artifacts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelkeep.domain.artifacts import check_folder, check_path, join, root_of
from modelkeep.domain.errors import Invalid
from tests.support.hostile_paths import HOSTILE_PATHS


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("model/MLmodel", "model/MLmodel"),
        ("a%20b/c", "a b/c"),
        ("größe 客户.txt", "größe 客户.txt"),
        ("gr%C3%B6%C3%9Fe", "größe"),
        ("gr%25C3%25B6%25C3%259Fe", "größe"),
        ("100%.txt", "100%.txt"),
        ("100%25.txt", "100%.txt"),
        ("a+b&c=d.txt", "a+b&c=d.txt"),
        ("a//b", "a/b"),
        ("...", "..."),
        ("..a/b..", "..a/b.."),
        (".hidden", ".hidden"),
        ("ab:c/d", "ab:c/d"),
        ("é" * 127, "é" * 127),
    ],
)
def test_a_path_has_one_spelling(path: str, expected: str) -> None:
    assert check_path(path) == expected


@pytest.mark.parametrize("path", HOSTILE_PATHS)
def test_a_hostile_path_is_refused(path: str) -> None:
    with pytest.raises(Invalid):
        check_path(path)
    with pytest.raises(Invalid):
        check_folder(path)


@pytest.mark.parametrize("path", [None, "", "folder/", 5, "\ud800"])
def test_what_names_no_file_is_refused(path: object) -> None:
    with pytest.raises(Invalid):
        check_path(path)


@pytest.mark.parametrize(("path", "expected"), [(None, ""), ("", ""), ("a", "a"), ("a/", "a"), ("a%2fb%2f", "a/b")])
def test_a_folder_may_be_the_root_or_end_with_a_slash(path: str | None, expected: str) -> None:
    assert check_folder(path) == expected


@given(st.text(max_size=60))
def test_an_accepted_path_is_plain_relative_and_stays_as_it_is(text: str) -> None:
    try:
        path = check_path(text)
    except Invalid:
        return
    assert check_path(path) == path
    assert all(segment not in ("", ".", "..") for segment in path.split("/"))
    assert not any(character in "\\#" or ord(character) < 32 for character in path)


def test_a_refusal_names_the_value_and_not_megabytes_of_it() -> None:
    with pytest.raises(Invalid) as caught:
        check_path("../" + "a" * 1_000_000)

    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("mlflow-artifacts:/1/abc/artifacts", "1/abc/artifacts"),
        ("mlflow-artifacts:/1/abc/artifacts/", "1/abc/artifacts"),
        ("mlflow-artifacts:/", ""),
        ("mlflow-artifacts://host/1", None),
        ("s3://bucket/1", None),
        ("runs:/abc/model", None),
    ],
)
def test_only_an_address_of_this_server_has_a_root(uri: str, expected: str | None) -> None:
    assert root_of(uri) == expected


def test_joining_with_the_root_adds_no_slash() -> None:
    assert join("", "a") == join("a", "") == "a"
    assert join("a", "b/c") == "a/b/c"
    assert join("", "") == ""
