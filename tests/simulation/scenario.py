"""One scenario: what is sent, what goes wrong, what people do; and its judgement."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from stacks.entry import Topology
from tests.sample.topology import SAMPLE
from tests.simulation.auditor import Most, Verdict, audit
from tests.simulation.evidence import Evidence
from tests.simulation.faults import Plan
from tests.simulation.sandbox import Sandboxes
from tests.simulation.traffic import SECRET, Send, hours, item
from tests.simulation.world import World

DAY = 86400.0
SENDERS = ("github", "partner", "shopify", "stripe")

Deed = Callable[[World], None]


@dataclass(frozen=True)
class Scenario:
    """`sends` under the faults of `plan`, with what people do at what time.

    `poison` is what cannot succeed, by queue and subject, with its true cause. `until` ends it, `by` is when every good
    effect is due, `parked` says that order holds through dead letters. `most` is what a limit lets through, as the
    auditor has it. `settle` is how many seconds what is asked for later may take until it holds, `stop` when schedules
    of the map end. `blocked` says when a queue takes no events.
    """

    sends: list[Send]
    plan: Plan = field(default_factory=Plan)
    deeds: tuple[tuple[float, Deed], ...] = ()
    poison: dict[tuple[str, str], str] = field(default_factory=dict)
    hours: dict[str, int] = field(default_factory=hours)
    topology: Topology = SAMPLE
    concurrency: int = 3
    until: float = 3 * DAY
    by: float | None = None
    parked: bool = False
    most: Most | None = None
    settle: float = 3600
    stop: float = 0
    blocked: Callable[[str, float], bool] = lambda _, __: False
    log_level: str = "INFO"

    def run(self, seed: str, sandboxes: Sandboxes) -> Evidence:
        """Let it happen."""
        world = World(
            self.topology,
            self.plan,
            sandboxes,
            seed=seed,
            concurrency=self.concurrency,
            blocked=self.blocked,
            log_level=self.log_level,
            stop=self.stop,
        )
        for agent, left in self.hours.items() if world.has("agents") else ():
            world.store("agents", item(agent, left))
            world.hours[agent] = left
        for sender in SENDERS:
            world.vault.rotate(world.physical(f"{sender}_webhook"), SECRET)
        for send in self.sends:
            world.clock.at(send.at, lambda send=send: _send(world, send))  # type: ignore[misc]
        for at, deed in self.deeds:
            world.clock.at(at, lambda deed=deed: deed(world))  # type: ignore[misc]
        evidence = world.run(self.until)
        evidence.poison = self.poison
        return evidence

    def judged(self, evidence: Evidence) -> Verdict:
        """What the auditor says of it."""
        return audit(
            evidence,
            parked=self.parked,
            by=self.by,
            most=self.most,
            settle=self.settle,
            plan=self.plan,
        )


def _send(world: World, send: Send) -> None:
    world.send(send.queue, send.body, attributes=send.attributes, group=send.group, deduplication=send.deduplication)


def fingerprint(evidence: Evidence) -> str:
    """Sixteen digits that are the same for scenarios in which the same happened at the same times."""
    happened = [
        *(f"{write.at} {write.table} {write.key} {write.worker}" for write in evidence.history),
        *(f"{told.at} {told.type} {told.detail.get('id')}" for told in evidence.told),
        *(f"{mail.at} {mail.subject}" for mail in evidence.mails),
        *(f"{death.at} {death.queue} {death.id}" for death in evidence.deaths),
        *(f"{message.at} {message.id}" for message in evidence.accepted),
    ]
    return hashlib.sha256("\n".join(happened).encode()).hexdigest()[:16]
