"""Names are made of the project, the stage and the word; cdk.json says which, or what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from stacks import names
from stacks.names import ProjectError, read_context


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (None, "There is no cdk.json"),
        ("{", "cdk.json is no JSON"),
        ("\udcff", "cdk.json is no JSON"),
        ("[]", "cdk.json has no context"),
        ("{}", "cdk.json has no context"),
        ('{"context": {}}', "cdk.json, context: Object missing required field `project`"),
        ('{"context": {"project": "acme"}}', "cdk.json, context: Object missing required field `stages`"),
        ('{"context": {"project": 1, "stages": {"dev": {}}}}', "cdk.json, context: Expected `str`, got `int`"),
        ('{"context": {"project": "acme", "stages": {}}}', "cdk.json, context: Expected `object` of length >= 1"),
        ('{"context": {"project": "acme", "stages": ["dev"]}}', "cdk.json, context: Expected `object`, got `array`"),
        ('{"context": {"project": "acme", "stages": {"dev": 1}}}', "cdk.json, context: Expected `object`, got `int`"),
    ],
)
def test_a_cdk_json_that_makes_no_sense_is_one_sentence(tmp_path: Path, written: str | None, said: str) -> None:
    path = tmp_path / "cdk.json"
    if written is not None:
        path.write_bytes(written.encode(errors="surrogateescape"))
    with pytest.raises(ProjectError) as refused:
        read_context(path)
    sentence = str(refused.value)
    assert sentence.startswith(said)
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_a_project_that_makes_no_sense_ends_the_process_with_its_sentence(tmp_path: Path) -> None:
    # Python prints what a SystemExit holds and exits with 1.
    with pytest.raises(SystemExit, match=r"^There is no cdk\.json"):
        read_context(tmp_path / "cdk.json")


def test_what_else_the_context_holds_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "cdk.json"
    path.write_text('{"context": {"project": "acme", "stages": {"prod-eu": {}}, "@aws-cdk/core:flag": true}}')
    assert read_context(path) == {"project": "acme", "stages": {"prod-eu": {}}, "@aws-cdk/core:flag": True}


def test_names_begin_with_project_and_stage(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "PROJECT", "acme")
    assert names.resource("prod-eu", "open_ticket") == "acme-prod-eu-open_ticket"
    assert names.queue("prod-eu", "change_ticket", fifo=True) == "acme-prod-eu-change_ticket.fifo"
    assert names.dead_letter_queue("prod-eu", "change_ticket", fifo=True) == "acme-prod-eu-change_ticket-dlq.fifo"
    assert names.target_dead_letter_queue("prod-eu", "mail_ticket") == "acme-prod-eu-mail_ticket-undelivered"
    assert names.rule("prod-eu", "mail_ticket", "TicketOpened") == "acme-prod-eu-mail_ticket-on-TicketOpened"
    assert names.log_group("prod-eu", "open_ticket") == "/aws/lambda/acme-prod-eu-open_ticket"
    assert names.bus("prod-eu", None) == "acme-prod-eu-events"
    assert names.bus("prod-eu", "arn:aws:events:eu-central-1:1:event-bus/billing-{stage}") == (
        "arn:aws:events:eu-central-1:1:event-bus/billing-prod-eu"
    )
