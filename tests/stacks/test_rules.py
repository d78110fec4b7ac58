"""A topology entry that makes no sense is refused with one sentence that names it."""

from __future__ import annotations

import ast
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, ClassVar
from unittest.mock import patch

import pytest
from msgspec import Meta

from functions.contracts.contract import END, Command, Event
from functions.contracts.path import FromPath
from functions.contracts.webhooks import ReceiveWebhook
from stacks import names, rules
from stacks.entry import (
    Access,
    Consumer,
    Grant,
    Integration,
    Limit,
    Queue,
    Route,
    Schedule,
    Subscription,
    Table,
    Topology,
    TopologyError,
)
from tests.sample.contracts import ChangeTicket, OpenTicket, RateTickets, TicketId, TicketOpened
from tests.sample.followed import FOLLOWED
from tests.sample.topology import SAMPLE

LONG = "follow_what_every_other_party_did_with_i"
BUS = "arn:aws:events:eu-central-1:111122223333:event-bus/billing-{stage}-events"


class Unpublished(Event, frozen=True, kw_only=True):
    source: ClassVar[str] = "nobody"


class Twice:
    """Holds a second class of a name that an event has already."""

    class TicketOpened(Event, frozen=True, kw_only=True):
        source: ClassVar[str] = "tickets"


class Theirs(Event, frozen=True, kw_only=True):
    source: ClassVar[str] = "billing.invoices"


class EventWithANameThatFitsIntoNoRuleAtAll(Event, frozen=True, kw_only=True):
    source: ClassVar[str] = "tickets"


def of_path(hint: Any) -> type[Command]:
    """A command whose `id` is in the path and what the hint says."""
    marked = Annotated[hint, FromPath]
    return type("OfPath", (Command,), {"__annotations__": {"id": marked}}, frozen=True, kw_only=True)


def ordered(hint: Any, **changes: Any) -> dict[str, Any]:
    good = Route(path="/v1/things/{id}", accepts=of_path(hint), queue="work", group="id")
    return work(fifo=True) | {"routes": (replace(good, **changes),)}


class TwoOfPath(Command, frozen=True, kw_only=True):
    id: Annotated[TicketId, FromPath]
    other: Annotated[TicketId, FromPath]


@pytest.fixture(autouse=True)
def _folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("work", "follow", LONG):
        (tmp_path / "functions" / name).mkdir(parents=True)
        (tmp_path / "functions" / name / "handler.py").touch()
    monkeypatch.setattr(names, "ROOT", tmp_path)


ROUTE = Route(path="/v1/things", accepts=OpenTicket, queue="work")
GROUPED = Route(path="/v1/things/{ticket_id}", accepts=ChangeTicket, queue="work", group="ticket_id")
WORK, FOLLOW = Queue(name="work"), Queue(name="follow")
WORKER, FOLLOWER = Consumer(function="work", publishes=(TicketOpened,)), Consumer(function="follow")
SUBSCRIPTION = Subscription(event=TicketOpened, queue="follow")
HOURLY = Schedule(name="each", queue="follow", sends=RateTickets(language="EN"), every="rate(1 hour)")
OTHER = Integration(
    "others",
    routes=(Route(path="/v1/others", accepts=OpenTicket, queue="open_ticket"),),
    queues=(Queue(name="open_ticket"),),
    consumers=(Consumer(function="open_ticket", secrets=("token",)),),
)


def topology(
    name: str = "things", others: tuple[Integration, ...] = (), stages: tuple[str, ...] = names.STAGES, **changes: Any
) -> Topology:
    good: dict[str, Any] = {
        "routes": (ROUTE,),
        "queues": (WORK, FOLLOW),
        "consumers": (WORKER, FOLLOWER),
        "subscriptions": (SUBSCRIPTION,),
        "tables": (),
    }
    with patch.object(names, "STAGES", stages):
        return Topology(integrations=(Integration(name, **good | changes), *others))


def worker(**changes: Any) -> dict[str, Any]:
    return {"consumers": (replace(WORKER, **changes), FOLLOWER)}


def granted(resource: str) -> dict[str, Any]:
    return worker(grants=(Grant(actions=("s3:GetObject",), resources=(resource,)),))


def on_keys(*actions: str) -> dict[str, Any]:
    return worker(access=(Access(table="keys", actions=actions),))


def work(**changes: Any) -> dict[str, Any]:
    return {"queues": (replace(WORK, **changes), FOLLOW)}


