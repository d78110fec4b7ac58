"""A status or a tracked route that makes no sense is refused with one sentence; who has none has nothing of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import pytest
from msgspec import Meta, Struct, defstruct

from functions.contracts import tracked
from functions.contracts.contract import Command, Secret
from stacks import names, status
from stacks.entry import Integration, Route, Status, Table, Topology, TopologyError
from stacks.ingress import open_paths
from tests.sample.contracts import OpenTicket, TicketStatus
from tests.sample.statuses import STATUSES, TICKET
from tests.sample.topology import SAMPLE
from tests.stacks.templates import Templates, listed, settings_of, synthesize

STAGE = names.LOCAL


class Loose(Command, frozen=True, kw_only=True):
    ticket_id: str


class Round(Struct, frozen=True, kw_only=True):
    inner: Round | None = None


class Deep(Struct, frozen=True, kw_only=True):
    email: str


def answering(**fields: Any) -> type[Struct]:
    return defstruct("Answer", [*fields.items()], kw_only=True)


def tickets(**changes: Any) -> Topology:
    """The sample with its first integration changed."""
    return replace(SAMPLE, integrations=(replace(SAMPLE.integrations[0], **changes), *SAMPLE.integrations[1:]))


def with_status(**changes: Any) -> Topology:
    return tickets(statuses=(replace(TICKET, **changes),))


def routed(change: Callable[[Route], Route], **changes: Any) -> Topology:
    return tickets(routes=tuple(map(change, SAMPLE.integrations[0].routes)), **changes)


def followed(**changes: Any) -> Topology:
    """The sample with both of its tenants' routes tracked, the one for changes changed."""
    return routed(lambda route: replace(route, tracked=True, **(changes if route.group else {})))


def batched(**changes: Any) -> Topology:
    consumers = SAMPLE.integrations[0].consumers
    changed = tuple(replace(each, **changes) if each.function == "open_ticket" else each for each in consumers)
    return tickets(
        routes=tuple(replace(each, tracked=not each.group) for each in SAMPLE.integrations[0].routes), consumers=changed
    )


def other(**changes: Any) -> Route:
    return replace(SAMPLE.integrations[0].routes[0], path="/v1/others", **changes)


class Listed(Struct, frozen=True, array_like=True):
    email: str


class Tagged(Struct, frozen=True, tag="kind"):
    email: str


