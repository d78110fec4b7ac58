"""A console over the fake stage, as a browser sees it that was let in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ops.stage import Stage
from tests.ops.console.tab import Tab, opened
from tests.ops.endpoint import Endpoint
from tests.ops.sight import Insights


@pytest.fixture
def tab(stage: Stage, aws: Endpoint) -> Iterator[Tab]:
    aws.insights = Insights(statuses=["Complete"])
    with opened(stage) as tab:
        yield tab


@pytest.fixture
def insights(tab: Tab, aws: Endpoint) -> Insights:
    assert aws.insights is not None
    return aws.insights
