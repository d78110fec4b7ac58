"""What `ops cost` assumes of log lines is about what functions write."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from local.rehearsal import Rehearsal
from ops.cost.work import Assumptions
from tests.functions.events import batch, record
from tests.sample.messages import ticket
from tests.sample.open_ticket.handler import handler


def test_log_lines_are_about_as_long_as_ops_cost_assumes(
    aws: Rehearsal, logged: Callable[[], list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POWERTOOLS_SERVICE_NAME", "open_ticket")
    monkeypatch.setenv("STAGE", "prod")
    records = [
        record(ticket(str(n)), correlation_id=str(uuid4()), received_at="1795300000111", idempotency_key=f"key-{n}")
        for n in range(5)
    ]
    handler(batch(*records))
    lines = logged()
    handled = [len(msgspec.json.encode(line)) for line in lines if "message_id" in line]
    (metrics,) = [len(msgspec.json.encode(line)) for line in lines if "_aws" in line]
    assumed = Assumptions()
    # CloudWatch counts 26 bytes more a line: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatchlogs-quotas.html
    assert len(handled) == 5
    assert sum(handled) / 5 + 26 == pytest.approx(assumed.handled_line, rel=0.2)
    assert metrics + 26 == pytest.approx(assumed.metrics_line, rel=0.2)