def route(**changes: Any) -> dict[str, Any]:
    return {"routes": (replace(ROUTE, **changes),)}


def follow(**changes: Any) -> dict[str, Any]:
    return {"subscriptions": (replace(SUBSCRIPTION, **changes),)}


def halting(**changes: Any) -> dict[str, Any]:
    return work(fifo=True, on_poison="halt", **changes) | {"routes": (GROUPED,)}


def webhook(secrets: tuple[str, ...] = ("github_webhook",), **changes: Any) -> dict[str, Any]:
    """A route that takes webhooks, with some of its entries changed."""
    good = Route(path="/v1/hooks/{source}", accepts=ReceiveWebhook, queue="work", senders={"github": "github"})
    return {"routes": (replace(good, **changes),)} | worker(secrets=secrets)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        webhook(),
        halting(receives=1000),
        work(fifo=True, on_poison="park") | {"routes": (GROUPED,)},
        route(tenant="caller"),
        route(tenant="X-Tenant-Id", trusts=("iam", "jwt", "api_key")),
        follow(event=Theirs, bus=BUS),
        follow(event=Theirs),
        follow(event=Theirs, bus="default"),
        follow(event=Theirs, bus="aws.partner/billing.example/{stage}/1"),
        follow(event=Theirs, bus="{stage}-billing"),
        worker(access=(Access(table="keys", actions=("PutItem",)),)),
        granted("arn:{partition}:s3:::uploads-{stage}/in/*"),
        ordered(Annotated[str, Meta(pattern=rf"^ord-[!(-:<-~]{{1,99}}{END}")]),
        {"name": "things-of-2"},
        {"others": (Integration("empty"), Integration("kept", tables=(Table(name="t", key="id"),)))},
    ],
)
def test_a_topology_that_makes_sense_is_taken(changes: dict[str, Any]) -> None:
    assert topology(**changes).queue("work").name == "work"


