"""A small map whose figures can be worked by hand, and what is asked of it."""

from __future__ import annotations

from typing import Any

from ops.cost.work import Assumptions
from ops.scale.basis import Basis, Traffic
from ops.scale.limit import Hop, Limit, Path
from ops.scale.quotas import Quotas
from ops.scale.scaling import Scaling
from stacks.entry import Access, Consumer, Integration, Queue, Route, Subscription, Table, Topology
from stacks.settings import Settings
from tests.sample.contracts import ChangeTicket, OpenTicket, TicketAssigned, TicketOpened

PROD = Settings(stage="prod", email_sender="a@example.com", throttle_rate=1000, throttle_burst=2000)
OPEN = "POST /v1/tickets"
CHANGE = "POST /v1/tickets/{ticket_id}/changes"


def small(
    concurrency: int | None = 5, window: int = 0, secrets: tuple[str, ...] = (), rate: float | None = None
) -> Topology:
    """A route whose consumer writes and tells an event; one subscriber writes twice, the other mails. A FIFO route."""
    tickets = Integration(
        "tickets",
        routes=(
            Route(
                path="/v1/tickets",
                accepts=OpenTicket,
                queue="open_ticket",
                rate=rate,
                burst=40 if rate is not None else None,
            ),
            Route(
                path="/v1/tickets/{ticket_id}/changes", accepts=ChangeTicket, queue="change_ticket", group="ticket_id"
            ),
        ),
        queues=(
            Queue(name="open_ticket"),
            Queue(name="change_ticket", fifo=True, on_poison="park"),
            Queue(name="assign_ticket"),
            Queue(name="mail_ticket"),
        ),
        consumers=(
            Consumer(
                function="open_ticket",
                window=window,
                secrets=secrets,
                access=(Access(table="tickets", actions=("PutItem",)), Access(table="keys", actions=("PutItem",))),
                publishes=(TicketOpened,),
            ),
            Consumer(function="change_ticket", access=(Access(table="changes", actions=("GetItem", "UpdateItem")),)),
            Consumer(
                function="assign_ticket",
                access=(
                    Access(table="agents", actions=("UpdateItem",)),
                    Access(table="assignments", actions=("PutItem",)),
                ),
                publishes=(TicketAssigned,),
            ),
            Consumer(function="mail_ticket", concurrency=concurrency, sends_email=True),
        ),
        subscriptions=(
            Subscription(event=TicketOpened, queue="assign_ticket"),
            Subscription(event=TicketOpened, queue="mail_ticket"),
        ),
        tables=tuple(Table(name=name, key="k") for name in ("tickets", "changes", "agents", "assignments")),
    )
    return Topology(integrations=(tickets,), package="tests.sample")


def scaling(
    topology: Topology,
    rate: float = 1000,
    *,
    settings: Settings = PROD,
    region: str = "us-east-1",
    own: dict[str, float] | None = None,
    assume: Assumptions | None = None,
    traffic: Traffic | None = None,
    **more: Any,
) -> Scaling:
    quotas = Quotas(region, own or {})
    basis = Basis(topology, settings, quotas, assume or Assumptions(), traffic or Traffic())
    return Scaling(basis, rate, **more)


def path(of: Scaling, name: str = OPEN) -> Path:
    (found,) = [each for each in of.paths() if each.name == name]
    return found


def hop(of: Path, name: str) -> Hop:
    (found,) = [each for each in of.hops if each.name == name]
    return found


def limit(of: Path, name: str, unit: str) -> Limit:
    (found,) = [each for each in hop(of, name).limits if each.unit == unit]
    return found
