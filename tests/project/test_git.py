"""Where others find a commit is its remote's address, if the remote has it."""

from __future__ import annotations

from pathlib import Path

import pytest

from project.git import origin
from tests.project.checkout import commit, run


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with a commit that its remote origin has."""
    run(tmp_path, "git", "init", "--quiet", "--bare", "there")
    run(tmp_path, "git", "clone", "--quiet", "there", "here")
    here = tmp_path / "here"
    (here / "page").write_text("")
    commit(here, "A page")
    run(here, "git", "push", "--quiet", "origin", "HEAD:main")
    run(here, "git", "fetch", "--quiet")
    return here


def address(checkout: Path, url: str, remote: str = "origin") -> None:
    run(checkout, "git", "remote", "set-url", remote, url)


@pytest.mark.parametrize(
    ("url", "named"),
    [
        ("https://git.example.com/headrace.git", "https://git.example.com/headrace.git"),
        ("https://me:secret@git.example.com/headrace.git", "https://git.example.com/headrace.git"),
        ("https://secret@git.example.com/headrace.git", "https://git.example.com/headrace.git"),
        ("git@git.example.com:headrace.git", "git@git.example.com:headrace.git"),
        ("ssh://git@git.example.com/headrace.git", "ssh://git@git.example.com/headrace.git"),
        ("file:///srv/headrace.git", None),
        ("/srv/headrace.git", None),
    ],
)
def test_the_address_is_the_remotes_without_credentials_and_no_folder_of_this_machine(
    checkout: Path, url: str, named: str | None
) -> None:
    address(checkout, url)
    assert origin(checkout) == named


def test_a_commit_that_the_remote_does_not_have_has_no_address(checkout: Path) -> None:
    address(checkout, "https://git.example.com/headrace.git")
    (checkout / "page").write_text("more")
    commit(checkout, "More")
    assert origin(checkout) is None


def test_the_repository_that_was_forked_goes_before_the_fork(checkout: Path) -> None:
    address(checkout, "https://git.example.com/fork.git")
    run(checkout, "git", "remote", "add", "upstream", "https://git.example.com/headrace.git")
    assert origin(checkout) == "https://git.example.com/fork.git"
    run(checkout, "git", "update-ref", "refs/remotes/upstream/main", "HEAD")
    assert origin(checkout) == "https://git.example.com/headrace.git"


def test_a_checkout_without_a_remote_has_no_address(tmp_path: Path) -> None:
    run(tmp_path, "git", "init", "--quiet")
    (tmp_path / "page").write_text("")
    commit(tmp_path, "A page")
    assert origin(tmp_path) is None