def test_a_topology_may_be_empty() -> None:
    empty = Topology()
    assert (empty.queues, empty.routes, empty.events, list(empty.fed_by_events())) == ((), (), (), [])


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    (
        "one grant without a comma",
        worker(grants=Grant(actions=("s3:GetObject",), resources=("arn:aws:s3:::b/*",))),
        "Consumer 'work': grants is one Grant, and a tuple belongs there; write grants=(…,), with a comma",
    ),
    ("a workflow of nothing", {"workflows": (replace(FOLLOWED.workflows[0], steps=()),)}, "Workflow 'plan_visit'"),
    ("a bad integration name", {"name": "Things_1"}, "Integration 'Things_1': a name is at most 40"),
    ("a long integration name", {"name": "t" * 41}, "a name is at most 40 characters of lower-case words"),
    ("a stack of everybody", {"name": "ingress"}, "Integration 'ingress': a stack of that name is everybody's"),
    ("an integration twice", {"others": (Integration("things"),)}, "Integration 'things' is listed twice"),
    ("a table of what plans", {"tables": (Table(name="planned", key="id"),)}, "Table 'planned': that is of what plans"),
    ("a bad queue name", work(name="Work-Queue"), "Queue 'Work-Queue': a name is at most 40"),
    ("the queue of what pauses", work(name="pause_consumer"), "Queue 'pause_consumer': that is what pauses the others"),
    ("the queue of the chat", work(name="chat"), "Queue 'chat': that is what posts alarms; rename it."),
    ("the queue of all schedules", work(name="schedules"), "Queue 'schedules': that is the group of all schedules"),
    ("a schedule and an event", {"schedules": (HOURLY,)}, "Queue 'follow' gets RateTickets by Schedule 'each' and ev"),
    ("a long table name", {"tables": (Table(name="t" * 41, key="id"),)}, "a name is at most 40 characters"),
    ("a shared table", {"tables": (Table(name="keys", key="id"),)}, "Table 'keys' is there for all integrations"),
    ("a queue twice", {"queues": (WORK, WORK, FOLLOW)}, "Queue 'work' is listed twice"),
    ("a consumer twice", {"consumers": (WORKER, WORKER, FOLLOWER)}, "Consumer 'work' is listed twice"),
    ("a table twice", {"tables": (Table(name="t", key="id"),) * 2}, "Table 't' is listed twice"),
    (
        "a queue of two integrations",
        {"others": (Integration("more", queues=(WORK,)),)},
        "Queue 'work' is listed twice; remove one or rename it",
    ),
    ("an event twice", worker(publishes=(TicketOpened, Twice.TicketOpened)), "Event TicketOpened is published as two"),
    ("no consumer", {"consumers": (WORKER,)}, "Queue 'follow' has no consumer"),
    ("fed by nothing", {"subscriptions": ()}, "Queue 'follow' is fed by nothing"),
    ("fed twice", {"routes": (ROUTE, replace(ROUTE, path="/v1/x", queue="follow"))}, "by Route POST /v1/x and events"),
    ("a limit of nothing", worker(limits=(Limit("crm"),)), "Consumer 'work', Limit 'crm' limits nothing; set rate"),
    ("two receives", work(receives=2), "Queue 'work': receives is 2"),
    ("14 days", work(retention=14 * rules.DAY), "Queue 'work': retention is 1209600 s"),
    (
        "a folder that is not there",
        {"consumers": (WORKER, FOLLOWER, Consumer(function="nowhere"))},
        "Consumer 'nowhere': there is no functions/nowhere/handler.py",
    ),
    ("no queue", {"queues": (WORK,), "subscriptions": ()}, "Consumer 'follow' has no queue"),
    ("an empty batch", worker(batch=0), "Consumer 'work': batch is 0"),
    ("a FIFO batch of 11", work(fifo=True) | worker(batch=11) | {"routes": (GROUPED,)}, "choose 1 to 10"),
    ("a FIFO window", work(fifo=True) | worker(window=1) | {"routes": (GROUPED,)}, "takes no batch window"),
    ("a long window", worker(window=301), "Consumer 'work': window is 301 s"),
    ("a large batch at once", worker(batch=11), "a batch of 11 needs a batch window"),
    ("a batch without an end", worker(batch=10_000, window=1), "choose at most 6,000, or a longer timeout"),
    ("a long timeout", worker(timeout=901), "Consumer 'work': timeout is 901 s"),
    ("a concurrency of one", worker(concurrency=1), "Consumer 'work': concurrency is 1"),
    ("an unknown table", worker(access=(Access(table="lost", actions=("PutItem",)),)), "uses table 'lost'"),
    (
        "another integration's table",
        worker(access=(Access(table="theirs", actions=("PutItem",)),))
        | {"others": (Integration("more", tables=(Table(name="theirs", key="id"),)),)},
        "uses table 'theirs', which integration 'more' owns; subscribe to its events",
    ),
    ("a misspelt action", on_keys("PuttItem"), "table 'keys': 'PuttItem' is no action of IAM's on a table's items"),
    ("an access to do nothing", on_keys(), "Consumer 'work' may do nothing with table 'keys'"),
    ("a grant on everything", granted("*"), "Consumer 'work', grant of s3:GetObject on '*': that is all there are"),
    ("a route twice", {"routes": (ROUTE, ROUTE)}, "Route POST /v1/things is listed twice"),
    (
        "two names for one place of a path",
        {"routes": (replace(ROUTE, path="/v1/{id}"), replace(ROUTE, path="/v1/{thing}/parts"))},
        "Route POST /v1/{thing}/parts: {thing} stands where POST /v1/{id} has {id}",
    ),
    (
        "another name for a place of a path that is retired",
        {"routes": (replace(ROUTE, path="/v1/{id}", retired=True), replace(ROUTE, path="/v1/{thing}/parts"))},
        "Route POST /v1/{id}: {id} stands where POST /v1/{thing}/parts has {thing}",
    ),
    (
        "a route beside the same that is retired",
        {"routes": (ROUTE, replace(ROUTE, queue="follow", retired=True))},
        "Route POST /v1/things is listed twice",
    ),
    ("a route to nowhere", {"routes": (ROUTE, replace(ROUTE, path="/x", queue="lost"))}, "feeds queue 'lost'"),
    ("FIFO without group", work(fifo=True), "without a group"),
    ("a group on a standard queue", {"routes": (GROUPED,)}, "queue 'work' is standard"),
    ("a path that the contract does not know", route(path="/v1/things/{id}"), "OpenTicket has no field for {id}; give"),
    (
        "a second value in the path",
        work(fifo=True) | {"routes": (replace(GROUPED, path="/v1/{shop}/{ticket_id}"),)},
        "ChangeTicket has no field for {shop}",
    ),
    ("webhooks with more in their path", webhook(path="/v1/{team}/{source}"), "ReceiveWebhook has no field for {team}"),
    (
        "a value of the path on a standard queue",
        {"routes": (replace(GROUPED, group=None, path="/v1/things"),)},
        "ChangeTicket takes 'ticket_id' from the path, and only a FIFO queue's group carries it",
    ),
    ("two fields of the path", ordered(TicketId, accepts=TwoOfPath), "TwoOfPath takes id and other from the path"),
    *(
        (f"a path of {words}", ordered(hint), "OfPath: the values of id are not said by one plain pattern")
        for words, hint in {
            "anything": str,
            "numbers": int,
            "open patterns": Annotated[str, Meta(pattern="[a-z]{1,9}")],
            "words": Annotated[str, Meta(pattern=rf"^\w+{END}")],
            "negations": Annotated[str, Meta(pattern=rf"^[^a]+{END}")],
            "quotes": Annotated[str, Meta(pattern=rf"^['a]+{END}")],
            "what may be an intersection": Annotated[str, Meta(pattern=rf"^[A&B]+{END}")],
            "lengths": Annotated[str, Meta(pattern=rf"^[a-z]+{END}", max_length=9)],
        }.items()
    ),
    *(
        (
            f"a path that may hold {pattern}",
            ordered(Annotated[str, Meta(pattern=f"^{pattern}{END}")]),
            "may hold % or ;",
        )
        for pattern in ("[a-z%]{1,9}", "[!-~]+", "[a-z][5-=]")
    ),
    (
        "a group that the path lacks",
        work(fifo=True) | route(group="thing"),
        "group 'thing' is not a parameter of the path",
    ),
    ("a subscription twice", {"subscriptions": (SUBSCRIPTION,) * 2}, "follow on TicketOpened is listed twice"),
    (
        "a subscription to nowhere",
        {"subscriptions": (SUBSCRIPTION, Subscription(event=TicketOpened, queue="lost"))},
        "Subscription lost on TicketOpened feeds queue 'lost'",
    ),
    ("a FIFO subscriber", {"queues": (WORK, Queue(name="follow", fifo=True))}, "EventBridge keeps no order"),
    (
        "a rule's name that AWS does not take",
        {
            "consumers": (
                replace(WORKER, publishes=(EventWithANameThatFitsIntoNoRuleAtAll,)),
                replace(FOLLOWER, function=LONG),
            ),
            "queues": (WORK, Queue(name=LONG)),
            "subscriptions": (Subscription(event=EventWithANameThatFitsIntoNoRuleAtAll, queue=LONG),),
        },
        "its rule's name would pass the 64 characters that EventBridge takes by ",
    ),
    ("a base above the cap", work(backoff_base=901), "backoff goes from 901 s to 900 s"),
    ("a cap of half a day", work(backoff_cap=43_200), "at most 11 hours"),
    ("a standard queue that halts", work(on_poison="halt", receives=1000), "has no groups to halt"),
    ("a standard queue that parks", work(on_poison="park"), "has no groups to park"),
    ("few receives on a queue that halts", halting(receives=5), "set receives=1000"),
    ("a tenant with a space", route(tenant="X Tenant"), "tenant 'X Tenant' is neither 'caller' nor a header's name"),
    ("a tenant in the key", route(tenant="idempotency-Key", trusts=("iam",)), "means something else already"),
    ("a tenant of a webhook", webhook(tenant="X-Tenant-Id", trusts=("iam",)), "so it has no tenant; drop tenant"),
    ("a tenant by anybody", route(tenant="X-Tenant-Id"), "says of nobody that they may name one; add trusts"),
    ("trust in no header", route(tenant="caller", trusts=("iam",)), "and has no header for it; write tenant="),
    ("trust in nobody", route(tenant="X-Tenant-Id", trusts=("none",)), "by 'none', and nobody is authorized so"),
    ("trust twice", route(tenant="X-Tenant-Id", trusts=("iam", "iam")), "trusts 'iam' twice; remove one"),
    ("a delay on FIFO", work(fifo=True) | {"routes": (replace(GROUPED, delay=True),)}, "takes no delay"),
    ("tracked webhooks", webhook(tracked=True), "is tracked, and nobody who sends webhooks could ask; drop tracked."),
    ("a rate without a burst", route(rate=5.0), "rate and burst limit together"),
    ("senders of things", route(senders={"github": "github"}), "senders and the contract ReceiveWebhook go together"),
    ("webhooks of nobody", route(accepts=ReceiveWebhook), "senders and the contract ReceiveWebhook go together"),
    ("webhooks that cannot be told apart", webhook(path="/v1/hooks"), "write {source} in its path"),
    ("webhooks that sign twice", webhook(authorization="iam"), "authorized by its signatures"),
    ("a sender's bad name", webhook(senders={"Git-Hub": "github"}), "sender 'Git-Hub' is not lower_case_words"),
    ("an unknown scheme", webhook(senders={"github": "rot13"}), "signs by 'rot13'; choose one of"),
    ("a sender without a secret", webhook(secrets=()), "add 'github_webhook' to the secrets of consumer 'work'"),
    ("an event that nobody publishes", follow(event=Unpublished), "no consumer publishes Unpublished"),
    ("our event on their bus", follow(bus=BUS), "the event comes from another project's bus, so its source"),
    ("a bus with a blank", follow(event=Theirs, bus="billing events"), "bus 'billing events' is no bus's ARN or name"),
    ("a bus for each region", follow(event=Theirs, bus="billing-{region}"), "bus 'billing-{region}' is no bus's ARN"),
    *(
        (f"a bus {bus}", follow(event=Theirs, bus=bus), f"bus {bus!r} is no bus's ARN or name; write it like")
        for bus in (".", "/", "event-bus/x", "a//b", "a/", "", BUS.replace("billing", "event-bus/billing"))
    ),
    (
        "a stack of another stage",
        {"name": "eu-things", "stages": ("prod", "prod-eu")},
        "Integration 'eu-things': its stack in stage 'prod' would be called as one of 'prod-eu'",
    ),
    ("a secret with a blank", worker(secrets=("a secret",)), "Secret 'a secret': a name is at most 40 characters"),
    (
        "a secret of two integrations",
        worker(secrets=("token",)) | {"others": (OTHER,)},
        "Secret 'token' is read by integrations 'things' and 'others'",
    ),
    ("a topic for a bus", follow(event=Theirs, bus="arn:aws:sns:eu-central-1:111122223333:news"), "is no bus's ARN"),
]


