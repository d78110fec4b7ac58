"""What a person types, and what comes of it."""

from __future__ import annotations

import json
from typing import Any

from typer.testing import CliRunner, Result

from ops.cli.app import app
from ops.queue import known
from stacks import names
from stacks.entry import Topology
from tests.aws.queues import FakeQueue
from tests.ops.endpoint import Endpoint
from tests.sample.topology import SAMPLE

UNKNOWN_AGENT = {"error_type": {"S": "Reject"}, "error_message": {"S": "unknown agent a-9"}, "attempts": {"N": "3"}}


def ops(*arguments: str, topology: Topology = SAMPLE, given: str | None = None, columns: int = 200) -> Result:
    return CliRunner().invoke(app, [*arguments], input=given, obj=topology, env={"COLUMNS": str(columns)})


def answer(*arguments: str) -> Any:
    """The JSON that a command answers, which must succeed."""
    result = ops(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def queue(aws: Endpoint, word: str) -> FakeQueue:
    """The queue that people call by that word."""
    name = {known_word: physical for known_word, _, physical in known(names.LOCAL, SAMPLE)}[word]
    return aws.sqs.create(name)


def dead_tickets(aws: Endpoint, count: int) -> list[str]:
    dead = queue(aws, "open_ticket-dlq")
    return [aws.put(dead, json.dumps({"ticket_id": f"t-{number}", "n": number})) for number in range(count)]


def explain(aws: Endpoint, message_id: str) -> None:
    aws.tables[names.resource(names.LOCAL, names.FAILURES)][message_id] = {
        "message_id": {"S": message_id},
        **UNKNOWN_AGENT,
    }
