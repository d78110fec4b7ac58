"""Pages of docs/ that are generated: written, or only compared."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

Pages = Mapping[Path, str | None]
"""What each file should hold; None where there should be no file."""


def write(pages: Pages, root: Path, *, check: bool) -> int:
    """Writes the pages, or with `check` says which are out of date. Returns the exit code."""
    stale = [path for path, content in pages.items() if (path.read_text() if path.exists() else None) != content]
    for path in stale:
        content = pages[path]
        if check:
            print(f"{path.relative_to(root)} is out of date; run: make fix")
        elif content is None:
            path.unlink()
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
    return int(check and bool(stale))
