"""Schedules stand in the pictures and documents that are made from the map."""

from __future__ import annotations

from documents import asyncapi, diagram
from functions.contracts import envelope
from tests.sample.scheduled import SCHEDULED
from tests.sample.topology import SAMPLE


def test_the_picture_shows_when_each_feeds_its_queue() -> None:
    assert 'rate_at_six_schedule[["rate_at_six: cron(0 6 ? * MON-FRI *)"]] --> rate_tickets_queue' in diagram.draw(
        SCHEDULED
    )


def test_what_a_schedule_sends_is_a_message_of_its_queue() -> None:
    document = asyncapi.document(SCHEDULED)
    assert list(document["channels"]["rate_tickets"]["messages"]) == ["RateTickets"]
    attributes = document["components"]["schemas"]["message.attributes"]
    assert attributes["required"] == [envelope.CORRELATION_ID], "a run is no request, and says nothing of one"
    assert envelope.RUN in attributes["properties"]
    others = asyncapi.document(SAMPLE)["components"]["schemas"]["message.attributes"]
    assert envelope.RUN not in others["properties"]
    assert envelope.ROUTE in others["required"]
