"""Verifies a stage: calls its API, lets messages die, redrives them, and reads what was written down of all that."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator

from msgspec import Struct

from ops.errors import OpsError
from ops.send.caller import Caller, api_url
from ops.stage import Stage
from ops.verify import edge, evidence
from ops.verify.dead_letters import DeadLetters, dying
from ops.verify.finding import Finding, not_checked
from ops.verify.operator import as_operator
from ops.verify.switch import restore
from stacks import names
from stacks.settings import read

OURS = "verify-"
"""What every name and id that we make up begins with."""


class Plan(Struct, frozen=True, kw_only=True):
    """What a run would do: the routes that it calls, whose consumers it disables meanwhile, and the queues it fills."""

    routes: list[str]
    disabled: list[str]
    dead_letters: list[str]


def plan(stage: Stage) -> Plan:
    """What `verify` would do with that stage."""
    routes = edge.chosen(stage.topology)
    return Plan(
        routes=[route.name for route in routes],
        disabled=[queue for route in routes for queue in route.queues],
        dead_letters=[f"{queue.name}-dlq" for queue in dying(stage.topology)],
    )


def verify(
    stage: Stage,
    *,
    url: str | None = None,
    token: str | None = None,
    told: Callable[[str], None] = lambda _: None,
) -> Iterator[Finding]:
    """Every finding, as it is made. `url` is the API's where no stack tells it, `token` a caller's where one is wanted.

    Calls the first route of each kind while its consumer is disabled, sends every queue a message that no consumer can
    read, publishes every event of the stage's own bus without its envelope unless others listen there, and drops in the
    end what died of that. However it ends, our requests are taken out before a consumer is enabled.
    `told` is called before each step. Raises `OpsError` where AWS refuses what must be allowed to whoever verifies.
    """
    run, since = f"{OURS}{uuid.uuid4().hex[:12]}", time.time()
    settings = read(stage.name, names.CONTEXT["stages"])
    for sentence in restore(stage, lambda words: edge.drain(stage, words, OURS)):
        told(sentence)
    routes, called = edge.chosen(stage.topology), None
    if routes:
        caller = Caller(stage, settings, url or api_url(stage), token)
        called = next((route for route in routes if caller.why_not(route) is None), None)
        told("requests to " + ", ".join(route.name for route in routes))
        yield from edge.calls(stage, caller, routes, run)
    told("the operator's role")
    try:
        operator = as_operator(stage, run)
    except OpsError as error:
        yield not_checked("operator", "the operator's role can be taken", str(error))
        operator = stage
    letters = DeadLetters(stage, operator, run)
    told("dead letters")
    yield from letters.findings()
    told("logs")
    yield from evidence.logged(operator, called, run, letters.sample, since)
    told("metrics")
    first = next((queue.name for queue in dying(stage.topology)), None)
    yield from evidence.counted(operator, called, first, since)
    if any(consumer.sends_email for consumer in stage.topology.consumers):
        yield evidence.mail_to_nobody(stage, settings.email_sender)
