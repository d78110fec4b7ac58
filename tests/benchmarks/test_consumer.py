"""The benchmark of the consumer measures what it says, and the claims that no machine can blur hold."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchmarks import consumer
from benchmarks.consumer import Side
from benchmarks.endpoint import calls, endpoint
from benchmarks.worker import BATCH, WARM

ROOT = Path(__file__).resolve().parents[2]
INSTALLED = next(Path(path) for path in sys.path if path.endswith("site-packages"))


def test_a_batch_of_ten_costs_ten_writes_and_one_publication() -> None:
    with endpoint(0) as url:
        Side("functions.accept_order.handler", [ROOT, INSTALLED]).run(url, batches=1)
        counted = calls(url)
    messages = (1 + WARM) * BATCH
    assert counted == {"PutItem": messages, "PutEvents": messages // BATCH}


def test_the_reference_does_the_standard_four_calls_a_message() -> None:
    with endpoint(0) as url:
        Side("benchmarks.reference.handler", [ROOT, INSTALLED]).run(url, batches=1)
        counted = calls(url)
    messages = (1 + WARM) * BATCH
    assert counted == {"PutItem": 2 * messages, "PutEvents": messages, "UpdateItem": messages}


def test_a_side_that_fails_messages_is_no_measurement() -> None:
    with endpoint(0) as url, pytest.raises(RuntimeError, match="failed 10 messages of 10"):
        # Nobody listens there.
        Side("functions.accept_order.handler", [ROOT, INSTALLED]).run(url.rpartition(":")[0] + ":9", batches=1)


def test_the_figures_are_printed_as_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    figure = {"reference": 2.0, "headrace": 1.0, "ratio": 0.5}
    monkeypatch.setattr(consumer, "measure", lambda: dict.fromkeys(consumer.MUST, figure))
    consumer.run(as_json=True)
    printed = json.loads(capsys.readouterr().out)
    assert set(printed) == {
        *("cold_start_cpu", "peak_memory", "calls_per_message", "cpu_per_message", "throughput", "package_size"),
    }
    assert all(set(one) == {"reference", "headrace", "ratio"} for one in printed.values())
    consumer.run(as_json=False)
    assert "messages a second" in capsys.readouterr().out
