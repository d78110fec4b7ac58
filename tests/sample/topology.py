"""The sample's map."""

from __future__ import annotations

from functions.contracts.webhooks import ReceiveWebhook, WebhookReceived
from stacks.entry import Access, Consumer, Integration, Queue, Route, Subscription, Table, Topology
from tests.sample.contracts import (
    ChangeDeclined,
    ChangeTicket,
    OpenTicket,
    TicketAssigned,
    TicketChanged,
    TicketClosed,
    TicketOpened,
    TicketWaiting,
)

SAMPLE = Topology(
    package="tests.sample",
    integrations=(
        Integration(
            "tickets",
            routes=(
                Route(
                    path="/v1/tickets",
                    accepts=OpenTicket,
                    queue="open_ticket",
                    tenant="X-Tenant-Id",
                    trusts=("iam",),
                    delay=True,
                ),
                Route(
                    path="/v1/tickets/{ticket_id}/changes",
                    accepts=ChangeTicket,
                    queue="change_ticket",
                    group="ticket_id",
                    tenant="X-Tenant-Id",
                    trusts=("iam",),
                ),
            ),
            queues=(
                Queue(name="open_ticket"),
                Queue(name="change_ticket", fifo=True),
                Queue(name="mail_ticket"),
                Queue(name="close_ticket"),
            ),
            consumers=(
                Consumer(
                    function="open_ticket",
                    access=(Access(table="tickets", actions=("PutItem",)), Access(table="keys", actions=("PutItem",))),
                    publishes=(TicketOpened,),
                ),
                Consumer(
                    function="change_ticket",
                    access=(Access(table="changes", actions=("GetItem", "PutItem")),),
                    publishes=(TicketChanged, ChangeDeclined),
                ),
                Consumer(function="mail_ticket", concurrency=5, sends_email=True),
                Consumer(
                    function="close_ticket",
                    access=(Access(table="closings", actions=("UpdateItem",)),),
                    publishes=(TicketClosed,),
                ),
            ),
            subscriptions=(
                Subscription(event=TicketOpened, queue="mail_ticket"),
                Subscription(event=TicketAssigned, queue="close_ticket"),
                Subscription(event=TicketChanged, queue="close_ticket"),
            ),
            tables=(
                Table(name="tickets", key="ticket_id"),
                Table(name="changes", key="ticket_id"),
                Table(name="closings", key="ticket_id", expires=True),
            ),
        ),
        Integration(
            "agents",
            queues=(Queue(name="assign_ticket"),),
            consumers=(
                Consumer(
                    function="assign_ticket",
                    concurrency=20,
                    access=(
                        Access(table="agents", actions=("GetItem", "UpdateItem")),
                        Access(table="assignments", actions=("GetItem", "PutItem")),
                    ),
                    publishes=(TicketAssigned, TicketWaiting),
                ),
            ),
            subscriptions=(Subscription(event=TicketOpened, queue="assign_ticket"),),
            tables=(
                Table(name="agents", key="agent", seed=({"agent": "agent-1", "hours": 1000},)),
                Table(name="assignments", key="ticket_id"),
            ),
        ),
        Integration(
            "webhooks",
            routes=(
                Route(
                    path="/v1/webhooks/{source}",
                    accepts=ReceiveWebhook,
                    queue="receive_webhook",
                    senders={"github": "github", "partner": "hmac", "shopify": "shopify", "stripe": "stripe"},
                    rate=20,
                    burst=40,
                ),
            ),
            queues=(Queue(name="receive_webhook"),),
            consumers=(
                Consumer(
                    function="receive_webhook",
                    secrets=("github_webhook", "partner_webhook", "shopify_webhook", "stripe_webhook"),
                    publishes=(WebhookReceived,),
                ),
            ),
        ),
    ),
)
