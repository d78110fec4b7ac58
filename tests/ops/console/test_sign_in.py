"""Credentials that run out while a page lives, and come back: it takes the new sign-in, and asks nothing twice."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from threading import current_thread
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError
from starlette.responses import StreamingResponse

from ops.console import flow, lasting
from ops.console.desk import Desk
from ops.errors import OpsError
from ops.observe import question
from ops.stage import Stage
from tests.ops.cli.typed import dead_tickets
from tests.ops.console.tab import Tab, text
from tests.ops.endpoint import Endpoint
from tests.ops.gate import until
from tests.ops.observe.test_late import NAME, Late
from tests.ops.observe.test_minutes import Measuring
from tests.ops.observe.test_minutes import stage as of
from tests.ops.sight import Queues
from tests.ops.test_lanes import Mappings

EXPIRED = "The security token included in the request is expired"
SIGNED_OUT = OpsError("There are no AWS credentials: sign in, or say --profile, and try again.")
FEW = 4
"""Pictures within which a page that lives is right again."""


class RanOut:
    """A client whose credentials ran out."""

    def __getattr__(self, name: str) -> Any:
        def call(**_: Any) -> Any:
            raise ClientError({"Error": {"Code": "ExpiredToken", "Message": EXPIRED}}, name)

        return call


def ran_out(stage: Stage) -> Stage:
    """The stage, by credentials that ran out."""
    services = ("sqs", "lambda", "cloudwatch", "logs", "dynamodb")
    return replace(stage, _clients={service: RanOut() for service in services})


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pages that live look again at once."""
    monkeypatch.setattr(flow, "EVERY", 0.0)
    monkeypatch.setattr(flow, "SHARED", 0.0)
    monkeypatch.setattr(lasting, "AFTER", 0.0)


def watched(desk: Desk, *meanwhile: Callable[[], None]) -> list[str]:
    """What the flow shows, as text: at first, and the last of a few pictures after each of what happens meanwhile."""

    async def page() -> list[str]:
        frames = cast(AsyncIterator[str], cast(StreamingResponse, flow.live(desk)).body_iterator)
        shown = [text(await anext(frames))]
        for change in meanwhile:
            change()
            *_, last = [text(await anext(frames)) for _ in range(FEW)]
            shown.append(last)
        return shown

    return asyncio.run(page())


@pytest.mark.parametrize("signed_out", [False, True])
def test_the_flow_alone_takes_the_new_sign_in_and_shows_what_it_knew_until_then(
    tab: Tab, stage: Stage, aws: Endpoint, quick: None, signed_out: bool
) -> None:
    """Where nobody is signed in at all, no connection is made; else it is, and refused."""
    dead_tickets(aws, 2)
    opened: list[Stage] = []

    def runs_out() -> None:
        def connect() -> Stage:
            if signed_out:
                raise SIGNED_OUT
            opened.append(ran_out(stage))
            return opened[-1]

        tab.desk.open_ = connect
        tab.desk.stage._clients.update(ran_out(stage)._clients)

    def signs_in() -> None:
        dead_tickets(aws, 1)
        tab.desk.open_ = lambda: replace(stage, _clients={})

    before, out, again = watched(tab.desk, runs_out, signs_in)
    assert "2 dead letters" in before
    assert ("There are no AWS credentials" if signed_out else EXPIRED) in out
    assert "Not newer than" in out
    assert "2 dead letters" in out, "what was known is shown meanwhile"
    assert "Not newer than" not in again
    assert EXPIRED not in again
    assert "3 dead letters" in again
    assert len(opened) <= FEW + 1, "once a refusal"


@pytest.mark.parametrize("path", ["/", "/dead", "/queue/open_ticket"])
def test_a_page_that_told_a_refusal_is_answered_by_the_next_sign_in(tab: Tab, stage: Stage, path: str) -> None:
    tab.get(path)
    tab.desk.open_ = lambda: replace(stage, _clients={})
    tab.desk.stage._clients.update(ran_out(stage)._clients)
    for _ in range(FEW):
        page = tab.client.get(tab.guard.base + path).text
    assert EXPIRED not in text(page)


def test_what_was_seen_of_the_last_hour_outlives_a_sign_in_and_what_is_another_stage_does_not(
    tab: Tab, stage: Stage
) -> None:
    before = tab.desk.look().history
    tab.desk.open_ = lambda: replace(stage, _clients={})
    tab.desk.reconnect()
    after = tab.desk.look().history
    assert all(points[0] == after[word][0] for word, points in before.items())
    kept = tab.desk.live
    tab.desk.open_ = lambda: replace(stage, name="other")
    tab.desk.reconnect()
    assert tab.desk.live is not kept, "what is known of one stage is not told of another"


class Hanging:
    """A console on a stage whose CloudWatch and Lambda do not answer; each sign-in is another connection to it."""

    def __init__(self) -> None:
        self.cloudwatch, self.functions = Late(Measuring()), Late(Mappings())
        self.opened = 0
        self.desk = Desk(self.connect)

    def connect(self) -> Stage:
        self.opened += 1
        clients: dict[str, Any] = {"cloudwatch": self.cloudwatch, "lambda": self.functions, "sqs": Queues({NAME: 12})}
        return of("cloud", None, **clients)

    @property
    def asked(self) -> tuple[int, int]:
        return len(self.cloudwatch.calls), len(self.functions.calls)


def test_a_sign_in_asks_nothing_again_that_is_still_on_its_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(question, "PATIENCE", 0.0)
    hanging = Hanging()
    desk = hanging.desk
    try:
        desk.look()
        until(lambda: hanging.asked == (2, 3))  # both of CloudWatch, and as many of Lambda as go at once
        for sign_in in range(2, 12):
            desk.reconnect()
            view = desk.look()
            assert hanging.opened == sign_in
            assert view.frame.depths["open_ticket"].waiting == 12, "what answers is of now"
            assert "Lambda was asked and has not answered yet." in " ".join(view.late)
        hanging.cloudwatch.gate.set()
        hanging.functions.gate.set()
        until(lambda: (view := desk.look()).unmeasured is None and not view.late)
        assert desk.look().consumers[NAME] == "Enabled"
        asked = hanging.asked
        assert asked[0] <= 4, "what was on its way, and once for who signed in since"
        for _ in range(9):  # pages that are refused something for good
            desk.reconnect()
            assert desk.look().unmeasured is None
        assert hanging.asked == asked, "CloudWatch bills by the metric, whoever signs in"
    finally:
        hanging.cloudwatch.gate.set()
        hanging.functions.gate.set()


def test_rates_that_are_old_are_not_told_as_those_of_a_minute(tab: Tab, stage: Stage) -> None:
    assert "is not known" not in text(tab.get("/events/TicketOpened"))
    tab.desk.live.clock = lambda: time.time() + 3600
    tab.desk.stage._clients.update(ran_out(stage)._clients)
    tab.desk.open_ = lambda: ran_out(stage)
    assert "How many came in the last minute is not known" in text(tab.get("/events/TicketOpened"))


def test_who_waits_for_a_sign_in_keeps_no_other_page_waiting(tab: Tab, monkeypatch: pytest.MonkeyPatch) -> None:
    where: list[str] = []

    def refused(*_: object) -> str:
        where.append(current_thread().name)
        return "no"

    monkeypatch.setattr(Desk, "refused", refused)

    def refuses() -> lasting.Picture:
        raise OpsError("no")

    async def first() -> None:
        parts = cast("StreamingResponse", lasting.lasting(tab.desk, "look", refuses)).body_iterator
        async for _ in parts:
            return

    asyncio.run(first())
    assert where == ["living"]
