"""Which tests share a worker, because they share what is costly to make; and the Node.js that synthesizes for them."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
SHARED = ("flow", "stacks")

# The virtual environment's own Node.js, however pytest was started.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.prefix) / "bin"), os.environ.get("PATH", os.defpath)])


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        folder = item.path.relative_to(TESTS).parts[0]
        if folder in SHARED:
            item.add_marker(pytest.mark.xdist_group(folder))
        if folder == "flow":
            item.add_marker(pytest.mark.flow)
