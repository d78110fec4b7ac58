"""One order's whole life on this machine, from acceptance to the parcel; what waits; one that fails and is redriven."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any
from urllib.parse import urljoin

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from example.undone import undone_order
from local.effects import Effects, eventually, get, post
from local.seed import put
from local.session import running
from local.state import Endpoint
from local.tap import Tap
from stacks.names import ROOT
from stacks.topology import TOPOLOGY

NEW_ARTICLE = "tea-rare"
WAIT = 3
"""Seconds by which an order is delayed."""
MANY = 5
"""Orders of one customer at once."""


@dataclass
class Demo:
    """One run: talks to the stack, says what it sees, and keeps score of the promises."""

    console: Console
    api_url: str
    endpoint: Endpoint
    promises: list[tuple[str, bool]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.effects = Effects(TOPOLOGY, self.endpoint)
        self.tap = Tap(self.endpoint)
        self.start = time.monotonic()
        self.correlation_id = ""
        self.location = ""

    def heading(self, text: str) -> None:
        """Say what comes next."""
        self.console.print(f"\n[bold]{text}[/bold]")

    def hop(self, text: str, look: Callable[[], Any]) -> None:
        """Wait until `look` sees something, and say how long after the heading's first request it was."""
        seen = eventually(look)
        mark = "[green]→[/green]" if seen else "[red]✗[/red]"
        self.console.print(f"  {mark} {text} [dim]+{time.monotonic() - self.start:.2f} s[/dim]")

    def shipped(self, order_id: str) -> bool:
        """Whether it was told that the order shipped, in one event."""
        return self.tap.types(order_id).count("OrderShipped") == 1

    def available(self, sku: str) -> int:
        """Pieces of the article in stock."""
        item = self.effects.item("stock", sku)
        return int(item["available"]) if item else 0

    def promise(self, text: str, kept: bool) -> None:
        """Note whether a promise was kept."""
        self.promises.append((text, kept))

    def send(self, path: str, body: bytes | dict[str, Any], **headers: str) -> int:
        """POST and show the answer; return its status and remember its correlation id."""
        status, answer, said_beside = post(self.api_url + path, body, **headers)
        self.correlation_id = answer["correlation_id"]
        self.location = urljoin(self.api_url + path, said_beside.get("Location", ""))
        colour = "green" if status == 202 else "yellow"
        said = answer["message"] if "message" in answer else f"message {answer['message_id']}"
        self.console.print(f"  POST {path}  [{colour}]{status}[/{colour}] [dim]{escape(said)}[/dim]", soft_wrap=True)
        return status

    def read(self, url: str) -> dict[str, Any]:
        """GET and return the answer."""
        return get(url)[1]

    def operate(self, *arguments: str) -> int:
        """Run the operator's command as a person would, and return its exit code."""
        self.console.print(f"\n  [cyan]$ python -m ops {' '.join(arguments)} --stage local[/cyan]")
        command = [sys.executable, "-m", "ops", *arguments, "--stage", "local"]
        wide = {**os.environ, "COLUMNS": str(self.console.width)}
        return subprocess.run(command, cwd=ROOT, env=wide, check=False).returncode


def order(order_id: str, sku: str, quantity: int, customer: str = "ada@example.com") -> dict[str, Any]:
    """The body that places an order of one line."""
    return {
        "order_id": order_id,
        "customer_email": customer,
        "currency": "EUR",
        "lines": [{"sku": sku, "quantity": quantity, "unit_price": 900}],
    }


def show(console: Console) -> bool:
    """Run the demo; return whether every promise was kept. Raises `LocalError` if the stack cannot start."""
    console.print("[bold]Starting AWS on this machine[/bold]")
    with running(TOPOLOGY, told=lambda step: console.print(f"  [green]✓[/green] {step}")) as session:
        demo = Demo(console, session.state.api_url, session.state.endpoint)
        good_order(demo)
        read_back(demo)
        bad_requests(demo)
        delays(demo)
        limit(demo)
        dead_letter(demo)
        undone_order(demo)
        nothing_left(demo)
        verdict(demo)
    console.print("Everything is stopped.")
    return all(kept for _, kept in demo.promises)


def good_order(demo: Demo) -> None:
    """An order and its payments, through every hop to the parcel."""
    effects, before = demo.effects, demo.available("tea-500g")
    demo.heading("An order, and its payments in order")
    demo.start = time.monotonic()
    accepted = [
        demo.send("/v1/orders", order("ord-1", "tea-500g", 2)),
        *pay(demo, "ord-1", ("authorize", 1800), ("capture", 1800), ("refund", 300)),
        demo.send("/v1/orders", order("ord-1", "tea-500g", 2)),  # a caller that did not hear the first 202
    ]
    demo.hop("accept_order stored the order and published OrderAccepted", lambda: effects.item("orders", "ord-1"))
    demo.hop("reserve_stock set two pieces aside", lambda: effects.item("reservations", "ord-1"))
    demo.hop("confirm_order sent the e-mail", lambda: effects.mails("ord-1"))
    demo.hop("apply_payment authorized, captured and refunded, in that order", lambda: paid(effects, "ord-1", 300))
    demo.hop("ship_order had both facts and sent the parcel", lambda: demo.shipped("ord-1"))
    eventually(lambda: all(effects.depth(queue.name) == 0 for queue in TOPOLOGY.queues))
    demo.promise("every good request was answered 202", set(accepted) == {202})
    demo.promise("the payments applied in the order they were sent", paid(effects, "ord-1", 300))
    demo.promise("the order shipped", demo.shipped("ord-1"))
    demo.promise("placed twice, its stock was taken once", demo.available("tea-500g") == before - 2)
    demo.promise("placed twice, it was confirmed by one e-mail", len(effects.mails("ord-1")) == 1)


