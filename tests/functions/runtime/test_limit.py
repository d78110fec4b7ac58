"""A consumer with limits: who goes, who sleeps, who leaves as a copy and who stays hidden; no wait costs an attempt."""

from __future__ import annotations

import itertools
import json
import sys
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError

from functions.contracts.limit import Rule, waits
from functions.contracts.waited import Waited
from functions.runtime.errors import Reject, Retry
from stacks import names
from tests.functions.fakes import Fakes, refusal
from tests.functions.runtime.limiting import NOW, Limiting
from tests.functions.runtime.probe import Probe, Probed, Probing, probe

SLOW = Rule(name="crm", rate=0.1)
QUICK = Rule(name="crm", rate=2)
PER_TENANT = Rule(name="crm", rate=0.1, per="tenant")


@pytest.fixture
def limiting(fakes: Fakes, monkeypatch: pytest.MonkeyPatch) -> Limiting:
    return Limiting(monkeypatch, fakes)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_what_has_its_slot_is_handled_and_what_waits_a_moment_sleeps(limiting: Limiting) -> None:
    limiting.rules(QUICK)
    probing = Probing()
    assert limiting.run(probing, probe("a")) == limiting.run(probing, probe("b")) == set()
    assert probing.seen == ["a", "b"]
    assert [round(each, 2) for each in limiting.slept] == [0.5]


def test_what_waits_longer_goes_on_as_a_copy_and_is_done_with_that(limiting: Limiting) -> None:
    limiting.rules(SLOW)
    probing = Probing()
    limiting.run(probing, probe("a"))
    waiting = probe("b", sent=NOW - 1, tenant="acme", correlation_id="corr")
    waiting["attributes"]["AWSTraceHeader"] = "Root=1-2"
    waiting["attributes"]["MessageGroupId"] = "acme"
    waiting["messageAttributes"]["odd"] = {"binaryValue": "AAE=", "dataType": "Binary"}
    assert limiting.run(probing, waiting) == set()
    assert probing.seen == ["a"]
    (entry,) = limiting.sqs.taken
    assert entry["MessageBody"] == waiting["body"]
    assert entry["DelaySeconds"] in (10, 11)
    assert entry["MessageGroupId"] == "acme"
    assert entry["MessageSystemAttributes"] == {"AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-2"}}
    attributes = entry["MessageAttributes"]
    assert attributes["tenant"] == {"DataType": "String", "StringValue": "acme"}
    assert attributes["odd"] == {"DataType": "Binary", "BinaryValue": b"\x00\x01"}
    told = Waited.read(attributes["waited"]["StringValue"])
    assert told
    assert (told.origin, told.first_sent, told.attempts) == ("b", round((NOW - 1) * 1000), 0)


def test_a_copy_that_comes_in_time_has_its_slot_and_asks_nobody(limiting: Limiting) -> None:
    limiting.rules(SLOW)
    probing = Probing()
    limiting.run(probing, probe("a"))
    limiting.run(probing, probe("b"))
    writes = limiting.table.writes()
    limiting.clock += limiting.sqs.taken[0]["DelaySeconds"] + 0.1
    assert limiting.run(probing, limiting.copy()) == set()
    assert probing.seen == ["a", "b"]
    assert limiting.table.writes() == writes == 2


def test_a_copy_that_comes_too_late_asks_again(limiting: Limiting) -> None:
    limiting.rules(SLOW)
    probing = Probing()
    for name in "abcd":
        limiting.run(probing, probe(name))
    limiting.clock += 3600
    for number in range(3):
        limiting.run(probing, limiting.copy(number))
    assert probing.seen == ["a", "b"], "a crowd whose slots passed does not come in at once"


def test_a_wait_of_more_than_a_quarter_of_an_hour_takes_several_copies_and_one_write(limiting: Limiting) -> None:
    limiting.rules(Rule(name="crm", rate=1 / 2000))
    probing = Probing()
    limiting.run(probing, probe("a"))
    limiting.run(probing, probe("b"))
    for number in range(4):
        limiting.clock += limiting.sqs.taken[number]["DelaySeconds"]
        limiting.run(probing, limiting.copy(number))
        if probing.seen == ["a", "b"]:
            break
    assert probing.seen == ["a", "b"]
    assert [entry["DelaySeconds"] for entry in limiting.sqs.taken] == [900, 900, 201]
    assert limiting.table.writes() == 2


