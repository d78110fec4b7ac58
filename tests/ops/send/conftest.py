"""A stage whose API is a fake."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.ops.send.api import Api, running


@pytest.fixture
def api() -> Iterator[Api]:
    with running() as api:
        yield api