def read_back(demo: Demo) -> None:
    """What became of a request, and of the order that it asked for, read by whoever asked."""
    demo.heading("What became of a request, read where its 202 says")
    demo.start = time.monotonic()
    demo.send("/v1/orders", order("ord-1", "tea-500g", 2), delay_seconds="1")
    seen: list[str] = []

    def done() -> bool:
        status = str(demo.read(demo.location)["status"])
        if status not in seen[-1:]:
            seen.append(status)
            demo.hop(f"GET …/requests/{demo.correlation_id} says: {status}", lambda: True)
        return status == "done"

    eventually(done)
    thing = urljoin(demo.location, "../orders/ord-1")
    answer = demo.read(thing)
    shown = ", ".join(f"{name} {value}" for name, value in answer.items() if isinstance(value, str | int))
    demo.hop(f"GET …/orders/ord-1 says: {escape(shown)}", lambda: answer.get("order_id") == "ord-1")
    demo.promise("a request's status went from accepted to done", seen == ["accepted_or_unknown", "done"])
    secret = order("ord-1", "", 0)["customer_email"]
    demo.promise(
        "the order can be read, without its secrets", answer.get("total") == 1800 and secret not in str(answer)
    )


def bad_requests(demo: Demo) -> None:
    """Requests that must not become messages."""

    def quiet() -> bool:
        return all(demo.effects.depth(queue.name) == 0 for queue in TOPOLOGY.queues)

    eventually(quiet)  # what the order before it set off may still be on its way
    demo.heading("Requests that cannot be right")
    refused = [
        demo.send("/v1/orders", b'{"order_id": "ord-2", "lines": ['),
        demo.send("/v1/orders", {"order_id": "ord-2"}),
        demo.send("/v1/orders", order("ord-2", "tea-500g", 1), content_type="text/plain"),
        demo.send("/v1/orders/ord-1/payments", {"action": "capture", "amount": 1, "currency": "EUR"}),
    ]
    demo.promise("every bad request was refused with its reason", refused == [400, 400, 415, 400])
    demo.promise("and nothing of them was enqueued", quiet() and demo.effects.item("orders", "ord-2") is None)


def delays(demo: Demo) -> None:
    """A reminder that waits for days, and is taken back; an order that waits for seconds, and comes."""

    def reminder(state: str) -> bool:
        item = demo.effects.item("planned", "remind_to_pay/ord-4")
        return item is not None and item["state"] == state

    demo.heading("What waits: a reminder to pay, taken back by the payment, and an order for later")
    demo.start = time.monotonic()
    demo.send("/v1/orders", order("ord-4", "tea-500g", 1))
    demo.hop("plan_reminder planned a reminder to pay, for in three days", lambda: reminder("planned"))
    demo.promise("what is planned can be seen", demo.operate("schedules") == 0)
    pay(demo, "ord-4", ("authorize", 900))
    demo.hop("it is paid, and the reminder was taken back", lambda: reminder("cancelled"))
    demo.promise("a reminder whose order was paid is cancelled", reminder("cancelled"))

    demo.start = time.monotonic()
    demo.send("/v1/orders", order("ord-5", "tea-500g", 1), delay_seconds=str(WAIT))
    demo.hop(f"accept_order stored the order, {WAIT} seconds later", lambda: demo.effects.item("orders", "ord-5"))
    on_time = WAIT <= time.monotonic() - demo.start < WAIT + 10
    demo.promise("an order for later is accepted at its time, and not before", on_time)


def limit(demo: Demo) -> None:
    """A customer with many orders gets one e-mail a second, and nobody else waits for that."""
    bob, names = "bob@example.com", [f"big-{number}" for number in range(1, MANY + 1)]
    demo.heading(f"{MANY} orders of one customer at once, whose mailbox is sent one e-mail a second")
    demo.start = time.monotonic()
    for place, name in enumerate(names):
        if place == 1:
            demo.send("/v1/orders", order("one-1", "tea-500g", 1, "cyd@example.com"))
        demo.send("/v1/orders", order(name, "tea-500g", 1, bob))

    def times(*wanted: str) -> list[float]:
        """When the e-mails about the orders left, by SES's own clock; nothing until all of them have."""
        found = [demo.effects.mails(name) for name in wanted]
        return sorted(mails[0]["Timestamp"] for mails in found) if all(found) else []

    demo.hop(f"{MANY} e-mails to one customer left, one a second", lambda: times(*names))
    demo.hop("another customer's e-mail passed them", lambda: times("one-1"))
    many, one = times(*names), times("one-1")
    if many and one:
        gaps = ", ".join(f"{later - earlier:.1f}" for earlier, later in pairwise(many))
        demo.console.print(f"  [dim]seconds from one of the {MANY} to the next: {gaps}[/dim]")
    # The first of them may have left up to a second later than it was let in.
    demo.promise("a limit of one a second holds", bool(many) and many[-1] - many[0] >= MANY - 2)
    demo.promise("and holds up nobody else", bool(many and one) and one[0] < many[-1])


