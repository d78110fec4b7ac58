"""Files are written all or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from scaffold import changes
from scaffold.changes import write
from stacks.names import ROOT


def state(root: Path) -> dict[str, str | None]:
    return {str(path.relative_to(root)): path.read_text() if path.is_file() else None for path in root.rglob("*")}


def test_every_file_is_written_with_the_folders_that_it_needs(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("before")
    (tmp_path / "gone").write_text("before")
    write(tmp_path, {Path("a", "b", "new"): "ä\n", Path("old"): "after", Path("gone"): None})
    assert state(tmp_path) == {"a": None, "a/b": None, "a/b/new": "ä\n", "old": "after"}


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_whatever_ends_it_half_way_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    (tmp_path / "old").write_text("before")
    (tmp_path / "gone").write_text("before")
    (tmp_path / "a").mkdir()
    before = state(tmp_path)
    real = Path.write_text

    def failing(path: Path, text: str, encoding: str) -> int:
        if path.name == "last":
            real(path, text[:1], encoding=encoding)
            raise error
        return real(path, text, encoding=encoding)

    monkeypatch.setattr(Path, "write_text", failing)
    with pytest.raises(type(error)):
        write(
            tmp_path,
            {Path("gone"): None, Path("old"): "after", Path("a", "b", "new"): "new", Path("c", "last"): "last"},
        )
    assert state(tmp_path) == before


def test_a_copy_of_the_project_lacks_what_is_hidden_or_built() -> None:
    assert changes.left_out(str(ROOT), [".venv", "build", "stacks", "__pycache__"]) == {
        ".venv",
        "build",
        "__pycache__",
    }
    assert changes.left_out(str(ROOT / "functions"), ["build", "template", ".cache"]) == {".cache"}
