"""Lanes with a full backlog, both ways: what is urgent is served at once, what can wait goes on, each dies alone."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from local.aws import client
from local.effects import Effects, eventually, post
from local.session import Session
from stacks import names
from tests.flow.timed import operate

MANY, FEW = 300, 20
LANES = {"high": "triage_ticket_high", "normal": "triage_ticket", "low": "triage_ticket_low"}


def ask(stack: Session, lane: str | None, *tickets: str, **fields: Any) -> list[int]:
    """Have the tickets looked at in that lane; the statuses."""
    headers = {"X-Priority": lane} if lane else {}

    def one(ticket: str) -> int:
        body = {"ticket_id": ticket, "priority": lane or "normal", **fields}
        return post(f"{stack.state.api_url.rstrip('/')}/v1/triages", body, **headers)[0]

    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(one, tickets))


def seen(stack: Session) -> dict[str, dict[str, str]]:
    """Every ticket at which somebody looked."""
    pages = client("dynamodb", stack.state.endpoint).get_paginator("scan")
    items = pages.paginate(TableName=names.resource(names.LOCAL, "triages"), ConsistentRead=True)
    return {
        item["ticket_id"]["S"]: {name: next(iter(value.values())) for name, value in item.items()}
        for page in items
        for item in page["Items"]
    }


def outcomes(stack: Session, word: str) -> Counter[str]:
    """How often each outcome is in the function's log."""
    pages = client("logs", stack.state.endpoint).get_paginator("filter_log_events")
    found = pages.paginate(logGroupName=names.log_group(names.LOCAL, word))
    texts = (event["message"] for page in found for event in page["events"])
    lines = [json.loads(text) for text in texts if text.startswith("{")]
    return Counter(line["message"] for line in lines if "attempt" in line)


@contextmanager
def standing(stack: Session, word: str) -> Iterator[None]:
    """While nobody takes the messages of that queue, so that a backlog is there whole when they are taken again."""
    lambda_ = client("lambda", stack.state.endpoint)
    found = lambda_.list_event_source_mappings(FunctionName=names.resource(names.LOCAL, word))
    (mapping,) = found["EventSourceMappings"]

    def switch(*, on: bool) -> None:
        lambda_.update_event_source_mapping(UUID=mapping["UUID"], Enabled=on)
        state = "Enabled" if on else "Disabled"
        assert eventually(lambda: lambda_.get_event_source_mapping(UUID=mapping["UUID"])["State"] == state)

    switch(on=False)
    try:
        yield
    finally:
        switch(on=True)


@pytest.mark.parametrize(("full", "other"), [("low", "high"), ("high", "low")])
def test_a_lane_is_served_beside_a_full_one_and_each_message_is_done_once(
    timed: Session, done: Effects, full: str, other: str
) -> None:
    before = {word: outcomes(timed, word) for word in LANES.values()}
    many = [f"{full}-full-{number}" for number in range(MANY)]
    few = [f"{other}-beside-{number}" for number in range(FEW)]
    with standing(timed, LANES[full]):
        assert set(ask(timed, full, *many)) == {202}
        assert done.depth(LANES[full]) == MANY, "the backlog is full"
    assert set(ask(timed, other, *few)) == {202}
    assert eventually(lambda: {*few} <= seen(timed).keys())
    assert done.depth(LANES[full]) > FEW, "the full lane still has a backlog when the other has none"

    assert eventually(lambda: {*many} <= seen(timed).keys(), within=120)
    looks = seen(timed)
    assert {looks[ticket]["by"] for ticket in many} == {LANES[full]}
    assert {looks[ticket]["by"] for ticket in few} == {LANES[other]}
    last = max(float(looks[ticket]["at"]) for ticket in few)
    later = sum(float(looks[ticket]["at"]) > last for ticket in many)
    assert later > FEW, f"{later} of the full lane came after all of the other"

    def told() -> bool:
        now = {word: outcomes(timed, word) - before[word] for word in LANES.values()}
        return now == {LANES[full]: {"processed": MANY}, LANES[other]: {"processed": FEW}, LANES["normal"]: {}}

    assert eventually(told), {word: outcomes(timed, word) - before[word] for word in LANES.values()}


def test_an_event_of_each_lane_reaches_one_lane_of_its_subscriber(timed: Session, done: Effects) -> None:
    assert ask(timed, "high", "call-high") == [202]
    assert ask(timed, "low", "call-low") == [202]
    assert ask(timed, None, "call-none") == [202]
    wanted = {"call-high": "call_ticket_high", "call-low": "call_ticket", "call-none": "call_ticket"}
    assert eventually(lambda: all(done.item("calls", ticket) for ticket in wanted))
    calls = {ticket: (done.item("calls", ticket) or {})["by"] for ticket in wanted}
    assert calls == wanted
    assert eventually(lambda: not any(done.depth(word) for word in ("call_ticket_high", "call_ticket")))
    assert outcomes(timed, "call_ticket")["duplicate"] + outcomes(timed, "call_ticket_high")["duplicate"] == 0


def test_a_delay_comes_to_its_lane(timed: Session, done: Effects) -> None:
    def delayed(ticket: str, seconds: int) -> int:
        headers = {"X-Priority": "low", "Delay-Seconds": str(seconds), "Idempotency-Key": ticket}
        url = f"{timed.state.api_url.rstrip('/')}/v1/triages"
        return post(url, {"ticket_id": ticket, "priority": "low"}, **headers)[0]

    assert (delayed("late-1", 1), delayed("late-2", 4000)) == (202, 202)
    assert eventually(lambda: done.item("triages", "late-1"))
    assert (done.item("triages", "late-1") or {})["by"] == LANES["low"]
    key = f"{LANES['low']}/late-2"

    def planned() -> list[str]:
        return [each["queue"] for each in operate(timed, "schedules")["planned"] if each["key"] == key]

    assert eventually(planned) == [LANES["low"]]
    operate(timed, "schedules", "cancel", key)
    assert done.item("triages", "late-2") is None


def test_a_poison_dies_in_its_lane_and_is_redriven_to_it(timed: Session, done: Effects) -> None:
    assert ask(timed, "low", "poison-1", follows="first-1") == [202]
    assert eventually(lambda: done.depth(LANES["low"], dead=True) == 1, within=60)
    assert [done.depth(LANES[lane], dead=True) for lane in ("high", "normal")] == [0, 0]
    assert ask(timed, "high", "first-1") == [202]
    assert eventually(lambda: done.item("triages", "first-1"))
    report = operate(timed, "redrive", "triage_ticket_low", "--yes")
    assert report["tally"]["moved"] == 1, report
    assert eventually(lambda: done.item("triages", "poison-1"))
    assert (done.item("triages", "poison-1") or {})["by"] == LANES["low"]
    assert done.depth(LANES["low"], dead=True) == 0


def test_the_command_shows_lanes_together_the_most_urgent_first(timed: Session) -> None:
    rows = [each for each in operate(timed, "queues") if each["queue"].startswith("triage_ticket")]
    assert [(each["queue"], each["lane"]) for each in rows if each["kind"] == "work"] == [
        (LANES["high"], "high"),
        (LANES["normal"], "normal"),
        (LANES["low"], "low"),
    ]


def test_an_unknown_lane_is_refused_in_words(timed: Session) -> None:
    url = f"{timed.state.api_url.rstrip('/')}/v1/triages"
    status, answer, _ = post(url, {"ticket_id": "odd-1"}, **{"X-Priority": "urgent"})
    assert (status, answer["message"]) == (400, "X-Priority must be high, normal or low. Nothing was queued.")
