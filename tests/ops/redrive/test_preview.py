"""What an edit would do to messages in hand: judged as the redrive judges it, and nothing received or sent."""

from __future__ import annotations

import json

import pytest

from ops.dead_letters.peek import peek
from ops.dead_letters.selection import Selection
from ops.errors import UsageError
from ops.redrive.preview import preview
from ops.redrive.request import Request
from ops.redrive.run import redrive
from ops.stage import Stage
from tests.ops.cli.typed import queue
from tests.ops.endpoint import Endpoint

GOOD = {"ticket_id": "t-1", "email": "ada@example.com", "language": "EN", "wanted": [{"agent": "a", "hours": 1}]}


@pytest.mark.parametrize("edit", [None, '{"language": "EN"}', '{"language": "english"}', '{"language": null}'])
def test_it_says_what_a_dry_run_says_of_the_same_messages(stage: Stage, aws: Endpoint, edit: str | None) -> None:
    dead = queue(aws, "open_ticket-dlq")
    aws.put(dead, json.dumps(GOOD | {"language": "english"}))
    seen = peek(stage, "open_ticket")
    request = Request("open_ticket", selection=Selection(ids=(seen[0].message.message_id,)), edit=edit)
    told, dry = preview(stage, request, seen), redrive(stage, request)
    assert (told.differences, told.verdicts, told.contract) == (dry.differences, dry.verdicts, dry.contract)
    assert (told.tally.matched, told.tally.refused) == (dry.tally.matched, dry.tally.refused)
    assert not queue(aws, "open_ticket").arrived
    assert len(dead) == 1


def test_an_edit_that_is_none_is_refused(stage: Stage, aws: Endpoint) -> None:
    aws.put(queue(aws, "open_ticket-dlq"), "{}")
    with pytest.raises(UsageError, match="The edit is no JSON"):
        preview(stage, Request("open_ticket", edit="{"), peek(stage, "open_ticket"))
