"""What the functions of the sample ask of AWS, recorded while the simulation runs them through all that befalls them.

Every consumer succeeds, fails, meets services that are away, is paused and asked how it is.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from random import Random

from tests.simulation.faults import Outage, Plan
from tests.simulation.order_kinds import on_poison
from tests.simulation.runs import sandboxes
from tests.simulation.scenario import SENDERS, Scenario
from tests.simulation.traffic import Send, called, changed, hours, opened

HOUR = 3600
Use = tuple[str, str, str]
"""A function, an action, and the name of what it is done with."""
PARKS = on_poison("park")
"""The sample with a queue that parks, whose consumer does all that the sample's own does, and more."""
AWAY = (
    *(Outage(service, 40, 180, "5xx") for service in ("events", "secrets")),
    Outage("dynamodb", 1000, 180, "5xx"),
    Outage("mail", 2000, 180, "5xx"),
)


@cache
def uses() -> frozenset[Use]:
    """What was asked for in some hours of the functions."""
    plan = Plan(outages=AWAY, duplicates=0.1)
    return frozenset(
        Scenario(_sends(), plan, topology=PARKS, until=3 * HOUR, hours=hours() | {"cyd": 1})
        .run("uses", sandboxes())
        .used
    )


def _sends() -> list[Send]:
    random = Random("uses")
    sends = [
        opened(1, "wrong", agent="nobody"),
        opened(1, "long", agent="cyd", hours=2),
        changed(1, "wrong", 1, "wrong", "{}"),
        changed(2, "late", 9),
    ]
    for outage in AWAY:
        for number in range(12):
            # Some just before the service is away, so that what follows them meets that, and some during it.
            at = outage.start + random.uniform(-2, 4)
            ticket = f"{outage.service}-{outage.start}-{number}"
            sends += [opened(at, ticket, idempotency_key=ticket), changed(at, ticket, 1)]
    for number, sender in enumerate(SENDERS):
        for start in (10, 45):
            call = called(start, start + number)
            sends.append(replace(call, attributes=call.attributes | {"sender": sender}))
    return sorted(sends, key=lambda send: send.at)
