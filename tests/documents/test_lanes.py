"""Lanes in what is generated: a header with its values, an answer that names them, a queue for each in the picture."""

from __future__ import annotations

from documents import asyncapi, openapi
from documents.diagram import draw
from stacks import names
from tests.documents.test_diagram import assert_renders, lines
from tests.sample.laned import LANED
from tests.sample.topology import SAMPLE


def test_the_header_of_the_lane_is_a_parameter_with_its_values() -> None:
    parameters = openapi.document(LANED)["paths"]["/v1/triages"]["post"]["parameters"]
    (header,) = (each for each in parameters if each["name"] == "X-Priority")
    assert (header["in"], header["required"]) == ("header", False)
    assert header["schema"] == {"type": "string", "enum": ["high", "normal", "low"]}
    assert "normal" in header["description"]


def test_an_unknown_lane_is_among_the_answers() -> None:
    examples = openapi.document(LANED)["components"]["responses"]["400"]["content"]["application/json"]["examples"]
    said = "X-Priority must be high, normal or low. Nothing was queued."
    assert examples["WRONG_LANE"]["value"]["message"] == said
    assert "WRONG_LANE" not in str(openapi.document(SAMPLE))


def test_every_lane_is_a_channel_with_its_dlq_that_says_what_it_is() -> None:
    document = asyncapi.document(LANED)
    for word, lane in (("triage_ticket_high", "high"), ("triage_ticket", "normal"), ("triage_ticket_low", "low")):
        channel = document["channels"][word]
        assert f"It is lane {lane} of triage_ticket." in channel["description"]
        assert list(channel["messages"]) == ["TriageTicket"]
        dead = channel["bindings"]["sqs"]["deadLetterQueue"]["name"]
        assert dead == names.dead_letter_queue("{stage}", word)
    assert "lane" not in asyncapi.document(SAMPLE)["channels"]["open_ticket"]["description"]


def test_the_picture_has_an_arrow_to_each_lane() -> None:
    picture = draw(LANED)
    assert_renders(picture)
    for word in ("triage_ticket_high", "triage_ticket", "triage_ticket_low"):
        assert sum(f"--> {word}_queue" in line for line in lines(picture)) == 1
    assert 'triage_ticket_high_queue[/"lane high, DLQ after 3"/]' in picture