def dead_letter(demo: Demo) -> None:
    """An order that one subscriber cannot process, until a person fixes the cause and redrives."""
    effects = demo.effects
    demo.heading(f"An order for {NEW_ARTICLE}, which the stock table does not know")
    demo.start = time.monotonic()
    demo.send("/v1/orders", order("ord-3", NEW_ARTICLE, 1))
    request = demo.correlation_id
    pay(demo, "ord-3", ("authorize", 900), ("capture", 900))
    demo.hop("accept_order stored the order", lambda: effects.item("orders", "ord-3"))
    demo.hop("confirm_order sent its e-mail: a slow or failing neighbour delays nobody", lambda: effects.mails("ord-3"))
    demo.hop(
        "reserve_stock rejected it, and SQS moved it to the dead-letter queue",
        lambda: effects.depth("reserve_stock", dead=True),
    )
    demo.promise("the failing order is in its DLQ", effects.depth("reserve_stock", dead=True) == 1)
    demo.promise("and did not ship", not demo.shipped("ord-3"))

    demo.heading("A person looks, fixes the cause, and redrives")
    demo.promise("the dead letter's cause can be read", demo.operate("dead") == 0)
    put(demo.endpoint, "stock", {"sku": NEW_ARTICLE, "available": 10})
    demo.console.print(f"\n  [cyan]fixed:[/cyan] 10 pieces of {NEW_ARTICLE} put into the stock table")
    dry = demo.operate("redrive", "reserve_stock")
    still = effects.depth("reserve_stock", dead=True) == 1
    demo.promise("a redrive without --yes changes nothing", dry == 0 and still)
    demo.start = time.monotonic()
    acted = demo.operate("redrive", "reserve_stock", "--yes")
    demo.hop("reserve_stock set the piece aside", lambda: effects.item("reservations", "ord-3"))
    demo.hop("ship_order sent the parcel", lambda: demo.shipped("ord-3"))
    demo.promise("redriven, the order shipped", acted == 0 and demo.shipped("ord-3"))
    demo.promise("its stock was taken once", demo.available(NEW_ARTICLE) == 9)
    demo.promise("it was confirmed by one e-mail", len(effects.mails("ord-3")) == 1)
    demo.promise("the whole path of the request can be read", demo.operate("trace", request) == 0)


def nothing_left(demo: Demo) -> None:
    """Every queue and every dead-letter queue is empty in the end."""
    left = [
        (queue.name, dead)
        for queue in TOPOLOGY.queues
        for dead in (False, True)
        if not eventually(lambda name=queue.name, dead=dead: demo.effects.depth(name, dead=dead) == 0)  # type: ignore[misc]
    ]
    demo.promise("nothing is left in any queue or DLQ", not left)
    start = next(table.seed for table in TOPOLOGY.tables if table.name == "stock")
    sold = sum(item["available"] - demo.available(item["sku"]) for item in start)
    demo.promise("no other stock moved", sold == 2 + 1 + 1 + MANY + 1)


def pay(demo: Demo, order_id: str, *steps: tuple[str, int]) -> list[int]:
    """Send payment instructions one after the other, without waiting for their effect; return the statuses."""
    return [
        demo.send(
            f"/v1/orders/{order_id}/payments",
            {"action": action, "amount": amount, "currency": "EUR"},
            idempotency_key=f"{order_id}-{action}",
        )
        for action, amount in steps
    ]


def paid(effects: Effects, order_id: str, refunded: int) -> bool:
    """Whether the payment of the order got as far as refunding that amount."""
    item = effects.item("payments", order_id)
    return item is not None and (item["state"], item["amount"]) == ("refunded", str(refunded))


def verdict(demo: Demo) -> None:
    """Print every promise with its mark."""
    table = Table(title="What was promised", title_justify="left", show_header=False, box=None, padding=(0, 1))
    for text, kept in demo.promises:
        table.add_row("[green]✓[/green]" if kept else "[red]✗[/red]", text)
    demo.console.print()
    demo.console.print(table)
    broken = sum(not kept for _, kept in demo.promises)
    if broken:
        demo.console.print(f"[red]{broken} of {len(demo.promises)} promises were broken.[/red]")
    else:
        demo.console.print(f"All {len(demo.promises)} promises were kept.")
