"""What a consumer's contract says of a message before it goes, without running anything of the consumer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from functions.contracts.envelope import Envelope
from ops.dead_letters.redaction import Redaction
from ops.queue import find
from ops.redrive.delivery import Delivery
from ops.redrive.reasons import MOST, OTHERS
from ops.redrive.routing import FunctionDestination, QueueDestination
from ops.redrive.verdict import Contracts, Verdict, Verdicts
from ops.sqs.client import Sqs
from ops.sqs.message import Message, Value
from ops.stage import Stage
from stacks import names
from tests.ops.endpoint import Endpoint
from tests.sample.delayed import DELAYED
from tests.sample.messages import change, opened, ticket

TICKET = msgspec.json.encode(ticket()).decode()
CHANGE = msgspec.json.encode(change(1).body()).decode()


def event(data: Any, version: int = 1, type_: str = "TicketOpened") -> str:
    inside = Envelope(
        id="e-1",
        type=type_,
        version=version,
        time="2026-11-26T00:00:00Z",
        source="tickets",
        correlation_id="c-1",
        causation_id="m-1",
        data=msgspec.Raw(msgspec.json.encode(data)),
    )
    return msgspec.json.encode({"detail-type": type_, "detail": inside}).decode()


@pytest.fixture
def contracts(stage: Stage) -> Contracts:
    return Contracts(stage, Redaction(stage.topology))


def judged(
    stage: Stage,
    contracts: Contracts,
    queue: str,
    body: str,
    group: str | None = None,
    *,
    edited: bool = False,
    **told: str,
) -> Verdict:
    attributes = {name: Value("String", text) for name, text in told.items()}
    to = QueueDestination(Sqs(None), find(stage, queue).url)  # type: ignore[arg-type]
    return contracts.judge(Message("m-1", "", body), Delivery(to, body, attributes, group), edited=edited)


@pytest.mark.parametrize(
    ("queue", "body", "group", "reason"),
    [
        ("open_ticket", TICKET, None, None),
        ("open_ticket", TICKET.replace('"EN"', '"en"'), None, "$.language"),
        ("open_ticket", TICKET.replace("{", '{"extra":1,', 1), None, "unknown field `extra`"),
        ("open_ticket", "no json", None, "OpenTicket does not decode"),
        ("change_ticket", CHANGE, "tic-1", None),
        ("change_ticket", CHANGE, None, "came without its ticket_id"),
        ("change_ticket", CHANGE, "a b", "`ticket_id`, which its path names"),
        ("assign_ticket", event(opened()), None, None),
        ("assign_ticket", event(opened(), version=2), None, "came in version 2"),
        ("assign_ticket", event({"ticket_id": "t"}), None, "required field `email`"),
        ("assign_ticket", event(opened(), type_="TicketLost"), None, "is none of TicketOpened"),
    ],
)
def test_a_contract_accepts_and_refuses_what_the_consumer_does(
    stage: Stage, contracts: Contracts, queue: str, body: str, group: str | None, reason: str | None
) -> None:
    verdict = judged(stage, contracts, queue, body, group, idempotency_key="key-1")
    assert (verdict.accepted, verdict.queue) == (reason is None, queue)
    assert (reason or "") in (verdict.reason or "")


def test_what_the_consumer_misses_beside_the_body_is_refused_too(stage: Stage, contracts: Contracts) -> None:
    assert "without an idempotency key" in str(judged(stage, contracts, "change_ticket", CHANGE, "tic-1"))


def test_what_only_a_plan_brings_is_judged_by_its_contract(aws: Endpoint, stage: Stage) -> None:
    (reminders,) = (each for each in DELAYED.integrations if not each.is_planning)
    planned = replace(DELAYED, integrations=(replace(reminders, routes=reminders.routes[:1]),))
    aws.sqs.create(names.queue(stage.name, "remind_ticket"))
    later = replace(stage, topology=planned)
    contracts = Contracts(later, Redaction(planned))
    assert judged(later, contracts, "remind_ticket", '{"ticket_id": "tic-1"}', idempotency_key="k").accepted is True
    assert judged(later, contracts, "remind_ticket", '{"ticket_id": 1}', idempotency_key="k").accepted is False


def test_a_webhook_is_accepted_as_it_came_and_refused_once_it_is_edited(stage: Stage, contracts: Contracts) -> None:
    signed: dict[str, Any] = {"sender": "github", "signature": "github sha256=00"}
    assert judged(stage, contracts, "receive_webhook", '{"n": 1}', **signed).accepted is True
    edited = judged(stage, contracts, "receive_webhook", '{"n": 1}', edited=True, **signed)
    assert (edited.accepted, "signature of github is over the body as it was" in str(edited)) == (False, True)
    assert judged(stage, contracts, "receive_webhook", "[]", **signed).accepted is False
    assert judged(stage, contracts, "receive_webhook", "{}").accepted is False


def test_no_contract_is_known_of_a_queue_or_function_that_is_not_the_maps(
    aws: Endpoint, stage: Stage, contracts: Contracts
) -> None:
    aws.sqs.create("somebodys")
    assert judged(stage, contracts, "somebodys", TICKET).accepted is None
    assert judged(stage, contracts, "open_ticket-dlq", TICKET).accepted is None
    to = FunctionDestination(stage, "arn:aws:lambda:eu-west-1:000000000000:function:f")
    assert str(contracts.judge(Message("m", "", "{}"), Delivery(to, "{}", {}), edited=True)) == "no contract known"


def test_a_queue_of_that_name_somewhere_else_has_no_contract_of_ours(stage: Stage, contracts: Contracts) -> None:
    elsewhere = find(stage, "open_ticket").url.replace("000000000000", "111111111111")
    assert elsewhere != find(stage, "open_ticket").url
    to = QueueDestination(Sqs(None), elsewhere)  # type: ignore[arg-type]
    assert contracts.judge(Message("m", "", TICKET), Delivery(to, TICKET, {}), edited=False).accepted is None


def test_a_reason_repeats_no_secret_and_reasons_without_end_are_counted_together(
    stage: Stage, contracts: Contracts
) -> None:
    verdict = judged(stage, contracts, "assign_ticket", event(opened(), type_='{"password": "s3cr3t"}'))
    assert (verdict.accepted, "s3cr3t" in str(verdict)) == (False, False)
    verdicts = Verdicts()
    for number in range(1_000):
        verdicts.count(Verdict("m", False, "q", f"reason {number}"))
    assert (len(verdicts.refused), verdicts.refused[OTHERS]) == (MOST + 1, 1_000 - MOST)
    for accepted in (None, None, True, True, True):
        verdicts.count(Verdict("m", accepted, "q"))
    assert (verdicts.unknown, verdicts.accepted) == (2, {"q": 3})
