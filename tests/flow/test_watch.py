"""`python -m ops watch` counts what goes through a running stack."""

from __future__ import annotations

import json
from typing import Any

from local.effects import eventually, post
from local.session import Session
from stacks import names
from tests.flow.tickets import hire, open_ticket, operate


def watch(stack: Session, *options: str) -> str:
    done = operate(stack, "watch", *options)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_watch_counts_requests_and_what_became_of_them(stack: Session) -> None:
    hire(stack, "agent-watched")
    for number in range(3):
        open_ticket(stack, f"watch-{number}", ("agent-watched", 1))
    assert post(f"{stack.state.api_url}/v1/tickets", b"{}")[0] == 400

    def counted() -> dict[str, Any] | None:
        rates: dict[str, Any] = json.loads(watch(stack, "--json"))["rates"]
        return rates if rates["done"].get("open_ticket", 0) >= 3 else None

    rates = eventually(counted)
    assert rates, watch(stack, "--once")
    assert rates["requests"]["POST /v1/tickets"] >= 4
    assert rates["refused"]["POST /v1/tickets"] >= 1
    assert rates["delivered"]["assign_ticket on TicketOpened"] >= 3

    frame = watch(stack, "--once")
    assert frame.count(f"{names.PROJECT} local") == 1
    assert "the last 60 s of the logs" in frame
