"""A saved handler is imported before it is put in place; one that cannot be is said, and holds nobody up."""

from __future__ import annotations

from pathlib import Path

import pytest

from local import handlers
from local.errors import LocalError


@pytest.fixture
def saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a saved module is looked for."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


def test_a_module_that_can_be_imported_is_fine(saved: Path) -> None:
    (saved / "saved_module.py").write_text("")
    handlers.check(["saved_module"])


def test_an_import_that_never_ends_is_given_up(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handlers, "PATIENCE", 1.0)
    (saved / "saved_module.py").write_text("while True:\n    pass\n")
    with pytest.raises(LocalError, match="saved_module: the import does not end within 1 s"):
        handlers.check(["saved_module"])


def test_a_module_that_ends_the_process_is_said(saved: Path) -> None:
    (saved / "saved_module.py").write_text("raise SystemExit(3)\n")
    with pytest.raises(LocalError, match=r"ends the process as it is imported \(exit code 3\)"):
        handlers.check(["saved_module"])
