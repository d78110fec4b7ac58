"""What a chat did not take is listed where alarms are posted to one, and a redrive says why it leaves it there."""

from __future__ import annotations

from typing import Any, cast

import pytest

from ops.queue import Queue, known
from ops.redrive.routing import Routing
from ops.sqs.client import Sqs
from ops.sqs.message import Message, Value
from ops.stage import Stage
from stacks import names
from tests.sample.topology import SAMPLE
from tests.stacks.templates import STAGES

NAME = names.target_dead_letter_queue("prod", names.CHAT)


def test_the_chats_queue_is_a_queue_of_the_stages_that_post(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(names.CONTEXT, "stages", STAGES)
    last = {stage: list(known(stage, SAMPLE))[-1] for stage in ("dev", "prod", "nowhere")}
    assert last["prod"] == ("chat-undelivered", "undelivered", NAME)
    assert last["dev"][0] == last["nowhere"][0] != "chat-undelivered"


def test_news_of_an_alarm_are_not_redriven(cloud: Stage) -> None:
    queue = Queue("chat-undelivered", "undelivered", NAME, f"https://sqs.eu-west-1.amazonaws.com/000000000000/{NAME}")
    here = "arn:aws:events:eu-west-1:000000000000"
    said: Any = {
        "TARGET_ARN": Value("String", f"{here}:api-destination/{names.resource('prod', 'chat')}/0b0f"),
        "RULE_ARN": Value("String", f"{here}:rule/{names.resource('prod', 'chat')}"),
        "ERROR_CODE": Value("String", "SDK_CLIENT_ERROR"),
    }
    message = Message(message_id="m-1", receipt_handle="r", body="{}", message_attributes=said)
    assert Routing(cloud, cast(Sqs, None), queue).prepare(message) == (
        "it is for a chat, to which only EventBridge posts: drop it once you know what it says"
    )
