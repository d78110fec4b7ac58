"""`make clean` removes what can be made again, and nothing else."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from stacks.names import ROOT


@pytest.mark.parametrize("kept", [True, False])
def test_what_ops_keeps_is_the_only_copy_and_stays(tmp_path: Path, kept: bool) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in (".local/state.json", ".local/.hidden/log", "build/a", *([".local/ops/prod/dropped.jsonl"] * kept)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    done = subprocess.run(["make", "clean"], cwd=tmp_path, capture_output=True, text=True, check=True)
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"Makefile", *([".local/ops/prod/dropped.jsonl"] * kept)}
    assert (tmp_path / ".local").exists() == kept
    assert ("Kept: .local/ops" in done.stdout) == kept
