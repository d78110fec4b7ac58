"""The catalogue says of every event and command what its contract and the map say."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner, Result

from ops.cli.app import app
from ops.errors import UsageError
from ops.events.catalogue import UNKNOWN, catalogue, contract
from stacks import names
from stacks.entry import Topology
from tests.ops.events.maps import HOSTILE, RETIRED, SECRET, THEIRS, Marked, many, publishing
from tests.sample.laned import LANED
from tests.sample.scheduled import SCHEDULED
from tests.sample.topology import SAMPLE


def ops(*arguments: str, topology: Topology = SAMPLE, columns: int = 200) -> Result:
    return CliRunner().invoke(app, ["events", *arguments], obj=topology, env={"COLUMNS": str(columns)})


def test_an_event_has_its_publishers_its_subscribers_and_its_document() -> None:
    found = {each.type: each for each in catalogue(SAMPLE, "local")}
    assert [*found] == sorted(found)
    opened = found["TicketOpened"]
    assert (opened.summary, opened.source, opened.version) == ("The ticket is stored.", f"{names.PROJECT}.tickets", 1)
    assert [each.queue for each in opened.sources] == ["open_ticket"]
    assert [(each.subscription, each.can_replay) for each in opened.takers] == [
        ("mail_ticket-on-TicketOpened", True),
        ("assign_ticket-on-TicketOpened", True),
    ]
    assert opened.document == "docs/events/TicketOpened.v1.json"
    assert found["TicketClosed"].takers == []


def test_what_is_retired_is_there_and_nothing_is_replayed_to_it() -> None:
    found = contract(RETIRED, "local", "TicketOpened").entry
    assert [(each.queue, each.is_open, each.can_replay) for each in found.takers] == [
        ("mail_ticket", True, True),
        ("assign_ticket", False, False),
    ]
    assigned = contract(RETIRED, "local", "TicketAssigned").entry
    assert [(each.queue, each.is_open) for each in assigned.sources] == [("assign_ticket", False)]


def test_another_projects_event_is_called_by_its_source_and_comes_from_its_bus() -> None:
    theirs = contract(THEIRS, "local", "desk.tickets.TicketOpened").entry
    assert (theirs.name, theirs.document) == ("TicketOpened", None)
    assert [each.name for each in theirs.sources] == ["bus desk-local-events"]
    assert [(each.queue, each.bus, each.can_replay) for each in theirs.takers] == [
        ("close_ticket", "desk-local-events", False)
    ]
    (mail, _) = contract(THEIRS, "local", "TicketOpened").entry.takers
    assert mail.conditions == ['language is "EN" or begins with "D"']


def test_what_is_not_there_is_one_sentence_with_what_is_near() -> None:
    with pytest.raises(UsageError, match=r"There is no event or command 'TicketOpend': .* Did you mean TicketOpened\?"):
        contract(SAMPLE, "local", "TicketOpend")


def test_commands_have_who_sends_them_and_every_lane() -> None:
    found = {each.type: each for each in catalogue(LANED, "local", "command")}
    triage = found["TriageTicket"]
    assert [each.name for each in triage.sources] == ["Route POST /v1/triages"]
    assert {each.lane for each in triage.takers} == {"high", "normal", "low"}
    assert any(
        each.name.startswith("Schedule ")
        for entry in catalogue(SCHEDULED, "local", "command")
        for each in entry.sources
    )


def test_fields_say_what_they_must_be_and_secrets_are_not_shown() -> None:
    opened = contract(SAMPLE, "local", "TicketOpened")
    found = {each.path: each for each in opened.fields}
    assert [*found] == ["ticket_id", "email", "language", "wanted", "wanted[].agent", "wanted[].hours"]
    assert found["wanted"].type == "list of object Hours"
    assert found["wanted[].hours"].limits == ["at least 1", "at most 1,000"]
    assert found["ticket_id"].limits == ["matches ^[A-Za-z0-9_-]{1,64}$"]
    assert found["email"].secret
    assert opened.example["email"] == "[secret]"
    assert opened.example["language"] == UNKNOWN
    marked = contract(publishing(Marked), "local", "Marked")
    assert [each.secret for each in marked.fields] == [False, True, True]
    assert SECRET not in json.dumps(
        [marked.example, marked.schema, [[each.default, each.example] for each in marked.fields]]
    )


def test_the_command_lists_all_and_shows_one() -> None:
    listed = ops().stdout
    assert "TicketOpened\n  The ticket is stored.\n  published by open_ticket\n  to mail_ticket\n" in listed
    assert "nobody subscribed" in listed
    assert "sent by Route POST /v1/tickets\n  to open_ticket" in ops("--commands").stdout
    one = ops("TicketOpened").stdout
    assert "  JSON Schema: docs/events/TicketOpened.v1.json" in one
    assert "    wanted[].hours: whole number, at least 1, at most 1,000" in one
    told = json.loads(ops("TicketOpened", "--json").stdout)
    assert told["schema"]["properties"]["source"] == {"const": f"{names.PROJECT}.tickets"}
    assert len(json.loads(ops("--json").stdout)) == len(catalogue(SAMPLE, "local"))
    wrong = ops("TicketOpened", "--commands")
    assert (wrong.exit_code, "leave it out" in wrong.stderr) == (2, True)
    assert ops("Nothing").exit_code == 2
    assert "The map has no events." in ops(topology=Topology()).stdout


def test_what_a_contract_says_is_text() -> None:
    told = ops("Marked", topology=publishing(Marked)).stdout
    assert "\u202e" not in told
    assert HOSTILE.partition("\u202e")[0] in told


def test_three_hundred_events_are_all_listed() -> None:
    assert sum(each.type.startswith("Fact") for each in catalogue(many(300), "local")) == 300
