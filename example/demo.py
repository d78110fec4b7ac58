"""One order's whole life on this machine, from acceptance to the parcel; then one that fails and is redriven."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from example.undone import undone_order
from local.effects import Effects, eventually, post
from local.seed import put
from local.session import running
from local.state import Endpoint
from local.tap import Tap
from stacks.names import ROOT
from stacks.topology import TOPOLOGY

NEW_ARTICLE = "tea-rare"


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
        status, answer, _ = post(self.api_url + path, body, **headers)
        self.correlation_id = answer["correlation_id"]
        colour = "green" if status == 202 else "yellow"
        said = answer["message"] if "message" in answer else f"message {answer['message_id']}"
        self.console.print(f"  POST {path}  [{colour}]{status}[/{colour}] [dim]{escape(said)}[/dim]", soft_wrap=True)
        return status

    def operate(self, *arguments: str) -> int:
        """Run the operator's command as a person would, and return its exit code."""
        self.console.print(f"\n  [cyan]$ python -m ops {' '.join(arguments)} --stage local[/cyan]")
        command = [sys.executable, "-m", "ops", *arguments, "--stage", "local"]
        wide = {**os.environ, "COLUMNS": str(self.console.width)}
        return subprocess.run(command, cwd=ROOT, env=wide, check=False).returncode


def order(order_id: str, sku: str, quantity: int) -> dict[str, Any]:
    """The body that places an order of one line."""
    return {
        "order_id": order_id,
        "customer_email": "ada@example.com",
        "currency": "EUR",
        "lines": [{"sku": sku, "quantity": quantity, "unit_price": 900}],
    }


def show(console: Console) -> bool:
    """Run the demo; return whether every promise was kept. Raises `LocalError` if the stack cannot start."""
    console.print("[bold]Starting AWS on this machine[/bold]")
    with running(TOPOLOGY, told=lambda step: console.print(f"  [green]✓[/green] {step}")) as session:
        demo = Demo(console, session.state.api_url, session.state.endpoint)
        good_order(demo)
        bad_requests(demo)
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


def bad_requests(demo: Demo) -> None:
    """Requests that must not become messages."""
    demo.heading("Requests that cannot be right")
    refused = [
        demo.send("/v1/orders", b'{"order_id": "ord-2", "lines": ['),
        demo.send("/v1/orders", {"order_id": "ord-2"}),
        demo.send("/v1/orders", order("ord-2", "tea-500g", 1), content_type="text/plain"),
        demo.send("/v1/orders/ord-1/payments", {"action": "capture", "amount": 1, "currency": "EUR"}),
    ]
    quiet = all(demo.effects.depth(queue.name) == 0 for queue in TOPOLOGY.queues)
    demo.promise("every bad request was refused with its reason", refused == [400, 400, 415, 400])
    demo.promise("and nothing of them was enqueued", quiet and demo.effects.item("orders", "ord-2") is None)


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
    demo.promise("no other stock moved", sold == 2)


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
