"""One project made by `make new`, which all tests of a worker share."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from stacks.names import ROOT
from tests.project.checkout import copy, make


@pytest.fixture(scope="session")
def headrace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout of this tree, everything committed, without a remote."""
    return copy(tmp_path_factory.mktemp("headrace"))


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory, headrace: Path) -> tuple[Path, str]:
    """The project acme, with this virtual environment as its own, and what `make new` said.

    While it was made, the checkout had a draft that was not committed.
    """
    project = tmp_path_factory.mktemp("made") / "acme"
    draft = headrace / "ops" / "draft.py"
    draft.write_text("")
    said = make(headrace, "new", f"DIR={project}", "NAME=acme")
    draft.unlink()
    if (ROOT / ".mypy_cache").exists():  # what mypy knows of the packages, which takes it a minute
        shutil.copytree(ROOT / ".mypy_cache", project / ".mypy_cache")
    return project, said