def test_a_copy_is_the_same_request(limiting: Limiting) -> None:
    limiting.rules(SLOW)
    told: list[Any] = []

    def tell(_: Probe, message: Any) -> list[Probed]:
        told.append(message)
        return [Probed(name="b")]

    probing = Probing(b=tell)
    limiting.run(probing, probe("a"))
    limiting.run(probing, probe("b"))
    limiting.clock += 10
    limiting.run(probing, limiting.copy())
    limiting.clock += 100
    limiting.run(probing, probe("b"))
    first, again = told
    assert (first.id, again.id) == ("copy-0", "b")
    assert (first.cause, first.key, first.causation_id) == (again.cause, again.key, again.causation_id)
    assert first.correlation_id == again.correlation_id == "b"


def test_keys_do_not_wait_for_each_other(limiting: Limiting) -> None:
    limiting.rules(PER_TENANT)
    probing = Probing()
    limiting.run(probing, *(probe(f"{name}{tenant}", tenant=tenant) for tenant in "xy" for name in "ab"))
    assert sorted(probing.seen) == ["ax", "ay"]


def test_a_field_of_the_contract_is_a_key(limiting: Limiting) -> None:
    limiting.rules(Rule(name="crm", rate=0.1, per="name"))
    probing = Probing()
    limiting.run(probing, probe("a"), probe("b"), probe("a", message_id="again"))
    assert sorted(probing.seen) == ["a", "b"]


def test_a_message_without_the_key_is_rejected_in_one_sentence(
    limiting: Limiting, capsys: pytest.CaptureFixture[str]
) -> None:
    limiting.rules(PER_TENANT)
    assert limiting.run(Probing(), probe("a")) == {"a"}
    (line,) = (line for line in lines(capsys) if line.get("message") == "rejected")
    assert line["error"] == "Limit 'crm' is per tenant, which this message does not have."
    assert limiting.sqs.visibility == {"a": 0}


def test_a_message_with_ten_attributes_is_hidden_instead_and_that_is_no_attempt(limiting: Limiting) -> None:
    limiting.rules(SLOW)
    probing = Probing()
    limiting.run(probing, probe("a"))
    full = probe("b", **{f"a{number}": "x" for number in range(10)})
    assert limiting.run(probing, full) == {"b"}
    assert limiting.sqs.taken == []
    assert limiting.sqs.visibility["b"] in (9, 10, 11)
    limiting.clock += 10.5
    full["attributes"]["ApproximateReceiveCount"] = "2"
    seen: list[int] = []
    probing.moves["b"] = lambda _, message: seen.append(message.attempt)
    assert limiting.run(probing, full) == set()
    assert seen == [1]


def test_copies_that_sqs_does_not_take_are_hidden_instead(limiting: Limiting) -> None:
    limiting.rules(SLOW)
    probing = Probing()
    limiting.sqs.answers = [EndpointConnectionError(endpoint_url="https://aws.example")]
    limiting.run(probing, probe("a"))
    assert limiting.run(probing, probe("b")) == {"b"}
    assert limiting.sqs.visibility["b"] >= 9


def test_copies_of_a_batch_are_sent_together(limiting: Limiting) -> None:
    limiting.rules(SLOW)
    limiting.run(Probing(), *(probe(f"{number}") for number in range(10)))
    assert len(limiting.sqs.calls) == 1
    assert len(limiting.sqs.taken) == 9


def test_attempts_are_counted_over_copies_and_no_more_of_them_than_the_queue_says(limiting: Limiting) -> None:
    limiting.rules(SLOW)
    probing = Probing(b=Retry("not now"))
    limiting.run(probing, probe("a"))
    record, seen = probe("b"), 0
    for _ in range(12):
        failed = limiting.run(probing, record)
        if failed:
            receives = int(record["attributes"]["ApproximateReceiveCount"]) + 1
            record = record | {"attributes": record["attributes"] | {"ApproximateReceiveCount": str(receives)}}
            limiting.clock += 1
        else:
            limiting.clock += limiting.sqs.taken[seen]["DelaySeconds"] + 0.1
            record, seen = limiting.copy(seen), seen + 1
    assert probing.seen.count("b") == 3
    assert limiting.sqs.visibility[record["messageId"]] == 0, "what is left of its receives runs out at once"
    causes = limiting.table.tables.items[names.resource("test", "failures")]
    assert causes[record["messageId"]]["error_type"] == {"S": "Retry"}, "and its cause is the failure"
    before = len(limiting.table.calls)
    record["attributes"]["ApproximateReceiveCount"] = "40"
    limiting.run(probing, record)
    assert ["GetItem" for call in limiting.table.calls[before:] if "UpdateExpression" not in call] == ["GetItem"]
    assert len(limiting.table.calls) == before + 1, "which costs a read a receive"


