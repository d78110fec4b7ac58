"""A limit goes, or becomes another one, while messages wait: none is lost by that, and none waits for nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from functions.contracts.limit import Rule, waits
from functions.runtime.limit import limit
from functions.runtime.message import Message
from stacks import limits
from stacks.entry import Limit
from tests.functions.fakes import Fakes
from tests.functions.runtime.limiting import NOW, Limiting
from tests.functions.runtime.probe import Probing, probe
from tests.sample.topology import SAMPLE

SLOW = Rule(name="crm", rate=0.1)


@pytest.fixture
def limiting(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> Limiting:
    one = Limiting(monkeypatch, fakes)
    one.rules(SLOW)
    return one


def wait_hidden(limiting: Limiting, name: str, times: int) -> None:
    """A message of a FIFO group spends so many receives on waiting behind others that come first."""
    for receive in range(1, times + 1):
        limiting.run(Probing(), probe(f"other-{receive}", group=f"g-{receive}"))
        assert limiting.run(Probing(), probe(name, group="g", attempt=receive)) == {name}
        limiting.clock += 6  # past the slot that was kept for it, so that it asks for another


def test_what_waited_hidden_for_a_limit_that_retires_is_attempted_at_once_as_if_for_the_first_time(
    limiting: Limiting,
) -> None:
    limiting.rules(Rule(name="crm", rate=0.5))
    wait_hidden(limiting, "b", 8)
    limiting.rules(Rule(name="crm", rate=0.5, retired=True))
    told: list[int] = []
    writes, probing = limiting.table.writes(), Probing(b=lambda _, message: told.append(message.attempt))
    assert limiting.run(probing, probe("b", group="g", attempt=9)) == set()
    assert (probing.seen, told, limiting.slept) == (["b"], [1], [])
    assert limiting.table.writes() == writes, "nobody is asked for leave"


def test_a_message_that_died_of_its_attempts_is_still_known_as_dead(limiting: Limiting) -> None:
    limiting.rules(Rule(name="crm", rate=0.5))
    wait_hidden(limiting, "b", 2)
    limiting.rules(Rule(name="crm", rate=0.5, retired=True))
    probing = Probing(b=RuntimeError("no"))
    for receive in range(3, 8):
        assert limiting.run(probing, probe("b", group="g", attempt=receive)) == {"b"}
    assert probing.seen == ["b"] * 3, "its three attempts"


def test_a_retired_limit_that_handlers_ask_lets_through(limiting: Limiting) -> None:
    limiting.rules(Rule(name="crm", rate=0.1, at_once=1, in_code=True, retired=True))

    def asks(*_: object) -> None:
        limit("crm", "host")

    probing = Probing(a=asks, b=asks)
    assert limiting.run(probing, probe("a"), probe("b")) == set()
    assert limiting.table.writes() == 0


def test_the_queue_of_a_retired_limit_keeps_the_receives_that_were_waited_with() -> None:
    queue, consumer = SAMPLE.queue("change_ticket"), SAMPLE.consumer("change_ticket")
    limited = replace(consumer, limits=(Limit("crm", rate=1, retired=True),))
    assert limits.receives(queue, limited) == queue.receives + waits(fifo=True)
    assert limits.receives(queue, consumer) == queue.receives
    assert "retired" in str(limits.variable(limited))
    assert limited.limits[0].words == "crm: 1 a second (retired)"


def test_a_copy_that_waited_for_a_limit_that_is_gone_is_handled_as_what_it_was(
    limiting: Limiting, monkeypatch: pytest.MonkeyPatch
) -> None:
    limiting.run(Probing(), probe("a"))
    limiting.run(Probing(), probe("b"))
    monkeypatch.delenv("LIMITS")
    monkeypatch.delenv("TABLE_LIMITS")
    copy, probing = limiting.copy(0), Probing()
    seen: list[Message] = []
    probing.moves["b"] = lambda _, message: seen.append(message)
    assert limiting.run(probing, copy) == set()
    assert (seen[0].correlation_id, seen[0].causation_id, seen[0].attempt) == ("b", "b", 1)


@pytest.mark.parametrize(
    "other", [Rule(name="crm", rate=0.1, per="note"), Rule(name="erp", rate=0.1), Rule(name="crm", rate=10)]
)
def test_a_limit_that_becomes_another_is_asked_as_that(limiting: Limiting, other: Rule) -> None:
    limiting.run(Probing(), probe("a"))
    limiting.run(Probing(), probe("b"))
    limiting.rules(other)
    copy = limiting.copy(0)
    copy["body"] = '{"name":"b","note":"n"}'
    limiting.clock = NOW + 11
    probing = Probing()
    assert limiting.run(probing, copy) == set()
    assert probing.seen == ["b"]
    limiting.run(probing, probe("c") | {"body": '{"name":"c","note":"other"}'})
    assert probing.seen == (["b", "c"] if other.per or other.rate == 10 else ["b"])
    assert sum(limiting.slept) < 2, "and nobody waits for what the limit was before"
