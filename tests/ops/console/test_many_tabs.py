"""Many pages live at once, and whatever keeps them waiting keeps no other page."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from threading import Event, current_thread
from typing import Any, cast

import pytest
from starlette.responses import Response, StreamingResponse

from ops.console import asked, flow
from ops.console.lasting import lasting
from ops.errors import OpsError
from tests.ops.cli.typed import dead_tickets
from tests.ops.console.tab import Tab
from tests.ops.endpoint import Endpoint

TABS = 60
"""More than there are threads for answers."""
PATIENCE = 20.0


@pytest.mark.parametrize("kind", ["flow", "replay"])
def test_pages_that_wait_for_aws_keep_no_other_page_waiting(
    tab: Tab, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    begun, answers = Event(), Event()

    def slow(*_: Any) -> Any:
        begun.set()
        assert answers.wait(PATIENCE)
        raise OpsError("AWS did not answer.")

    monkeypatch.setattr(flow, "picture", slow)
    monkeypatch.setattr(flow, "EVERY", 0.0)

    async def page() -> Response:
        return flow.live(tab.desk) if kind == "flow" else lasting(tab.desk, kind, slow)

    async def first(page: Response) -> str:
        frames = cast(AsyncIterator[str], cast(StreamingResponse, page).body_iterator)
        return await anext(frames)

    async def browser() -> list[str]:
        living = [asyncio.ensure_future(first(await page())) for _ in range(TABS)]
        try:
            assert await asyncio.to_thread(begun.wait, PATIENCE)
            another = asyncio.get_running_loop().run_in_executor(tab.desk.asking, lambda: "another page")
            assert await asyncio.wait_for(another, PATIENCE / 2) == "another page"
        finally:
            answers.set()
        return await asyncio.gather(*living)

    frames = asyncio.run(browser())
    assert len(frames) == TABS
    assert all("AWS did not answer." in each for each in frames)


def test_what_changes_something_is_done_to_its_end_and_what_only_asks_is_left(
    tab: Tab, aws: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process waits at its end for the threads of what changes something, and for none of `asking`."""
    dead_tickets(aws, 1)
    seen: list[tuple[bool, bool]] = []
    answered = asked._answered

    def noting(answer: asked.Answer, of: asked.Asked, *, sure: bool) -> Response:
        seen.append((not sure, current_thread().name == "asking"))
        return answered(answer, of, sure=sure)

    monkeypatch.setattr(asked, "_answered", noting)
    tab.get("/dead")
    tab.post("/plan/open_ticket/redrive")
    assert set(seen) == {(False, True), (True, False)}