@pytest.mark.parametrize(("changes", "sentence"), [pytest.param(*case[1:], id=case[0]) for case in REFUSED])
def test_an_entry_that_makes_no_sense_is_one_sentence_that_names_it(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(TopologyError) as refused:
        topology(**changes)
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)
    assert str(refused.value).endswith(".")


def test_every_rule_has_an_entry_that_breaks_it() -> None:
    tree = ast.parse(Path(rules.__file__).read_text())
    refusals = {
        node.lineno
        for node in ast.walk(tree)
        if (isinstance(node, ast.Call) and getattr(node.func, "id", "") == "_refuse")
        or (isinstance(node, ast.Raise) and not _is_refuse(tree, node))
    }
    assert {_refusal(changes) for _, changes, _ in REFUSED} == refusals


def _is_refuse(tree: ast.Module, node: ast.Raise) -> bool:
    (refuse,) = [each for each in tree.body if isinstance(each, ast.FunctionDef) and each.name == "_refuse"]
    return refuse.lineno <= node.lineno <= (refuse.end_lineno or 0)


def _refusal(changes: dict[str, Any]) -> int:
    """The line of the rule that refuses the entry."""
    with pytest.raises(TopologyError) as refused:
        topology(**changes)
    frames = [frame for frame in refused.traceback if frame.path == Path(rules.__file__) and frame.name != "_refuse"]
    return frames[-1].lineno + 1


def test_a_route_needs_nothing_but_path_contract_and_queue() -> None:
    assert (ROUTE.tenant, ROUTE.trusts, ROUTE.delay, ROUTE.authorization) == (None, (), False, None)
    assert not ROUTE.senders


def test_the_longest_names_still_fit_what_aws_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    stage, word = "prod", "w" * 40
    monkeypatch.setattr(names, "PROJECT", "a" * (names.LONGEST_PREFIX - 1 - len(stage)))
    assert len(names.resource(stage, word)) <= 64
    assert len(names.target_dead_letter_queue(stage, word)) <= 80
    assert len(names.dead_letter_queue(stage, word, fifo=True)) <= 80
    for subscription in SAMPLE.subscriptions:
        assert len(names.rule(stage, subscription.queue, subscription.event.__name__)) <= 64
