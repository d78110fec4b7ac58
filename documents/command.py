"""Every page at once, written or compared."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from documents import (
    alarms,
    asyncapi,
    diagram,
    entries,
    event_schemas,
    invariants,
    openapi,
    permissions,
    settings,
)
from documents.event_schemas import BrokenError
from documents.page import write
from stacks.entry import Topology

DOCUMENTS = (diagram, openapi, asyncapi, event_schemas, entries, settings, alarms, invariants, permissions)


def main(arguments: Sequence[str], topology: Topology, root: Path) -> int:
    """Write every page of the project at `root`, or with `--check` say which are out of date; the exit code.

    Nothing is written where an event changed so that its readers break.
    """
    if list(arguments) not in ([], ["--check"]):
        print("python -m documents takes --check or nothing.", file=sys.stderr)
        return 2
    try:
        pages = {path: text for document in DOCUMENTS for path, text in document.pages(topology, root).items()}
    except BrokenError as broken:
        print(broken, file=sys.stderr)
        return 1
    return write(pages, root, check=bool(arguments))
