"""A limit that makes no sense is refused with one sentence that names it; one that does costs nobody else anything."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from functions.contracts.limit import TABLE, Rule, read, waits
from stacks import names
from stacks.entry import Limit, Table, Topology, TopologyError
from tests.sample.topology import SAMPLE
from tests.simulation import deployed
from tests.simulation.sample import changed_consumer
from tests.simulation.test_deployed import _same_environment, _same_permissions
from tests.stacks.templates import Templates, synthesize

CRM = Limit("crm", rate=2, burst=3, per="tenant")
STAGE = names.LOCAL


def limited(function: str = "open_ticket", *limits: Limit, **changes: Any) -> Topology:
    return changed_consumer(function, limits=limits or (CRM,), **changes)


def with_table(name: str) -> Topology:
    tickets = limited().integrations[0]
    tables = (*tickets.tables, Table(name=name, key="id"))
    return replace(SAMPLE, integrations=(replace(tickets, tables=tables), *SAMPLE.integrations[1:]))


@pytest.mark.parametrize(
    ("function", "limit"),
    [
        ("open_ticket", CRM),
        ("open_ticket", Limit("crm", rate=1 / 60)),
        ("open_ticket", Limit("crm", rate=0.5, at_once=1, per="language")),
        ("open_ticket", Limit("host", rate=500, burst=100, in_code=True)),
        ("open_ticket", Limit("crm", at_once=100)),
        ("change_ticket", Limit("crm", rate=1, per="group")),
        ("change_ticket", Limit("crm", at_once=5)),
        ("assign_ticket", Limit("crm", rate=1, per="tenant")),
        ("mail_ticket", Limit("crm", rate=1, per="ticket_id")),
    ],
)
def test_a_limit_that_makes_sense_is_taken(function: str, limit: Limit) -> None:
    assert limited(function, limit).consumer(function).limits == (limit,)


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (lambda: limited("open_ticket", Limit("Crm", rate=1)), "Limit 'Crm': a name is at most 40 characters"),
        (lambda: limited("open_ticket", Limit("crm")), "Limit 'crm' limits nothing; set rate, at_once, or both."),
        (lambda: limited("open_ticket", Limit("crm", rate=0)), "Limit 'crm': rate is 0; choose more than 0"),
        (lambda: limited("open_ticket", Limit("crm", rate=-1)), "Limit 'crm': rate is -1; choose more than 0"),
        (lambda: limited("open_ticket", Limit("crm", rate=501)), "rate is 501; choose more than 0 and at most 500"),
        (lambda: limited("open_ticket", Limit("crm", rate=float("nan"))), "rate is nan; choose more than 0"),
        (lambda: limited("open_ticket", Limit("crm", rate=1, burst=0)), "Limit 'crm': burst is 0; choose a whole"),
        (lambda: limited("open_ticket", Limit("crm", rate=1, burst=1.5)), "burst is 1.5; choose a whole"),  # type: ignore[arg-type]
        (lambda: limited("open_ticket", Limit("crm", at_once=2, burst=2)), "Limit 'crm' has a burst without a rate"),
        (lambda: limited("open_ticket", Limit("crm", at_once=0)), "Limit 'crm': at_once is 0; choose 1 to 100"),
        (lambda: limited("open_ticket", Limit("crm", at_once=101)), "at_once is 101; choose 1 to 100"),
        (lambda: limited("open_ticket", Limit("crm", rate=1 / 400_000)), "the next message waits 400,000 s, and queue"),
        (lambda: limited("open_ticket", CRM, CRM), "Consumer 'open_ticket' has two limits 'crm'; rename one."),
        (lambda: limited("open_ticket", Limit("crm", rate=1, per="colour")), "and OpenTicket has no such field"),
        (lambda: limited("close_ticket", Limit("crm", rate=1, per="step")), "and TicketAssigned has no such field"),
        (lambda: limited("open_ticket", Limit("crm", rate=1, per="group")), "'open_ticket' is standard; make it fifo"),
        (
            lambda: limited("change_ticket", Limit("crm", at_once=2, per="group")),
            "a FIFO group is one at a time anyway",
        ),
        (lambda: limited("receive_webhook", CRM), "is per tenant, and Route POST /v1/webhooks/{source} has none"),
        (lambda: limited("open_ticket", replace(CRM, in_code=True)), "the handler says the key when it asks"),
        (lambda: limited(batch=100, window=1), "takes 100 messages a batch; set batch to 10 or less"),
        (lambda: with_table(TABLE), "Table 'limits' is where limits are counted; rename yours."),
    ],
)
def test_a_limit_that_makes_none_is_refused_with_one_sentence(made: Any, sentence: str) -> None:
    with pytest.raises(TopologyError) as refused:
        made()
    said = str(refused.value)
    assert sentence in said
    assert "\n" not in said
    assert said.endswith(".")


def test_a_function_is_told_its_limits_and_may_do_what_they_take_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deployed, "STAGE", STAGE)
    for function in ("open_ticket", "change_ticket"):
        topology = limited(function, Limit("crm", rate=2, burst=3))
        templates, consumer = synthesize(tmp_path / function, STAGE, topology), topology.consumer(function)
        _same_environment(templates, topology, consumer)
        _same_permissions(templates, topology, consumer)
        found = templates.named("AWS::Lambda::Function", "FunctionName", names.resource(STAGE, function))
        told = found["Environment"]["Variables"]["LIMITS"]
        assert read(told) == [Rule(name="crm", rate=2, burst=3)]


def test_receives_that_are_waited_with_are_there_beside_those_of_attempts(tmp_path: Path) -> None:
    ordered = SAMPLE.queue("change_ticket")
    halting = replace(ordered, on_poison="halt", receives=1000)
    topology = limited()
    tickets = limited("change_ticket").integrations[0]
    consumers = tuple(replace(each, limits=(Limit("crm", rate=2),)) for each in tickets.consumers[:2])
    queues = tuple(halting if each == ordered else each for each in tickets.queues)
    changed = replace(tickets, consumers=(*consumers, *tickets.consumers[2:]), queues=queues)
    templates = synthesize(tmp_path, STAGE, replace(topology, integrations=(changed, *topology.integrations[1:])))
    policies = {
        queue["QueueName"]: queue.get("RedrivePolicy", {}).get("maxReceiveCount")
        for queue in templates.properties("AWS::SQS::Queue")
    }
    receives = SAMPLE.queue("open_ticket").receives
    assert policies[names.queue(STAGE, "open_ticket")] == receives + waits(fifo=False)
    assert policies[names.queue(STAGE, "change_ticket", fifo=True)] == 1000, "SQS counts no further"
    function = templates.named("AWS::Lambda::Function", "FunctionName", names.resource(STAGE, "change_ticket"))
    assert function["Environment"]["Variables"]["RECEIVES"] == str(1000 - waits(fifo=True)), "attempts are what is left"
    assert policies[names.queue(STAGE, "mail_ticket")] == SAMPLE.queue("mail_ticket").receives


def test_the_table_of_limits_is_there_if_there_is_a_limit_and_expires(tmp_path: Path, local: Templates) -> None:
    name = names.resource(STAGE, TABLE)
    table = synthesize(tmp_path, STAGE, limited()).named("AWS::DynamoDB::Table", "TableName", name)
    assert table["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert table["KeySchema"] == [{"AttributeName": "id", "KeyType": "HASH"}]
    assert all(name != each["TableName"] for each in local.properties("AWS::DynamoDB::Table"))


def test_who_has_no_limit_has_the_template_of_before(tmp_path: Path, local: Templates) -> None:
    limit = synthesize(tmp_path, STAGE, limited())
    for function in ("assign_ticket", "change_ticket"):
        before, now = (
            each.named("AWS::Lambda::Function", "FunctionName", names.resource(STAGE, function))
            for each in (local, limit)
        )
        assert json.dumps(before["Environment"], sort_keys=True) == json.dumps(now["Environment"], sort_keys=True)
    assert "LIMITS" not in json.dumps(local.properties("AWS::Lambda::Function"))