SECRET = Annotated[str, Secret]
REFUSED: list[tuple[Callable[[], Topology], str]] = [
    (lambda: with_status(answers=Listed), "Listed is written as an array or with a tag; make it plain, without"),
    (lambda: with_status(answers=answering(who=Tagged)), "Tagged is written as an array or with a tag; make it"),
    (lambda: tickets(statuses=(TICKET, TICKET)), "Status GET /v1/tickets/{ticket_id} is listed twice; remove one"),
    (lambda: tickets(statuses=TICKET), "Integration 'tickets': statuses is one Status, and a tuple belongs there"),
    (lambda: with_status(of=TicketStatus), "of is <class 'tests.sample.contracts.TicketStatus'>, which is no command"),
    (lambda: with_status(answers=dict), "answers <class 'dict'>, which is no contract; name a Struct"),
    (lambda: with_status(of=Loose), "no route of 'tickets' accepts Loose; name the command of one that does."),
    (
        lambda: tickets(statuses=(TICKET,), routes=(*SAMPLE.integrations[0].routes, other(tenant=None, trusts=()))),
        "the routes of OpenTicket differ in who may call them or whose tenant counts",
    ),
    (lambda: with_status(table="gone"), "reads table 'gone', which integration 'tickets' does not list; add it."),
    (lambda: with_status(table="agents"), "reads table 'agents', which integration 'tickets' does not list; add it."),
    (
        lambda: with_status(path="/v1/tickets"),
        "Status GET /v1/tickets: its path names 0 parameters; write {ticket_id} in it, and no other.",
    ),
    (lambda: with_status(path="/v1/tickets/{ticket_id}/of/{language}"), "its path names 2 parameters; write"),
    (
        lambda: with_status(path="/v1/wanted/{language}"),
        "table 'tickets' keeps no key 'language'; write {ticket_id}, which is its key.",
    ),
    (lambda: with_status(rate=1.0), "rate and burst limit together; set both or neither."),
    (
        lambda: tickets(
            statuses=(replace(TICKET, of=Loose),),
            routes=(other(accepts=Loose), *SAMPLE.integrations[0].routes[1:]),
        ),
        "Loose: the values of ticket_id are not said by one plain pattern; write it like",
    ),
    (
        lambda: tickets(
            statuses=(replace(TICKET, path="/v1/closings/{id}", table="closings"),),
            tables=(*SAMPLE.integrations[0].tables[:2], Table(name="closings", key="id")),
        ),
        "OpenTicket has no field 'id', so nobody knows what to ask for; add it, or name another.",
    ),
    (lambda: with_status(answers=answering()), "Answer has no field, so it would say nothing; name what to show."),
    (lambda: with_status(answers=answering(token=SECRET)), "Answer marks 'token' as secret, and whoever asks would"),
    (lambda: with_status(answers=answering(email=str)), "'email' of Answer is secret in OpenTicket; leave it out."),
    (lambda: with_status(answers=answering(all=list[Deep])), "'email' of Answer is secret in OpenTicket; leave it"),
    (lambda: with_status(answers=answering(at=datetime)), "'at' is of kind datetime, which an item does not hold; use"),
    (lambda: with_status(answers=answering(any=Any)), "'any' is of kind any, which an item does not hold; use text"),
    (lambda: with_status(answers=answering(tags=set[str])), "'tags' is of kind set, which an item does not hold; use"),
    (lambda: with_status(answers=Round), "'inner' contains itself, which a template cannot follow; leave it out."),
    (
        lambda: with_status(answers=answering(each=Annotated[int | None, Meta(ge=1)])),
        "Answer: it is no contract that can be written: Can only set `ge` on a numeric type",
    ),
    (
        lambda: with_status(answers=defstruct("Answer", [("a", int)], rename={"a": "a-b"})),
        "'a-b' is no plain name; write it in letters, digits and '_'.",
    ),
    (lambda: with_status(path="/v1/tickets//{ticket_id}"), "Status GET /v1/tickets//{ticket_id}: a path is words of"),
    (
        lambda: tickets(
            statuses=(replace(TICKET, path="/v1/webhooks/{ticket_id}"),),
        ),
        "Status GET /v1/webhooks/{ticket_id}: {ticket_id} stands where POST /v1/webhooks/{source} has {source}",
    ),
    (
        lambda: replace(
            SAMPLE,
            integrations=tuple(
                replace(each, routes=tuple(replace(route, tracked=True) for route in each.routes))
                for each in SAMPLE.integrations
            ),
        ),
        "Route POST /v1/webhooks/{source} is tracked, and nobody who sends webhooks could ask; drop tracked.",
    ),
    (
        lambda: followed(tenant="caller", trusts=()),
        "Route POST /v1/tickets/{ticket_id}/changes is tracked as POST /v1/tickets is, and they differ in who may call",
    ),
    (lambda: followed(authorization="iam"), "and they differ in who may call them or whose tenant counts"),
    (
        lambda: batched(batch=11, window=1),
        "Route POST /v1/tickets is tracked, and consumer 'open_ticket' takes 11 messages a batch, each a write of its",
    ),
    (
        lambda: replace(
            followed(),
            integrations=(*followed().integrations, Integration("a", tables=(Table(name="requests", key="i"),))),
        ),
        "Table 'requests' is where tracked requests are kept; rename yours.",
    ),
]


@pytest.mark.parametrize(("made", "sentence"), REFUSED, ids=[sentence[:60] for _, sentence in REFUSED])
def test_what_makes_no_sense_is_one_sentence(made: Callable[[], Topology], sentence: str) -> None:
    with pytest.raises(TopologyError) as refused:
        made()
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)
    assert str(refused.value).endswith(".")


@pytest.mark.parametrize(
    "answers",
    [
        TicketStatus,
        answering(a=str, b=int, c=float, d=bool, e=str | None, f=list[dict[str, int]], g=tuple[int, ...]),
        answering(language=str),
    ],
)
def test_what_makes_sense_is_taken(answers: type[Struct]) -> None:
    assert with_status(answers=answers).integrations[0].statuses[0].answers is answers


def test_who_may_read_is_who_may_call() -> None:
    thing, requests = status.reads(STATUSES)
    for each in (thing, requests):
        assert (each.route.tenant, each.route.trusts, each.route.method) == ("X-Tenant-Id", ("iam",), "GET")
    assert (thing.table, thing.key, thing.pattern) == ("tickets", "ticket_id", "[A-Za-z0-9_-]{1,64}")
    assert (requests.table, requests.route.path) == ("requests", "/v1/requests/{correlation_id}")


