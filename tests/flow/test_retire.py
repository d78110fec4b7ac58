"""An integration is removed without losing a message: retired, drained, destroyed; the others know nothing of it."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest

from local.aws import client
from local.deployment import deploy
from local.effects import Effects, eventually, post
from local.session import Session
from local.toolchain import cdk, environment
from stacks import names
from tests.sample.lifetime import GONE, RETIRED
from tests.sample.local import CDK_APP

INTEGRATION, QUEUE = "webhooks", "receive_webhook"


def ops(stack: Session, *words: str, **moment: str) -> subprocess.CompletedProcess[str]:
    """The operator's command, with the topology of that moment."""
    return subprocess.run(
        [sys.executable, "-m", "tests.sample.ops", *words],
        cwd=names.ROOT,
        env={**os.environ, "HEADRACE_LOCAL": str(stack.home), **moment},
        capture_output=True,
        text=True,
        check=False,
    )


def stacks(stack: Session) -> set[str]:
    found = client("cloudformation", stack.state.endpoint).describe_stacks()["Stacks"]
    return {each["StackName"] for each in found if each["StackStatus"] != "DELETE_COMPLETE"}


def deliver(stack: Session) -> int:
    """What a partner's delivery with a well-formed signature is answered."""
    signed = f"t=1700000000,v1={'0' * 64}"
    return post(f"{stack.state.api_url}/v1/webhooks/partner", {"id": "evt-1"}, x_signature=signed)[0]


def test_an_integration_is_retired_drained_and_removed(
    stack: Session, effects: Effects, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = stack.state.endpoint
    sqs = client("sqs", endpoint)
    assert deliver(stack) == 202
    assert eventually(lambda: effects.depth(QUEUE, dead=True) == 1), "nobody knows the secret, so it is a dead letter"
    refused = ops(stack, "retire", INTEGRATION)
    assert refused.returncode == 2
    assert "is not retired" in refused.stderr

    early = ops(stack, "retire", INTEGRATION, **{RETIRED: INTEGRATION})
    assert early.returncode == 3
    assert "POST /v1/webhooks/{source}" in " ".join((early.stdout + early.stderr).split()), "it is not deployed yet"
    monkeypatch.setenv(RETIRED, INTEGRATION)
    deploy(stack.home, endpoint, CDK_APP)
    assert eventually(lambda: deliver(stack) == 404), "its routes take nothing"
    sqs.send_message(QueueUrl=effects.url(names.queue(names.LOCAL, QUEUE)), MessageBody="{}")
    assert eventually(lambda: effects.depth(QUEUE, dead=True) >= 2), "what was accepted before is still handled"
    ticket: dict[str, Any] = {"ticket_id": "retire-1", "email": "ada@example.com", "language": "EN"}
    wanted = [{"agent": "agent-1", "hours": 1}]
    assert post(f"{stack.state.api_url}/v1/tickets", ticket | {"wanted": wanted})[0] == 202, "others go on"

    waiting = ops(stack, "retire", INTEGRATION, **{RETIRED: INTEGRATION})
    assert waiting.returncode == 3, waiting.stdout + waiting.stderr
    assert f"{QUEUE}-dlq: " in waiting.stdout
    dropped = ops(stack, "drop", QUEUE, "--yes", **{RETIRED: INTEGRATION})
    assert dropped.returncode == 0, dropped.stdout + dropped.stderr
    drained = ops(stack, "retire", INTEGRATION, **{RETIRED: INTEGRATION})
    assert drained.returncode == 0, drained.stdout + drained.stderr
    named = names.resource(names.LOCAL, INTEGRATION)
    words = f"destroy --exclusively {named}"
    assert f"cdk {words} -c stage={names.LOCAL}" in " ".join(drained.stdout.split())

    cdk(
        *(*words.split(), "--force", "--app", str(stack.assembly)),
        log=stack.home / "destroy.log",
        environment=environment(endpoint),
    )
    assert named not in stacks(stack)
    monkeypatch.delenv(RETIRED)
    monkeypatch.setenv(GONE, INTEGRATION)
    deploy(stack.home, endpoint, CDK_APP)
    assert named not in stacks(stack)
    assert names.queue(names.LOCAL, QUEUE) not in str(sqs.list_queues())
    assert eventually(lambda: effects.item("assignments", "retire-1")), "others never noticed"
