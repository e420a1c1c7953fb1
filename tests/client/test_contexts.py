"""Where a run comes from, read from git's files."""

import subprocess

import pytest

from modelkeep.client import contexts


def git(folder, *arguments):
    command = ["git", "-C", str(folder), "-c", "user.name=ann", "-c", "user.email=ann@example.com", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path):
    folder = tmp_path / "repository"
    (folder / "inside").mkdir(parents=True)
    git(folder, "init", "--quiet")
    assert contexts.git_commit(folder) is None
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "first")
    return folder


def test_the_commit_is_that_of_the_repository_around_the_folder(repository):
    assert contexts.git_commit(repository / "inside") == git(repository, "rev-parse", "HEAD")


def test_a_packed_reference_is_read(repository):
    git(repository, "pack-refs", "--all")
    assert contexts.git_commit(repository) == git(repository, "rev-parse", "HEAD")


def test_a_detached_head_is_read(repository):
    git(repository, "checkout", "--quiet", "--detach")
    assert contexts.git_commit(repository) == git(repository, "rev-parse", "HEAD")


def test_a_worktree_is_read(repository, tmp_path):
    git(repository, "worktree", "add", "--quiet", "-b", "side", str(tmp_path / "side"))
    git(tmp_path / "side", "commit", "--quiet", "--allow-empty", "--message", "second")
    assert contexts.git_commit(tmp_path / "side") == git(tmp_path / "side", "rev-parse", "HEAD")
    assert contexts.git_commit(tmp_path / "side") != contexts.git_commit(repository)


def test_a_folder_outside_has_no_commit(tmp_path):
    assert contexts.git_commit(tmp_path) is None
