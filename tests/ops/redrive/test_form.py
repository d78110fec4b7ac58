"""A body as a form of its contract: what it asks for, and that nothing but what was said changes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ops.errors import UsageError
from ops.queue import Queue, find_dead
from ops.redrive.form import Form, filled, form
from ops.stage import Stage

OPEN = {"ticket_id": "t-1", "email": "ada@example.com", "language": "EN", "wanted": [{"agent": "a", "hours": 2}]}


@pytest.fixture
def opened(stage: Stage) -> Queue:
    return find_dead(stage, "open_ticket")


def asked(stage: Stage, queue: Queue, body: Any) -> Form:
    found = form(stage, queue, json.dumps(body))
    assert found is not None
    return found


def test_a_commands_fields_are_its_contracts_with_what_stands_there(stage: Stage, opened: Queue) -> None:
    found = asked(stage, opened, OPEN)
    assert found.contract == "OpenTicket"
    told = {each.name: (each.label, each.kind, each.value, each.required) for each in found.fields}
    assert told == {
        "/ticket_id": ("ticket_id", "text", "t-1", True),
        "/email": ("email", "text", "ada@example.com", True),
        "/language": ("language", "text", "EN", True),
        "/wanted/0/agent": ("wanted 1 agent", "text", "a", True),
        "/wanted/0/hours": ("wanted 1 hours", "number", "2", True),
    }
    hints = {each.name: each.hint for each in found.fields}
    assert hints["/wanted/0/hours"] == "1 to 1,000, such as 2"
    assert hints["/email"].startswith("at most 254 characters")


def test_what_is_missing_is_asked_for_and_what_is_more_is_left(stage: Stage, opened: Queue) -> None:
    body = {"ticket_id": "t-1", "more": {"of": 1}}
    found = asked(stage, opened, body)
    assert {each.name: each.value for each in found.fields} == {"/ticket_id": "t-1", "/email": None, "/language": None}
    text = filled(stage, opened, json.dumps(body), {"/language": "EN", "/email": "", "/more/of": "2", "/x": "y"})
    assert json.loads(text) == {**body, "language": "EN"}


def test_an_events_data_is_what_a_form_asks_for(stage: Stage) -> None:
    queue = find_dead(stage, "assign_ticket")
    data = {"ticket_id": "t-1", "email": "ada@example.com", "language": "EN", "wanted": [{"agent": "a", "hours": 2}]}
    body = {"detail-type": "TicketOpened", "detail": {"id": "e-1", "data": data}}
    found = asked(stage, queue, body)
    assert found.contract == "TicketOpened"
    assert "/detail/data/wanted/0/agent" in {each.name for each in found.fields}
    text = filled(stage, queue, json.dumps(body), {"/detail/data/wanted/0/agent": "b"})
    assert json.loads(text)["detail"] == {"id": "e-1", "data": {**data, "wanted": [{"agent": "b", "hours": 2}]}}


def test_only_what_was_said_changes_and_numbers_stay_as_they_were_written(stage: Stage, opened: Queue) -> None:
    text = '{"ticket_id":"t-1","price":1.10,"big":123456789012345678901234567890,"wanted":[{"agent":"a","hours":2}]}'
    assert filled(stage, opened, text, {"/ticket_id": "t-1", "/wanted/0/hours": "2"}) == text
    changed = filled(stage, opened, text, {"/ticket_id": "t-2", "/wanted/0/hours": "30"})
    assert '"price": 1.10' in changed
    assert '"big": 123456789012345678901234567890' in changed
    assert json.loads(changed)["wanted"] == [{"agent": "a", "hours": 30}]


@pytest.mark.parametrize("told", ["two", "", "1.", "0x10", "NaN", "1 2"])
def test_what_is_no_number_is_refused_in_words(stage: Stage, opened: Queue, told: str) -> None:
    with pytest.raises(UsageError, match=r"wanted 1 hours is .*: give a number"):
        filled(stage, opened, json.dumps(OPEN), {"/wanted/0/hours": told})


@pytest.mark.parametrize("body", ["no json", "[1]", "7", '"text"', "[" * 3000, '{"detail-type": "TicketOpened"}'])
def test_what_has_no_form_has_none(stage: Stage, body: str) -> None:
    assert form(stage, find_dead(stage, "assign_ticket"), body) is None
    with pytest.raises(UsageError, match="edit it as text"):
        filled(stage, find_dead(stage, "assign_ticket"), body, {})


def test_a_webhook_and_a_strangers_queue_have_none(stage: Stage) -> None:
    assert form(stage, find_dead(stage, "receive_webhook"), "{}") is None
    assert form(stage, Queue("arn:x", "other", "x", "http://x/1/x"), "{}") is None


def test_a_value_of_another_kind_than_the_contracts_is_shown_and_may_be_replaced(stage: Stage, opened: Queue) -> None:
    body = {**OPEN, "language": 7, "wanted": [{"agent": None, "hours": "many"}]}
    told = {each.name: each.value for each in asked(stage, opened, body).fields}
    assert (told["/language"], told["/wanted/0/hours"]) == ("7", "many")
    assert "/wanted/0/agent" not in told, "null is edited as text"
    text = filled(stage, opened, json.dumps(body), {"/language": "EN", "/wanted/0/hours": "3"})
    assert json.loads(text)["language"] == "EN"
    assert json.loads(text)["wanted"][0]["hours"] == 3
