"""A generated page is written where it differs, and only compared where that is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from stacks import page


def test_checking_writes_nothing_and_says_what_is_out_of_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(page, "ROOT", tmp_path)
    stale, missing = tmp_path / "stale.md", tmp_path / "missing.md"
    stale.write_text("old")
    assert page.write({stale: "new", missing: "new"}, check=True) == 1
    assert capsys.readouterr().out.splitlines() == [
        "stale.md is out of date; run: make fix",
        "missing.md is out of date; run: make fix",
    ]
    assert stale.read_text() == "old"
    assert not missing.exists()


def test_writing_brings_pages_in_step(tmp_path: Path) -> None:
    pages = {tmp_path / "one.md": "one", tmp_path / "folder" / "two.md": "two"}
    assert page.write(pages, check=False) == 0
    assert page.write(pages, check=True) == 0
    assert {path: path.read_text() for path in pages} == pages