def test_a_dead_letter_that_is_redriven_begins_anew(limiting: Limiting) -> None:
    limiting.rules(QUICK)
    waited = Waited(origin="first", first_sent=1, sent=round((NOW - 3600) * 1000), attempts=3, limit="x", slot=1)
    seen: list[int] = []
    probing = Probing(a=lambda _, message: seen.append(message.attempt))
    limiting.run(probing, probe("a", sent=NOW, waited=waited.text()))
    assert seen == [1]


def test_in_a_fifo_group_a_waiting_head_is_hidden_and_what_follows_takes_its_slot_behind_it(limiting: Limiting) -> None:
    limiting.rules(SLOW)
    probing = Probing()
    records = [probe(name, group="g") for name in "abcd"]
    assert limiting.run(probing, *records) == {"b", "c", "d"}
    waits = [limiting.sqs.visibility[name] for name in "bcd"]
    assert [later - earlier for earlier, later in itertools.pairwise(waits)] == [10, 10]
    assert limiting.sqs.taken == []
    for position, name in enumerate("bcd"):
        limiting.clock = NOW + waits[position]
        again = records[position + 1]
        again["attributes"]["ApproximateReceiveCount"] = "2"
        assert limiting.run(probing, again) == set()
        assert probing.seen[-1] == name
    writes = [call for call in limiting.table.calls if "waits" not in call.get("UpdateExpression", "waits")]
    assert len(writes) == 4, "one slot each"


@pytest.mark.parametrize("group", ["g", None])
def test_who_waited_as_often_as_it_may_goes_at_once_and_is_counted(limiting: Limiting, group: str | None) -> None:
    limiting.rules(SLOW)
    probing = Probing()
    limiting.run(probing, probe("a", group=group))
    most = waits(fifo=group is not None)
    limiting.table.tables.items["test-limits"]["function/waits/b"] = {
        "id": {"S": "function/waits/b"},
        "waits": {"N": str(most)},
        "receive": {"N": str(most)},
    }
    assert limiting.run(probing, probe("b", group=group, attempt=most + 1)) == set()
    assert probing.seen == ["a", "b"]
    limiting.run(probing, probe("c", group=group and "other"))
    given = limiting.table.items()["function/crm/@0.1"]["given"] / 1e6
    assert given == pytest.approx(NOW + 30), "a, b and c have taken their shares"


def test_while_the_table_of_limits_is_away_nobody_is_let_through(limiting: Limiting) -> None:
    limiting.rules(SLOW)
    probing = Probing()
    limiting.table.answers = [refusal("InternalServerError", status=500)] * 3
    assert limiting.run(probing, probe("a")) == {"a"}
    assert probing.seen == []
    assert limiting.sqs.visibility["a"] >= 60


def reads(limiting: Limiting) -> list[int]:
    """How many notes each read asked for."""
    asked = [call["RequestItems"]["test-limits"]["Keys"] for call in limiting.table.calls if "RequestItems" in call]
    return [len(keys) for keys in asked]


def test_notes_of_a_batch_are_read_in_one_call_and_of_those_alone_that_came_before(limiting: Limiting) -> None:
    limiting.rules(QUICK)
    limiting.run(Probing(), probe("a", group="a"), probe("b", group="b"))
    assert reads(limiting) == [], "nobody came before"
    again = [probe(f"m{number}", group=f"g{number}", attempt=2) for number in range(9)]
    limiting.run(Probing(), *again, probe("new", group="g"))
    assert reads(limiting) == [9]


def test_what_dynamodb_leaves_out_of_a_read_is_asked_for_again(limiting: Limiting) -> None:
    limiting.rules(QUICK)
    key = {"id": {"S": "function/waits/b"}}
    limiting.table.tables.items["test-limits"]["function/waits/b"] = {**key, "waits": {"N": "3"}, "receive": {"N": "3"}}
    left_out = {"test-limits": {"Keys": [key], "ConsistentRead": True}}
    limiting.table.answers = [{"Responses": {}, "UnprocessedKeys": left_out}]
    probing = Probing()
    assert limiting.run(probing, probe("b", group="g", attempt=4)) == set()
    assert (reads(limiting), probing.seen) == ([1, 1], ["b"]), "with three waits it is the first attempt"


def test_what_dynamodb_goes_on_leaving_out_is_not_attempted(limiting: Limiting) -> None:
    limiting.rules(QUICK)
    left_out = {"test-limits": {"Keys": [{"id": {"S": "function/waits/b"}}], "ConsistentRead": True}}
    limiting.table.answers = [{"Responses": {}, "UnprocessedKeys": left_out}] * 1000
    probing = Probing()
    assert limiting.run(probing, probe("b", group="g", attempt=2)) == {"b"}
    assert probing.seen == []
    assert sum(limiting.slept) <= 6


