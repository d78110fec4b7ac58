"""Pages of docs/ that are generated: written, or only compared."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def write(pages: Mapping[Path, str], *, check: bool) -> int:
    """Writes the pages, or with `check` says which are out of date. Returns the exit code."""
    stale = [path for path, content in pages.items() if not path.exists() or path.read_text() != content]
    for path in stale:
        if check:
            print(f"{path.relative_to(ROOT)} is out of date; run: make fix")
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(pages[path])
    return int(check and bool(stale))
