"""Who found a request goes back to what they searched for, or loads it anew; the browser remembers nothing of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from ops.stage import Stage
from tests.console.served import Served, served
from tests.console.window import Window
from tests.ops.endpoint import Endpoint
from tests.ops.lines import handled
from tests.ops.sight import Insights

FOUND = "2 requests have the key jane@example.com"


@pytest.fixture
def here(stage: Stage, aws: Endpoint, browser: Browser) -> Iterator[Served]:
    lines = [
        handled("open_ticket", f"m{n}", n, correlation_id=f"order-{n}-jane", key="jane@example.com") for n in (1, 2)
    ]
    aws.insights = Insights(lines, statuses=["Complete"])
    with served(stage, browser) as here:
        yield here


def found(here: Served, **more: Any) -> Window:
    window = here.console.window(**more)
    window.open("limits")
    window.page.fill("#find", "jane@example.com")
    window.click(".find button")
    window.sees(FOUND)
    return window


@pytest.mark.parametrize("scripts", [True, False], ids=["scripts", "none"])
def test_back_and_reload_lead_to_what_was_found(here: Served, scripts: bool) -> None:
    window = found(here, java_script_enabled=scripts)
    page = window.page
    seen = [(page.url, page.title())]
    window.click("table.requests tbody a")
    window.sees("open_ticket")
    page.wait_for_url(lambda url: url != seen[0][0])
    seen.append((page.url, page.title()))
    assert page.locator("h2 code").inner_text() == "order-2-jane"
    answer = page.go_back()
    assert answer is not None
    assert answer.status == 200
    window.sees(FOUND)
    page.reload()
    window.sees(FOUND)
    page.go_forward()
    window.sees("order-2-jane")
    page.go_back()
    page.go_back()
    page.wait_for_url("**/limits")
    assert not [each for each in seen if "jane" in "".join(each)]
    assert not window.complaints