def test_how_often_it_was_attempted_must_be_known(limiting: Limiting) -> None:
    limiting.rules(SLOW)
    probing = Probing()
    limiting.table.answers = [refusal("InternalServerError", status=500)] * 3
    assert limiting.run(probing, probe("a", attempt=40)) == {"a"}
    assert probing.seen == []
    assert limiting.sqs.visibility["a"] >= 60


def test_places_are_given_up_when_the_handler_ends_however_it_does(limiting: Limiting) -> None:
    limiting.rules(Rule(name="crm", at_once=1))
    probing = Probing(a=Retry("not now"), b=Reject("never"))
    for name in "abc":
        limiting.run(probing, probe(name))
    assert probing.seen == ["a", "b", "c"]


def test_without_room_a_message_looks_again_later_and_ever_less_often(limiting: Limiting) -> None:
    limiting.rules(Rule(name="crm", at_once=1))

    def meanwhile(_: Probe, __: Any) -> None:
        limiting.run(inner, probe("b"))
        for number in range(6):
            limiting.clock += limiting.sqs.taken[number]["DelaySeconds"] + 0.1
            limiting.run(inner, limiting.copy(number))

    inner = Probing()
    limiting.run(Probing(a=meanwhile), probe("a"))
    delays = [entry["DelaySeconds"] for entry in limiting.sqs.taken]
    assert inner.seen == []
    assert len(delays) == 7
    assert delays[0] <= 2
    assert max(delays) > 10
    assert max(delays) <= 60
    limiting.run(inner, limiting.copy(6))
    assert inner.seen == ["b"]


def test_the_log_says_why_it_waits_and_the_metrics_how_many(
    limiting: Limiting, capsys: pytest.CaptureFixture[str]
) -> None:
    limiting.rules(SLOW)
    limiting.run(Probing(), probe("a"))
    capsys.readouterr()
    limiting.run(Probing(), probe("b"))
    told = lines(capsys)
    (line,) = (line for line in told if line.get("message") == "limited")
    assert (line["level"], line["error"]) == ("INFO", "Limit 'crm' has its next slot in 10.0 s.")
    (counts,) = (line for line in told if "_aws" in line)
    assert (counts["Limited"], counts["Retried"], counts["Processed"]) == (1, 0, 0)
    limiting.clock += 10
    limiting.run(Probing(), limiting.copy())
    (line,) = (line for line in lines(capsys) if line.get("message") == "processed")
    assert (line["message_id"], line["origin"]) == ("copy-0", "b")
    assert "event_id" not in line, "a command that waited is no event"


def test_a_consumer_without_limits_loads_and_says_nothing_of_them(
    limiting: Limiting, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("limit", "slot", "room", "copies"):
        monkeypatch.delitem(sys.modules, f"functions.runtime.{name}")
    monkeypatch.delenv("LIMITS", raising=False)
    limiting.run(Probing(), probe("a"))
    assert not {"functions.runtime.limit", "functions.runtime.copies"} & sys.modules.keys()
    assert limiting.table.calls == []
    assert all("Limited" not in line for line in lines(capsys))


def test_a_copy_says_under_which_id_its_message_failed_first(limiting: Limiting) -> None:
    limiting.rules(SLOW)

    def failed() -> list[str]:
        told = [Waited.read(entry["MessageAttributes"]["waited"]["StringValue"]) for entry in limiting.sqs.taken]
        return [each.failed for each in told if each]

    def busy(second: int) -> None:
        limiting.clock = NOW + second
        limiting.run(Probing(), probe(f"other-{second}"))

    busy(0)
    assert limiting.run(Probing(), probe("b")) == set()
    assert failed() == [""], "it waits for its first attempt"
    limiting.clock = NOW + 100
    assert limiting.run(Probing(b=RuntimeError("no")), limiting.copy(0)) == {"copy-0"}
    busy(200)
    again = limiting.copy(0)
    again["attributes"]["ApproximateReceiveCount"] = "2"
    limiting.run(Probing(), again)
    assert failed() == ["", "copy-0"]
    limiting.clock = NOW + 300
    limiting.run(Probing(b=RuntimeError("no")), limiting.copy(1))
    busy(400)
    again = limiting.copy(1)
    again["attributes"]["ApproximateReceiveCount"] = "2"
    limiting.run(Probing(), again)
    assert failed() == ["", "copy-0", "copy-0"], "the first, however often it waits"
