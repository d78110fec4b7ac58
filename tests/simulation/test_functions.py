"""Lambda's API as `pause_consumer` meets it: slow switches, answers that take time, and the real function between."""

from __future__ import annotations

from random import Random
from types import ModuleType
from typing import Any

import msgspec
import pytest

from functions.contracts.pause import Trouble, Unfinished
from tests.aws.errors import ServiceError
from tests.examples import seeds
from tests.sample.topology import SAMPLE
from tests.simulation import person
from tests.simulation.auditor import audit
from tests.simulation.evidence import PERSON, Evidence, Switched
from tests.simulation.faults import Outage, Plan
from tests.simulation.functions import DISABLED, ENABLED, EventSource
from tests.simulation.sandbox import Sandboxes
from tests.simulation.test_queues import Station
from tests.simulation.world import World

BACK = 600.0
"""Second from which on the services of the fake consumer are well."""


class Consumers:
    """Every consumer: does nothing with messages, and says of its services what a test wants, after so many seconds."""

    def __init__(self) -> None:
        self.takes = 0.2
        self.back = BACK
        self.asked: list[Any] = []
        self.sandboxes = Sandboxes("tests.sample", self._alter)

    def _alter(self, function: str, modules: dict[str, ModuleType]) -> None:
        def handler(event: Any, _: Any) -> Any:
            if "Records" in event:
                return {"batchItemFailures": []}
            import time

            self.asked.append(event["probe"])
            time.sleep(self.takes)
            now = time.monotonic() - 1000
            return {"away": ["DynamoDB is away"] if now < self.back else []}

        vars(modules[f"tests.sample.{function}.handler"])["handler"] = handler


@pytest.fixture
def consumers() -> Consumers:
    return Consumers()


def world(consumers: Consumers, plan: Plan | None = None, seed: str = "pause") -> World:
    return World(SAMPLE, plan or Plan(), consumers.sandboxes, seed=seed)


def tell(world: World, at: float, word: str = "open_ticket", **more: Any) -> None:
    body = msgspec.json.encode(Trouble(function=word, reason="away", **more)).decode()
    world.clock.at(at, lambda: world.pausing.send(body, {}, word, f"{word} {at}") and None)


def switches(evidence: Evidence) -> list[tuple[str, bool]]:
    return [(one.function, one.on) for one in sorted(evidence.switched, key=lambda one: one.at)]


def test_a_switch_takes_up_to_a_minute_and_no_other_meanwhile() -> None:
    station = Station()
    source = EventSource("q", "q", station.poller, station.clock, Random("slow"))
    source.switch("f", on=False)
    with pytest.raises(ServiceError, match="ResourceInUse"):
        source.switch("f", on=True)
    station.send(1, "a")
    station.clock.run(4)
    assert source.state == "Disabling"
    assert station.batches, "the poller goes on until the switch has come through"
    station.send(61, "b")
    station.clock.run(70)
    assert source.state == DISABLED
    assert len(station.batches) == 1
    source.switch("f", on=True)
    station.clock.run(131)
    assert source.state == ENABLED
    assert len(station.batches) == 2


def test_a_list_shows_a_switch_some_seconds_late() -> None:
    station = Station()
    source = EventSource("q", "q", station.poller, station.clock, Random("late"))
    station.clock.run(10)
    source.switch("f", on=False)
    station.clock.run(12)
    assert {source.shown() for _ in range(50)} == {"Enabled", "Disabling"}
    station.clock.run(80)
    assert {source.shown() for _ in range(50)} == {DISABLED}


def test_a_switch_that_was_not_answered_comes_through_later_unless_another_is_under_way() -> None:
    station = Station()
    source = EventSource("q", "q", station.poller, station.clock, Random("later"))
    source.switch_later("f", on=False)
    assert source.state == ENABLED
    station.clock.run(121)
    assert source.state == DISABLED
    source.switch_later("f", on=False)
    source.switch("f", on=True)
    station.clock.run(300)
    assert [one.on for one in source.switched][:2] == [False, True]


@pytest.mark.parametrize("seed", seeds(3, 8))
def test_whatever_becomes_of_its_switches_a_consumer_is_not_off_for_ever(consumers: Consumers, seed: int) -> None:
    plan = Plan(rates={"lost, hanging": 0.4, "hang": 0.2}, only=("UpdateEventSourceMapping",))
    one = world(consumers, plan, f"unheard {seed}")
    tell(one, 1)
    evidence = one.run(3600)
    assert evidence.off == set()
    assert not one.pausing.waiting


