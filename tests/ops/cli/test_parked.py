"""What is parked: seen, redriven in its order, dropped, opened by hand."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

import pytest
from typer.testing import Result

from functions.contracts.parked import EMPTY, Place
from stacks import names
from tests.ops.cli import typed
from tests.ops.cli.typed import queue
from tests.ops.endpoint import Endpoint
from tests.simulation.order_kinds import on_poison

PARKS = on_poison("park")
TABLE = names.resource(names.LOCAL, names.PARKED)


def ops(*arguments: str) -> Result:
    return typed.ops(*arguments, topology=PARKS)


def answer(*arguments: str) -> Any:
    result = ops(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def park(aws: Endpoint, group: str, steps: Sequence[str]) -> None:
    """Give these messages of the group places, in that order."""
    there = [Place(f"{number:020d}", f"{step}@1", int(time.time()) + 1000) for number, step in enumerate(steps)]
    attributes = {place.name: {"S": place.value} for place in there}
    aws.tables[TABLE][f"change_ticket/{group}"] = {"group": {"S": f"change_ticket/{group}"}} | attributes


def die(aws: Endpoint, group: str, steps: Sequence[str], **attributes: str) -> list[str]:
    """Put these messages into the dead-letter queue, in that order; their ids."""
    dead = queue(aws, "change_ticket-dlq")
    return [
        aws.put(dead, json.dumps({"step": step}), group, idempotency_key=step, received_at="1", **attributes)
        for step in steps
    ]


def places(aws: Endpoint, group: str) -> list[str]:
    item = aws.tables[TABLE].get(f"change_ticket/{group}", {})
    return [value["S"].split(" ")[1] for name, value in sorted(item.items()) if name.startswith("s")]


def turn(aws: Endpoint, group: str) -> str:
    return str(aws.tables[TABLE][f"change_ticket/{group}"]["turn"]["S"])


def redriven(aws: Endpoint) -> list[str]:
    return [json.loads(body)["step"] for body in queue(aws, "change_ticket").arrived]


def test_dead_shows_the_groups_that_wait_and_one_pile_of_what_follows(aws: Endpoint) -> None:
    park(aws, "tic-1", "abc")
    for id_ in die(aws, "tic-1", "abc")[1:]:
        cause = {"error_type": {"S": "GroupParked"}, "error_message": {"S": f"behind a{id_}@1"}}
        aws.tables[names.resource(names.LOCAL, names.FAILURES)][id_] = {"message_id": {"S": id_}} | cause
    (found,) = answer("dead")
    assert {pile["cause"]: pile["count"] for pile in found["piles"]} == {"GroupParked": 2, "unexplained": 1}
    head = {"queue": "change_ticket", "group": "tic-1", "head": "a@1", "behind": 2, "where": "dead"}
    assert found["parked"] == [head]
    assert "parked: tic-1: 2 behind a@1\n" in ops("dead").stdout


def test_a_group_whose_message_is_nowhere_is_shown_although_nothing_is_dead(aws: Endpoint) -> None:
    park(aws, "tic-1", "a")
    (found,) = answer("dead")
    assert (found["waiting"], found["parked"][0]["where"]) == (0, "gone")
    assert "a@1, which is nowhere: --skip it, or --open the group" in ops("parked", "change_ticket").stdout


def test_a_group_whose_message_may_be_on_its_way_is_not_told_gone(aws: Endpoint) -> None:
    park(aws, "tic-1", "a")
    aws.put(queue(aws, "change_ticket"), "{}", "tic-1")
    assert answer("dead") == []
    assert [group["where"] for group in answer("parked", "change_ticket")] == ["elsewhere"]


def test_a_redrive_sends_a_group_in_the_order_of_its_places(aws: Endpoint) -> None:
    park(aws, "tic-1", "abcd")
    die(aws, "tic-1", "cadb")
    die(aws, "tic-2", "xy")
    report = answer("redrive", "change_ticket", "--yes")
    assert report["tally"]["behind"] == {}
    assert [step for step in redriven(aws) if step in "abcd"] == ["a", "b", "c", "d"]
    assert [step for step in redriven(aws) if step in "xy"] == ["x", "y"]
    assert places(aws, "tic-1") == ["a@1", "b@1", "c@1", "d@1"], "who handled them gives up their places"


def test_a_redrive_says_beforehand_what_is_out_of_turn(aws: Endpoint) -> None:
    park(aws, "tic-1", "abc")
    die(aws, "tic-1", "bc")
    assert (
        "2 are behind a@1, not redriven before them: they would come straight back."
        in ops("redrive", "change_ticket").stdout
    )


def test_what_is_dropped_gives_up_its_place(aws: Endpoint) -> None:
    park(aws, "tic-1", "abc")
    first, *_ = die(aws, "tic-1", "abc")
    ops("drop", "change_ticket", "--ids", first)
    assert places(aws, "tic-1") == ["a@1", "b@1", "c@1"]
    assert answer("drop", "change_ticket", "--ids", first, "--yes")["deleted"] == 1
    assert places(aws, "tic-1") == ["b@1", "c@1"]
    before = turn(aws, "tic-1")
    assert answer("parked", "change_ticket", "--skip", "tic-1", "--yes")["acted"]
    assert turn(aws, "tic-1") != before, "whoever read the group before reads it again"


def test_what_is_redriven_to_another_queue_gives_up_its_place(aws: Endpoint) -> None:
    other = aws.sqs.create("other.fifo")
    park(aws, "tic-1", "ab")
    die(aws, "tic-1", "ab")
    assert answer("redrive", "change_ticket", "--to", other.name, "--yes")["tally"]["moved"] == 2
    assert places(aws, "tic-1") == []


def test_an_edited_message_without_a_key_keeps_its_place(aws: Endpoint) -> None:
    dead = queue(aws, "change_ticket-dlq")
    aws.put(dead, '{"step": "a"}', "tic-1")
    answer("redrive", "change_ticket", "--edit", '{"step": "b"}', "--yes", "--force")
    (sent,) = (message for group in queue(aws, "change_ticket")._groups.values() for message in group)
    assert sent.body == '{"step":"b"}'
    assert (sent.attributes["parked_as"].string_value or "").startswith("sha256:")


def test_an_edited_message_with_a_key_keeps_it_and_needs_nothing_else(aws: Endpoint) -> None:
    die(aws, "tic-1", "a")
    answer("redrive", "change_ticket", "--edit", '{"step": "b"}', "--yes", "--force")
    (sent,) = (message for group in queue(aws, "change_ticket")._groups.values() for message in group)
    assert sent.attributes.keys() == {"idempotency_key", "received_at", "redriven", "deduplication_id"}


def test_a_group_is_opened_by_hand_and_leaves_a_record(aws: Endpoint) -> None:
    park(aws, "tic-1", "ab")
    park(aws, "tic-2", "c")
    assert "Nothing was changed: say --yes." in ops("parked", "change_ticket", "--open", "tic-1").stdout
    assert places(aws, "tic-1") == ["a@1", "b@1"]
    assert answer("parked", "change_ticket", "--open", "tic-1", "--yes")["lost"] == ["a@1", "b@1"]
    assert (places(aws, "tic-1"), places(aws, "tic-2")) == ([], ["c@1"])
    (record,) = aws.records
    assert turn(aws, "tic-1"), "so that no worker that read it before writes a place into it"
    assert time.time() < int(aws.tables[TABLE]["change_ticket/tic-1"]["expires_at"]["N"]) <= time.time() + EMPTY
    assert (record["action"]["S"], json.loads(record["asked"]["S"])["group"]) == ("open a group", "tic-1")


def test_whoever_opens_a_group_reads_what_lost_its_place(aws: Endpoint) -> None:
    park(aws, "tic-1", "ab")
    late = iter(["abc"])

    def before(action: str, table: str) -> None:
        if (action, table) == ("putitem", TABLE):
            for steps in late:
                park(aws, "tic-1", steps)
                aws.tables[TABLE]["change_ticket/tic-1"]["turn"] = {"S": "theirs"}

    aws.before = before
    told = ops("parked", "change_ticket", "--open", "tic-1", "--yes").stdout
    assert told == "Took the places of 3 of group tic-1 in change_ticket away: a@1, b@1, c@1.\n"


def test_only_the_head_is_skipped(aws: Endpoint) -> None:
    park(aws, "tic-1", "abc")
    assert answer("parked", "change_ticket", "--skip", "tic-1", "--yes")["lost"] == ["a@1"]
    assert places(aws, "tic-1") == ["b@1", "c@1"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["open_ticket"], "open_ticket is no queue that parks; there is: change_ticket."),
        (["change_ticket", "--open", "tic-9"], "Nothing of group 'tic-9' is parked in change_ticket; there is: none."),
        (["change_ticket", "--open", "a", "--skip", "a"], "say one of them"),
    ],
)
def test_what_cannot_be_opened_is_said_in_one_sentence(aws: Endpoint, arguments: list[str], sentence: str) -> None:
    result = ops("parked", *arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert sentence in result.stderr


def test_places_that_are_too_old_are_nobodys(aws: Endpoint) -> None:
    old = Place("0" * 20, "a@1", int(time.time()) - 1)
    key = "change_ticket/tic-1"
    aws.tables[TABLE][key] = {"group": {"S": key}, old.name: {"S": old.value}, "expires_at": {"N": "1"}}
    assert answer("parked", "change_ticket") == []


def test_a_table_that_cannot_be_read_hides_no_dead_letters(aws: Endpoint) -> None:
    die(aws, "tic-1", "a")
    del aws.tables[TABLE]
    (found,) = answer("dead")
    assert found["waiting"] == 1
    assert "ResourceNotFoundException" in found["parked_problem"]
    assert "What is parked could not be read" in ops("dead").stdout
