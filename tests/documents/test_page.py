"""A generated page is written where it differs, and only compared where that is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from documents.page import write


def test_checking_writes_nothing_and_says_what_is_out_of_date(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stale, missing, left = (tmp_path / name for name in ("stale.md", "missing.md", "left.md"))
    stale.write_text("old")
    left.write_text("of something that is gone")
    assert write({stale: "new", missing: "new", left: None}, tmp_path, check=True) == 1
    assert capsys.readouterr().out.splitlines() == [
        "stale.md is out of date; run: make fix",
        "missing.md is out of date; run: make fix",
        "left.md is out of date; run: make fix",
    ]
    assert stale.read_text() == "old"
    assert not missing.exists()
    assert left.exists()


def test_writing_brings_pages_in_step(tmp_path: Path) -> None:
    left = tmp_path / "left.md"
    left.write_text("of something that is gone")
    pages = {tmp_path / "one.md": "one", tmp_path / "folder" / "two.md": "two", left: None}
    assert write(pages, tmp_path, check=False) == 0
    assert write(pages, tmp_path, check=True) == 0
    assert {path: path.read_text() if path.exists() else None for path in pages} == pages
