"""The path of a request is what its log lines tell: every hop under what caused it, however the lines arrive."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from functions.contracts.log_line import Followed
from ops.cli.request_tree import tree
from ops.observe.hops import settled
from ops.observe.logs import Line, read
from ops.observe.request_path import DeadLetter, Delivery, Fact, Path, path
from tests.ops.lines import START, answered, handled, moment, ticket_to_close
from tests.sample.topology import SAMPLE


def lines(texts: Iterable[str]) -> list[Line]:
    found = [read(text) for text in texts]
    assert None not in found, "every line is understood"
    return [line for line in found if line is not None]


def told(*texts: str, letters: Iterable[DeadLetter] = ()) -> Path:
    return path("corr-1", lines(texts), SAMPLE, letters)


def shape(deliveries: list[Delivery]) -> dict[str, Any]:
    """Queues, and below each the events by type, and below those their queues."""
    return {delivery.queue: {fact.type: shape(fact.deliveries) for fact in delivery.events} for delivery in deliveries}


def shown(found: Path, width: int = 200) -> str:
    console = Console(width=width, no_color=True)
    with console.capture() as capture:
        console.print(tree(found, width))
    return capture.get()


def only(deliveries: list[Delivery]) -> Delivery:
    (delivery,) = deliveries
    return delivery


@given(st.randoms())
def test_every_hop_hangs_under_what_caused_it_in_whatever_order_lines_arrive(random_: random.Random) -> None:
    texts = ticket_to_close()
    random_.shuffle(texts)
    found = told(*texts)
    (request,) = found.requests
    assert (request.route, request.status, request.at, request.latency) == ("POST /v1/tickets", "202", START, 21)
    assert shape(request.deliveries) == {
        "open_ticket": {
            "TicketOpened": {
                "assign_ticket": {"TicketAssigned": {"close_ticket": {"TicketClosed": {}}}},
                "mail_ticket": {},
            }
        }
    }
    assert (found.strays, found.facts, found.awaited()) == ([], [], [])


def test_times_between_hops_are_shown() -> None:
    text = shown(told(*ticket_to_close()))
    (row,) = [row for row in text.splitlines() if "assign_ticket" in row]
    assert "0.020 s" in row, "from its publisher's outcome to the queue"
    assert "0.080 s" in row, "from the queue to its own outcome"
    assert "+0.200 s" in row, "since the request"
    assert "1 request, 4 messages, 3 events in 0.400 s" in text
    assert "Nothing of it is left to be done." in text


def test_a_request_that_was_refused_is_found_by_its_request_id() -> None:
    refused = answered(status="400", correlation_id="-", error="BAD_REQUEST_BODY")
    found = path("req-1", lines([refused]), SAMPLE)
    assert [(request.status, request.error) for request in found.requests] == [("400", "BAD_REQUEST_BODY")]
    assert "No message came of it." in shown(found)


def test_subscribers_that_left_no_line_are_named() -> None:
    found = told(answered(), handled("open_ticket", "m1", 100, request=0, publishes={"TicketOpened": "e1"}))
    assert sorted(found.awaited()) == ["assign_ticket", "mail_ticket"]
    assert "not heard of yet" in shown(found)


def test_an_accepted_request_without_a_line_is_awaited_at_its_queue() -> None:
    assert told(answered()).awaited() == ["open_ticket"]
    assert told(answered(status="503")).awaited() == []


def test_a_path_is_settled_once_nothing_of_it_is_on_its_way() -> None:
    assert settled(told(*ticket_to_close()))
    assert settled(told(answered(status="400"))), "nothing came of it"
    assert not settled(told(answered())), "its queue is not heard of"
    assert not settled(told(answered(), ACCEPTED)), "its subscribers are not"
    assert not settled(told(*failing("m2", 1, 2))), "it is attempted again"
    dlq = "assign_ticket-dlq"
    dead = DeadLetter(queue="assign_ticket", dlq=dlq, message_id="m2", sent=START + 120, cause="Reject")
    assert settled(told(*failing("m2", 1, 2, 3, 4, 5), letters=[dead]))


def failing(message_id: str, *attempts: int, at: int = 200, **more: Any) -> list[str]:
    error = {"error_type": "Reject", "error": "no such agent"}
    return [
        handled(
            "assign_ticket",
            message_id,
            at + number,
            outcome="rejected",
            attempt=number,
            event="e1",
            **{"sent": 120, **error, **more},
        )
        for number in attempts
    ]


ACCEPTED = handled("open_ticket", "m1", 100, request=0, publishes={"TicketOpened": "e1"}, sent=15)


def test_a_message_that_fails_is_retried_until_its_receives_ran_out() -> None:
    trying = only(told(*failing("m2", 1, 2)).facts[0].deliveries)
    assert trying.state == "retried"
    out = only(told(*failing("m2", 1, 2, 3, 4, 5)).facts[0].deliveries)
    assert out.state == "gone", "SQS moved it, and nobody has seen it in its dead-letter queue"
    late = only(told(*failing("m2", 1), handled("assign_ticket", "m2", 900, attempt=2, event="e1")).facts[0].deliveries)
    assert late.state == "processed"


def test_a_dead_letter_says_where_it_is_and_what_to_type() -> None:
    dead = DeadLetter(
        queue="assign_ticket",
        dlq="assign_ticket-dlq",
        message_id="m2",
        sent=START + 120,
        cause="Reject: no such agent",
    )
    found = told(answered(), ACCEPTED, *failing("m2", 1, 2, 3, 4, 5), letters=[dead])
    text = shown(found)
    assert "is in assign_ticket-dlq" in text
    assert "attempts 1 to 5" in text
    assert text.count("Reject: no such agent") == 1, "attempts that ended alike are told once"
    assert "python -m ops redrive assign_ticket-dlq --yes" in text
    console = Console(width=200, no_color=True)
    with console.capture() as there:
        console.print(tree(found, 200, ["--stage", "prod"]))
    assert "python -m ops redrive assign_ticket-dlq --yes --stage prod" in there.get(), "not that of the stage here"


def test_a_dead_letter_whose_worker_left_no_line_hangs_under_its_event_with_its_cause() -> None:
    dead = DeadLetter(
        queue="assign_ticket",
        dlq="assign_ticket-dlq",
        message_id="m2",
        sent=START + 120,
        cause="WorkerDied: no failure was seen",
        event_id="e1",
    )
    found = told(answered(), ACCEPTED, letters=[dead])
    (fact,) = only(found.requests[0].deliveries).events
    assert only(fact.deliveries).state == "dead"
    assert fact.awaited == ["mail_ticket"]
    assert "is in assign_ticket-dlq: WorkerDied: no failure was seen" in shown(found)


@pytest.mark.parametrize("stamp", ["1 20261121-101500-3f", None], ids=["by ops redrive", "by the console"])
def test_a_message_that_was_redriven_hangs_under_the_one_that_died(stamp: str | None) -> None:
    again = handled(
        "assign_ticket", "m9", 5000, event="e1", publishes={"TicketAssigned": "e2"}, redriven=stamp, sent=4000
    )
    found = told(answered(), ACCEPTED, *failing("m2", 1, 2, 3, 4, 5), again)
    (fact,) = only(found.requests[0].deliveries).events
    died = only(fact.deliveries)
    assert (died.message_id, died.state) == ("m2", "redriven")
    copy = only(died.copies)
    assert (copy.message_id, copy.state, [event.type for event in copy.events]) == (
        "m9",
        "processed",
        ["TicketAssigned"],
    )
    assert "↻ assign_ticket" in shown(found)


def test_a_message_that_a_replay_brought_stands_beside_the_first_and_says_so() -> None:
    again = handled("mail_ticket", "m9", 5000, event="e1", outcome="duplicate", replayed="replay-1", sent=4000)
    (fact,) = only(
        told(answered(), ACCEPTED, handled("mail_ticket", "m2", 40, event="e1"), again).requests[0].deliveries
    ).events
    assert [(each.message_id, each.state, each.replayed) for each in fact.deliveries] == [
        ("m2", "processed", None),
        ("m9", "duplicate", "replay-1"),
    ]
    fact.deliveries[1].replayed_by = "ada"
    text = shown(Path(correlation_id="corr-1", facts=[fact]))
    assert "duplicate, replayed by ada (replay-1)" in text


def test_replays_that_all_fail_stand_side_by_side_and_a_redrive_of_one_below_it() -> None:
    def failed(id_: str, at: int, **more: Any) -> list[str]:
        said: dict[str, Any] = {
            "event": "e1",
            "outcome": "retried",
            "sent": at,
            "error_type": "Retry",
            "error": "later",
        } | more
        return [handled("mail_ticket", id_, at + 10 * n, attempt=n, **said) for n in range(1, 6)]

    lines = [*failed("m2", 40)]
    for number in (1, 2, 3):
        lines += failed(f"r{number}", 1000 * number, replayed=f"replay-{number}")
    lines += failed("c1", 5000, replayed="replay-1")
    (fact,) = only(told(answered(), ACCEPTED, *lines).requests[0].deliveries).events
    assert [each.message_id for each in fact.deliveries] == ["m2", "r1", "r2", "r3"]
    assert [[copy.message_id for copy in each.copies] for each in fact.deliveries] == [[], ["c1"], [], []]


@pytest.mark.parametrize("width", range(44, 56))
def test_no_figure_of_the_heading_is_parted_from_its_unit(width: int) -> None:
    heading = shown(told(answered(), ACCEPTED, handled("mail_ticket", "m2", 437_336, event="e1")), width).split("\n\n")[
        0
    ]
    assert all(len(line) <= width for line in heading.splitlines())
    assert re.search(r"in \d+\.\d{3} s\b", heading.replace("in\n", "in ")), heading


def test_a_redriven_command_hangs_under_the_request_that_it_came_with() -> None:
    error = {"error_type": "Retry", "error": "later"}
    failed = [
        handled("open_ticket", "m1", 10 * n, outcome="retried", attempt=n, request=0, **error) for n in range(1, 6)
    ]
    found = told(answered(), *failed, handled("open_ticket", "m7", 9000, request=0, redriven="1 run"))
    died = only(found.requests[0].deliveries)
    assert [copy.message_id for copy in died.copies] == ["m7"]
    assert found.strays == []


def test_what_is_parked_was_received_and_not_attempted() -> None:
    error = {"error_type": "GroupParked", "error": "behind key-1@1"}
    parked = [
        handled("open_ticket", "m1", 10 * n, outcome="retried", attempt=n, request=0, **error) for n in range(1, 6)
    ]
    (row,) = (line for line in shown(told(answered(), *parked)).splitlines() if "GroupParked" in line)
    assert "receives 1 to 5" in row
    assert "GroupParked: behind key-1@1" in row
    assert "retried" not in row


def test_a_message_that_waited_for_a_limit_as_copies_is_one_message() -> None:
    why = "Limit 'crm' has its next slot in 60.0 s."
    waits = [
        handled("open_ticket", "m1", 20, outcome="limited", request=0, sent=15, error=why),
        handled("open_ticket", "m2", 920, outcome="limited", request=0, sent=30, error=why, origin="m1"),
    ]
    waiting = only(told(answered(), *waits).requests[0].deliveries)
    assert (waiting.state, waiting.message_id, waiting.sent) == ("retried", "m2", START + 15)
    done = handled("open_ticket", "m3", 990, request=0, sent=930, origin="m1", publishes={"TicketOpened": "e1"})
    found = told(answered(), *waits, done)
    delivery = only(found.requests[0].deliveries)
    assert (delivery.state, delivery.ids) == ("processed", ("m1", "m2", "m3"))
    assert [fact.id for fact in delivery.events] == ["e1"]
    text = shown(found)
    assert "wait before attempt 1" in text
    assert f"limited: {why}" in text


def test_a_copy_that_died_is_the_message_that_it_was() -> None:
    dead = DeadLetter(queue="open_ticket", dlq="open_ticket-dlq", message_id="m2", sent=START + 30, cause="Retry: no")
    wait = handled("open_ticket", "m1", 20, outcome="limited", request=0, error="Limit 'crm' is full.")
    failed = handled("open_ticket", "m2", 60, outcome="retried", request=0, attempt=5, origin="m1", error_type="Retry")
    delivery = only(told(answered(), wait, failed, letters=[dead]).requests[0].deliveries)
    assert (delivery.state, delivery.ids) == ("dead", ("m1", "m2"))
    again = handled("open_ticket", "m3", 900, request=0, sent=800, origin="m1", redriven="1 run")
    first = only(told(answered(), wait, failed, again).requests[0].deliveries)
    assert (first.ids, [(copy.message_id, copy.state) for copy in first.copies]) == (
        ("m1", "m2"),
        [("m3", "processed")],
    )


def test_an_event_delivered_twice_is_two_messages_and_published_twice_is_told_once() -> None:
    again = handled("open_ticket", "m5", 600, outcome="duplicate", request=500, publishes={"TicketOpened": "e1"})
    second = handled("assign_ticket", "m6", 700, outcome="duplicate", event="e1")
    found = told(*ticket_to_close(), answered(500), again, second)
    first, repeated = (only(request.deliveries) for request in found.requests)
    assert [delivery.message_id for delivery in first.events[0].deliveries] == ["m2", "m3", "m6"]
    assert [(fact.type, fact.again, fact.deliveries) for fact in repeated.events] == [("TicketOpened", True, [])]
    assert len(list(found.events())) == 3


def test_a_message_of_a_workflow_shows_where_that_stood_after_it() -> None:
    line: dict[str, Any] = {"level": "INFO", "message": "workflow", "timestamp": moment(401), "service": "close_ticket"}
    line |= {"correlation_id": "corr-1", "message_id": "m4", "workflow": "plan_visit", "key": "tic-1"}
    line |= {"state": "waiting", "deadline": "2026-11-27T09:00:00+00:00", "waiting_for": ["VanReserved"]}
    found = told(*ticket_to_close(), json.dumps(line))
    standing = "tic-1 is waiting for VanReserved until 2026-11-27T09:00:00+00:00"
    assert [each.standing for each in found.deliveries() if each.standing] == [standing]
    assert standing in shown(found)


@pytest.mark.parametrize(
    ("state", "waiting_for", "cause", "words"),
    [
        ("complete", [], None, "tic-1 is complete"),
        ("undoing", ["VanReturned"], "no", "tic-1 is undoing, waiting for VanReturned: no"),
        ("undone", [], "no", "tic-1 is undone: no"),
        ("overdue", ["VanReserved"], None, "tic-1 is overdue, waiting for VanReserved"),
    ],
)
def test_a_workflow_says_in_words_where_it_stands(
    state: str, waiting_for: list[str], cause: str | None, words: str
) -> None:
    said = Followed(
        kind="workflow",
        timestamp=moment(1),
        correlation_id="c",
        message_id="m",
        workflow="w",
        key="tic-1",
        state=state,
        deadline="2026-11-27T09:00:00+00:00",
        waiting_for=waiting_for,
        cause=cause,
    )
    assert said.text == words


def test_lines_of_another_correlation_id_are_no_part_of_the_path() -> None:
    mine = handled("open_ticket", "m1", 100, request=0)
    other = handled("open_ticket", "m8", 100, request=0, correlation_id="corr-2")
    assert [delivery.message_id for delivery in told(answered(), mine, other).deliveries()] == ["m1"]


def test_an_event_whose_publisher_left_no_line_is_a_beginning_of_its_own() -> None:
    (fact,) = told(handled("mail_ticket", "m3", 250, event="e1")).facts
    assert isinstance(fact, Fact)
    assert (fact.id, fact.at, only(fact.deliveries).queue) == ("e1", None, "mail_ticket")


def test_a_narrow_terminal_shows_the_whole_path_without_ids() -> None:
    text = shown(told(*ticket_to_close()), width=90)
    assert all(word in text for word in ("POST /v1/tickets", "TicketAssigned", "close_ticket", "processed", "+0.400 s"))
    assert "m4" not in text


@pytest.mark.parametrize("width", [60, 200])
def test_only_the_guides_are_dim(width: int) -> None:
    found = told(*ticket_to_close())
    console = Console(width=width, force_terminal=True, color_system="standard")
    with console.capture() as capture:
        console.print(tree(found, width))
    (line,) = [line for line in capture.get().splitlines() if "mail_ticket" in line]
    assert "\x1b[1mmail_ticket" in line, "a queue is bold, and not dim as its guide is"
    assert "\x1b[32mprocessed" in line


def test_what_else_is_in_the_logs_is_passed_over() -> None:
    for text in ("START RequestId: 1", '{"_aws": {}, "service": "open_ticket"}', "[]", '{"level": "DEBUG"}'):
        assert read(text) is None


@pytest.mark.parametrize(
    ("who", "caller"),
    [
        ({"principal": "ada", "api_key_id": "k1", "caller": "-"}, "ada"),
        ({"principal": "-", "api_key_id": "k1", "caller": "-"}, "k1"),
        ({"principal": "-", "api_key_id": "-", "caller": "AROA1:worker"}, "AROA1:worker"),
        ({}, None),
    ],
)
def test_a_request_says_who_called_and_for_whom(who: dict[str, Any], caller: str | None) -> None:
    found = told(answered(tenant="acme%3Aeu%1B", **who))
    (request,) = found.requests
    assert (request.caller, request.tenant) == (caller, "acme:eu\x1b")
    assert f"202 for acme:eu\\x1b{f' by {caller}' if caller else ''}" in shown(found)
    assert (told(answered()).requests[0].tenant, "202 " in shown(told(answered()))) == (None, True)