def test_what_is_retired_answers_404_and_its_consumer_still_says_what_becomes_of_what_it_took() -> None:
    gone = replace(
        STATUSES,
        integrations=tuple(replace(each, retired=each.name == "tickets") for each in STATUSES.integrations),
    )
    assert status.reads(gone) == ()
    assert [route.name for route in status.closed(gone)] == [TICKET.name, "GET /v1/requests/{correlation_id}"]
    assert "POST /v1/tickets" in tracked.read(status.variable(gone.integrations[0], "open_ticket") or "")


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    return synthesize(tmp_path_factory.mktemp("statuses"), STAGE, topology=STATUSES)


def _roles(templates: Templates, method: str) -> list[dict[str, Any]]:
    resources = templates.stacks["ingress"]["Resources"]
    return [
        resources[each["Properties"]["Integration"]["Credentials"]["Fn::GetAtt"][0]]["Properties"]
        for each in templates.resources("AWS::ApiGateway::Method", "ingress")
        if each["Properties"]["HttpMethod"] == method
    ]


def test_a_status_may_get_items_of_its_table_and_do_nothing_else(templates: Templates) -> None:
    found = set()
    for role in _roles(templates, "GET"):
        (policy,) = role["Policies"]
        (statement,) = policy["PolicyDocument"]["Statement"]
        assert listed(statement["Action"]) == ["dynamodb:GetItem"]
        (resource,) = listed(statement["Resource"])
        found.add(json.dumps(resource).rpartition("table/")[2].rstrip('"]}'))
        (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Principal"] == {"Service": "apigateway.amazonaws.com"}
    assert found == {names.resource(STAGE, "tickets"), names.resource(STAGE, "requests")}


def test_with_a_key_of_ones_own_the_status_may_open_what_the_table_sealed(tmp_path: Path) -> None:
    key = "arn:aws:kms:eu-central-1:111122223333:key/00000000-0000-0000-0000-000000000000"
    sealed = synthesize(tmp_path, "dev", topology=STATUSES, customer_key=key)
    for role in _roles(sealed, "GET"):
        statements = role["Policies"][0]["PolicyDocument"]["Statement"]
        assert {action for each in statements for action in listed(each["Action"])} == {
            "dynamodb:GetItem",
            "kms:Decrypt",
        }


def test_only_the_consumers_of_tracked_routes_know_of_it(templates: Templates) -> None:
    told = {
        each["FunctionName"].removeprefix(names.resource(STAGE, "")): each["Environment"]["Variables"]
        for each in templates.properties("AWS::Lambda::Function")
        if "Environment" in each
    }
    tracking = {name for name, variables in told.items() if {"TRACKED", "TABLE_REQUESTS"} & set(variables)}
    assert tracking == {"open_ticket", "change_ticket"}
    assert tracked.read(told["open_ticket"]["TRACKED"]) == {"POST /v1/tickets": "/v1/tickets/{ticket_id}"}
    assert tracked.read(told["change_ticket"]["TRACKED"]) == {"POST /v1/tickets/{ticket_id}/changes": None}


def test_a_map_without_statuses_has_nothing_of_them(tmp_path: Path) -> None:
    plain = json.dumps(synthesize(tmp_path, STAGE, topology=SAMPLE).stacks)
    assert "dynamodb:action" not in plain
    assert "TRACKED" not in plain
    assert names.resource(STAGE, tracked.TABLE) not in plain


def test_a_status_has_limits_of_its_own_where_it_says_so(tmp_path: Path) -> None:
    limited = synthesize(tmp_path, STAGE, topology=with_status(rate=7.0, burst=9))
    (stage,) = limited.properties("AWS::ApiGateway::Stage", "ingress")
    found = {each["ResourcePath"]: each for each in stage["MethodSettings"]}["/~1v1~1tickets~1{ticket_id}"]
    assert (found["HttpMethod"], found["ThrottlingRateLimit"], found["ThrottlingBurstLimit"]) == ("GET", 7.0, 9)


def test_a_private_api_lets_those_read_by_a_key_who_may_call_by_one() -> None:
    keyed = replace(
        STATUSES,
        integrations=tuple(
            replace(
                each,
                routes=tuple(
                    route if route.senders else replace(route, authorization="api_key") for route in each.routes
                ),
            )
            for each in STATUSES.integrations
        ),
    )
    inside = settings_of("inside")
    paths = {each.rpartition(f"/{inside.stage}/")[2] for each in open_paths(inside, keyed)}
    assert {"GET/v1/tickets/*", "GET/v1/requests/*"} <= paths
    assert not any(each.startswith("GET") for each in open_paths(inside, STATUSES))


def test_the_status_is_of_the_command_that_is_posted() -> None:
    assert isinstance(TICKET, Status)
    assert TICKET.of is OpenTicket
