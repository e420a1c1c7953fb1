"""What git has checked out, read from its files."""

import subprocess

import pytest

from modelkeep.client import contexts, repositories


def git(folder, *arguments):
    command = ["git", "-C", str(folder), "-c", "user.name=ann", "-c", "user.email=ann@example.com", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture
def repository(tmp_path):
    folder = tmp_path / "repository"
    (folder / "inside").mkdir(parents=True)
    git(folder, "init", "--quiet")
    assert repositories.checkout(folder) is None
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "first")
    return folder


def test_the_commit_is_that_of_the_repository_around_the_folder(repository):
    assert repositories.checkout(repository / "inside").commit == git(repository, "rev-parse", "HEAD")


def test_a_packed_reference_is_read(repository):
    git(repository, "pack-refs", "--all")
    assert repositories.checkout(repository).commit == git(repository, "rev-parse", "HEAD")


def test_a_detached_head_is_read(repository):
    git(repository, "checkout", "--quiet", "--detach")
    assert repositories.checkout(repository).commit == git(repository, "rev-parse", "HEAD")


def test_a_worktree_is_read(repository, tmp_path):
    git(repository, "worktree", "add", "--quiet", "-b", "side", str(tmp_path / "side"))
    git(tmp_path / "side", "commit", "--quiet", "--allow-empty", "--message", "second")
    assert repositories.checkout(tmp_path / "side").commit == git(tmp_path / "side", "rev-parse", "HEAD")
    assert repositories.checkout(tmp_path / "side").commit != repositories.checkout(repository).commit


def test_a_folder_outside_has_no_commit(tmp_path):
    assert repositories.checkout(tmp_path) is None


def test_the_branch_is_the_one_that_is_checked_out(repository):
    git(repository, "checkout", "--quiet", "-b", "feature/ü")
    assert repositories.checkout(repository).branch == "feature/ü"
    git(repository, "checkout", "--quiet", "--detach")
    assert repositories.checkout(repository).branch is None


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("git@git.example.com:team/churn.git", "git@git.example.com:team/churn.git"),
        ("https://ann:secret@git.example.com:8443/team/churn.git", "https://git.example.com:8443/team/churn.git"),
        ("https://token@git.example.com/churn.git?a=b#c", "https://git.example.com/churn.git?a=b#c"),
        ("/srv/git/churn", "/srv/git/churn"),
    ],
)
def test_the_first_remote_is_told_without_its_password(repository, tmp_path, url, shown):
    git(repository, "config", "user.url", "https://example.com/of-nobody")
    git(repository, "remote", "add", "upstream", url)
    git(repository, "remote", "add", "other", "https://example.com/other")
    git(repository, "worktree", "add", "--quiet", "-b", "side", str(tmp_path / "side"))
    assert repositories.checkout(repository / "inside").url == shown
    assert repositories.checkout(tmp_path / "side").url == shown


def test_a_repository_without_a_remote_has_no_address(repository):
    assert repositories.checkout(repository).url is None


def test_a_run_is_tagged_with_all_three(repository, monkeypatch):
    git(repository, "remote", "add", "origin", "https://ann:secret@git.example.com/churn.git")
    (repository / "train.py").write_text("")
    monkeypatch.setattr("sys.argv", [str(repository / "train.py")])

    tags = contexts.tags()

    assert tags["mlflow.source.git.commit"] == git(repository, "rev-parse", "HEAD")
    assert tags["mlflow.source.git.branch"] == git(repository, "branch", "--show-current")
    assert tags["mlflow.source.git.repoURL"] == "https://git.example.com/churn.git"