def test_who_is_off_in_the_end_though_no_person_said_so_is_found() -> None:
    by_person = Switched(1, "open_ticket", PERSON, on=False, was=True)
    assert audit(Evidence(off={"open_ticket"})).stuck == 1
    assert audit(Evidence(switched=[by_person], off={"open_ticket"})).stuck == 0


def test_a_consumer_is_paused_until_its_services_are_back(consumers: Consumers) -> None:
    one = world(consumers)
    for at in (1, 2, 3, 30):
        tell(one, at)
    evidence = one.run(3600)
    assert switches(evidence) == [("open_ticket", False), ("open_ticket", True)]
    assert BACK < evidence.switched[1].at < BACK + 25
    assert not one.pausing.waiting
    assert 25 < len(consumers.asked) < 40, "every 20 s, not with every message"


def test_each_consumer_is_paused_for_itself(consumers: Consumers) -> None:
    one = world(consumers)
    for word in ("open_ticket", "mail_ticket", "assign_ticket"):
        tell(one, 1, word)
    evidence = one.run(3600)
    assert sorted(switches(evidence)) == [
        (word, on) for word in ("assign_ticket", "mail_ticket", "open_ticket") for on in (False, True)
    ]


def test_a_probe_that_hangs_counts_as_away(consumers: Consumers) -> None:
    consumers.takes, consumers.back = 20, 0
    one = world(consumers)
    tell(one, 1)
    one.clock.at(BACK, lambda: setattr(consumers, "takes", 0.1))
    evidence = one.run(3600)
    assert switches(evidence) == [("open_ticket", False), ("open_ticket", True)]
    assert BACK < evidence.switched[1].at < BACK + 40


@pytest.mark.parametrize("seed", seeds(2, 5))
def test_workers_that_die_while_it_is_paused_delay_its_recovery_and_nothing_else(
    consumers: Consumers, seed: int
) -> None:
    plan = Plan(rates={"kill before": 0.2, "kill after": 0.2}, only=("lambda", "SendMessage"), kills=4)
    one = world(consumers, plan, f"deaths {seed}")
    for at in range(1, 400, 40):
        tell(one, at)
    evidence = one.run(7200)
    assert evidence.killed
    assert switches(evidence)[-1] == ("open_ticket", True)
    assert not one.pausing.waiting
    assert one.sources[one.physical("open_ticket")].state == ENABLED


def test_lambda_away_changes_nothing_and_is_waited_for(consumers: Consumers) -> None:
    outages = tuple(Outage("lambda", 300, 500, mode) for mode in ("5xx",))
    one = world(consumers, Plan(outages=outages))
    tell(one, 1)
    evidence = one.run(3600)
    assert switches(evidence) == [("open_ticket", False), ("open_ticket", True)]
    assert 800 < evidence.switched[1].at < 900


def test_whom_a_person_disabled_stays_so_and_gets_what_is_unfinished(consumers: Consumers) -> None:
    one = world(consumers)
    one.clock.at(1, lambda: person.switch(one, "open_ticket", on=False))
    mailed = Unfinished(name="mail", key="tic-1", content="digest")
    for at in (3, 100, 200):
        tell(one, at, unfinished=(mailed,))
        tell(one, at + 1)
    evidence = one.run(3600)
    assert [(switch.who, switch.on) for switch in evidence.switched] == [(PERSON, False)]
    assert one.sources[one.physical("open_ticket")].state == DISABLED
    assert consumers.asked[-1]["unfinished"]
    assert not one.pausing.waiting
    assert audit(evidence).overruled == 0


def test_whom_a_person_enables_goes_on(consumers: Consumers) -> None:
    one = world(consumers)
    tell(one, 1)
    one.clock.at(200, lambda: person.switch(one, "open_ticket", on=True))
    evidence = one.run(500)
    assert [(switch.who, switch.on) for switch in evidence.switched] == [("pause_consumer", False), (PERSON, True)]
    assert not one.pausing.waiting


def test_who_enables_what_a_person_disabled_is_found() -> None:
    def switched(at: float, who: str, *, on: bool) -> Switched:
        return Switched(at, "open_ticket", who, on=on, was=not on)

    theirs, ours = switched(1, PERSON, on=False), switched(2, "pause_consumer", on=True)
    assert audit(Evidence(switched=[ours, theirs])).overruled == 1
    assert audit(Evidence(switched=[theirs, switched(1.5, PERSON, on=True), ours])).overruled == 0
    # Paused by us already, it is ours to enable.
    again = Switched(1, "open_ticket", PERSON, on=False, was=False)
    assert audit(Evidence(switched=[again, ours])).overruled == 0
