"""The deployed API, called as callers call it, with the consumer behind it disabled: nothing takes effect."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from ops.depth import depth
from ops.errors import OpsError
from ops.queue import find
from ops.send.caller import Answer, Caller
from ops.sqs.message import Message
from ops.stage import Stage
from ops.verify.cases import Case, Cases, unsigned
from ops.verify.finding import Finding, judged, not_checked
from ops.verify.inbox import arrivals
from ops.verify.switch import disabled
from stacks.edge.mapping_template import CORRELATION_ID
from stacks.entry import Route, Topology

PAUSE = 0.05
"""Seconds between two requests, where the route takes so many."""


def chosen(topology: Topology) -> list[Route]:
    """The first route of each kind: to a standard queue, to a FIFO queue, of webhooks, to lanes by a header."""
    kinds: dict[tuple[bool, bool, bool], Route] = {}
    for route in topology.routes:
        if route.method == "POST":
            is_laned = route.lane_header is not None
            kinds.setdefault((topology.queue(route.queue).fifo, bool(route.senders), is_laned), route)
    return list(kinds.values())


def calls(stage: Stage, caller: Caller, routes: Sequence[Route], run: str) -> Iterator[Finding]:
    """Every case of the routes, judged. Raises `OpsError` where AWS refuses what whoever verifies needs."""
    asked: list[tuple[Route, Case]] = []
    for route in routes:
        why = caller.why_not(route)
        if why is not None:
            yield not_checked(route.name, "requests", why)
            continue
        asked += [
            (route, case) for case in Cases(route, stage.topology.queue(route.queue), run, caller.authorized(route))
        ]
        if caller.authorized(route) not in ("none", "signature"):
            asked.append((route, unsigned(route, run)))
    if not asked:
        return
    # A case that says nothing of a lane is in `normal`, but for a field of the example.
    functions = list(dict.fromkeys(queue for route, _ in asked for queue in route.queues))
    with disabled(stage, functions, lambda words: drain(stage, words, run)) as switched:
        _refuse_traffic(stage, functions)
        answers = [_sent(caller, route, case) for route, case in asked]
        taken = Counter(
            _queue(route, case) for (route, case), answer in zip(asked, answers, strict=True) if answer.status == 202
        )
        found = _drained(stage, functions, run, taken)
    there = {id_: word for word, messages in found.items() for id_ in messages}
    arrived = _joined(found)
    for (route, case), answer in zip(asked, answers, strict=True):
        good, seen = case.judge(answer, arrived.pop(_id(case), []))
        yield judged(route.name, case.check, case.expected, seen, good=good)
    yield from _lanes(asked, answers, there)
    left = sum(map(len, arrived.values()))
    yield judged("the API", "every message is explained by a request", "0 others", f"{left} others", good=not left)
    yield judged(
        "event source mappings",
        "a disabled one stays disabled",
        "Disabled until the end",
        f"enabled by somebody: {', '.join(switched.broken)}; requests may have taken effect"
        if switched.broken
        else f"Disabled after {switched.off:.0f} s",
        good=not switched.broken,
    )
    yield judged(
        "event source mappings",
        f"pause_consumer may enable {functions[0]} again",
        "Enabled by it",
        switched.problem or f"Enabled after {switched.on:.0f} s",
        good=switched.problem is None,
    )


def drain(
    stage: Stage, functions: Sequence[str], run: str, expected: Mapping[str, int] | None = None
) -> dict[str, list[Message]]:
    """What of `run` lies in the queues of these functions, by correlation id, taken out of them."""
    return _joined(_drained(stage, functions, run, expected or {}))


Found = Mapping[str, dict[str, list[Message]]]
"""What arrived, by the word of its queue and its correlation id."""


def _joined(found: Found) -> dict[str, list[Message]]:
    return {id_: messages for each in found.values() for id_, messages in each.items()}


def _drained(stage: Stage, functions: Sequence[str], run: str, expected: Mapping[str, int]) -> Found:
    with ThreadPoolExecutor() as pool:
        found = pool.map(lambda word: arrivals(stage, find(stage, word), run, expected.get(word, 0)), functions)
        return dict(zip(functions, found, strict=True))


def _lanes(
    asked: Sequence[tuple[Route, Case]], answers: Sequence[Answer], there: Mapping[str, str]
) -> Iterator[Finding]:
    """Whether what asked for a lane came to its queue."""
    for (route, case), answer in zip(asked, answers, strict=True):
        header, said = route.lane_header, dict(case.request.headers)
        if route.choice is not None and (header is None or header in said) and answer.status == 202:
            queue, seen = _queue(route, case), there.get(_id(case), "no queue")
            yield judged(route.name, f"{case.check}, comes to the queue of its lane", queue, seen, good=queue == seen)


def _refuse_traffic(stage: Stage, functions: Sequence[str]) -> None:
    for word in functions:
        waiting = depth(stage, find(stage, word)).waiting
        if waiting:
            raise OpsError(f"{waiting:,} messages wait in {word}: verify a stage without traffic, or wait for it.")


def _sent(caller: Caller, route: Route, case: Case) -> Answer:
    time.sleep(max(PAUSE, 1 / caller.rate(route)))
    return caller.call(route, case.request)


def _queue(route: Route, case: Case) -> str:
    """The queue that the case's message is in."""
    if route.choice is None:
        return route.queue
    return route.choice.queue(dict(case.request.headers), json.loads(case.request.body))


def _id(case: Case) -> str:
    return {name.lower(): value for name, value in case.request.headers}[CORRELATION_ID.lower()]
