"""A consumer whose routes are tracked, and what it asked of DynamoDB and SQS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from functions.contracts.key import scoped
from functions.contracts.tracked import KEY, TABLE, written
from functions.runtime import clients
from functions.runtime.table import Item, plain
from stacks import names
from tests.aws.client import Client
from tests.aws.dynamodb import Tables
from tests.fixtures import Context
from tests.functions.fakes import Fakes, Script
from tests.functions.runtime.probe import Probing, probe

REQUESTS = f"test-{TABLE}"
FAILURES = names.resource("test", "failures")
ROUTE = "POST /v1/probes"
RECEIVED = 1_795_300_000_000


@dataclass
class RequestsTable(Script):
    """DynamoDB with the tables of requests and of failures; answers are scripted for writes of requests alone."""

    tables: Tables = field(default_factory=lambda: Tables({REQUESTS: KEY, FAILURES: "message_id"}))

    def put_item(self, **arguments: Any) -> Any:
        return self.answer(arguments, lambda: self.tables.put_item(**arguments))

    def update_item(self, **arguments: Any) -> Any:
        if arguments["TableName"] != REQUESTS:
            return self.tables.update_item(**arguments)
        return self.answer(arguments, lambda: self.tables.update_item(**arguments))


class Requesting:
    """Runs batches of a queue whose route is tracked."""

    def __init__(
        self, monkeypatch: pytest.MonkeyPatch, fakes: Fakes, routes: Mapping[str, str | None] | None = None
    ) -> None:
        self.table = RequestsTable()
        self.fakes = fakes
        monkeypatch.setitem(clients.made, "dynamodb", Client("dynamodb", self.table))
        told = written({ROUTE: None} if routes is None else routes) or ""
        for name, value in {
            "TABLE_REQUESTS": REQUESTS,
            "TRACKED": told,
            "FAILURES_TABLE": FAILURES,
            "RECEIVES": "3",
        }.items():
            monkeypatch.setenv(name, value)

    def run(self, probing: Probing, *records: Any, context: Context | None = None) -> set[str]:
        """Handle the batch; the ids that failed."""
        answer = probing.handler({"Records": list(records)}, context or Context())
        return {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}

    def item(self, correlation_id: str = "c-1", tenant: str | None = "acme") -> Item:
        """What stands there of the request."""
        return plain(self.table.tables.items[REQUESTS][scoped(tenant, correlation_id)])

    def items(self) -> dict[str, Item]:
        """What stands there, by key."""
        return {key: plain(item) for key, item in self.table.tables.items[REQUESTS].items()}


def asked(name: str = "a", received: int = RECEIVED, **changes: Any) -> dict[str, Any]:
    """A record as the tracked route sends it."""
    attributes = {"correlation_id": "c-1", "tenant": "acme", "route": ROUTE, "received_at": str(received)}
    return probe(name, **attributes | changes)
