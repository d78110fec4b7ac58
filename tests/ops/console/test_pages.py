"""Every page says what the command says, and leads to the next."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import replace
from html import unescape
from typing import Any

import pytest

from ops.audit import kept
from ops.cli.commands import PLACES
from ops.queue import known
from ops.stage import Stage
from stacks import names
from tests.aws.queues import FakeQueue
from tests.ops.cli.typed import dead_tickets, explain, queue
from tests.ops.console.tab import Tab, text
from tests.ops.endpoint import Endpoint
from tests.sample.topology import SAMPLE


def received(queue: FakeQueue) -> int:
    """How often the queue's messages were received, all together."""
    every = [*queue._ready, *queue._flying.values(), *(each for _, _, each in queue._hidden)]
    return sum({each.id: each.receives for each in every}.values())


def test_the_flow_shows_every_queue_and_what_is_wrong(tab: Tab, aws: Endpoint) -> None:
    dead_tickets(aws, 3)
    aws.mappings[queue(aws, "mail_ticket").arn] = "Disabled"
    page = tab.get()
    shown = text(page)
    for word, kind, _ in known(names.LOCAL, SAMPLE):
        if kind == "work":
            assert word in shown
    assert "POST /v1/tickets" in shown
    assert "TicketOpened" in shown
    assert "▲ 3 dead in open_ticket-dlq" in shown, shown
    assert "mail_ticket is disabled" in shown
    assert "/dead/open_ticket-dlq" in tab.links_of(page)
    assert page.count(f'href="{tab.guard.base}/events/TicketOpened"') >= 3, (
        "where it is published and where it is taken"
    )
    assert '<span class="dim">→ <a href="' in page


def test_a_queues_page_leads_to_its_events_and_who_publishes_them(tab: Tab) -> None:
    page = tab.get("/queue/mail_ticket")
    assert "event TicketOpened of open_ticket" in text(page)
    assert {"/events/TicketOpened", "/queue/open_ticket"} <= {*tab.links_of(page)}


def test_dead_letters_are_grouped_by_cause_and_say_that_they_are_a_sample(tab: Tab, aws: Endpoint) -> None:
    ids = dead_tickets(aws, 130)
    for id_ in ids[:3]:
        explain(aws, id_)
    assert "Looking at a sample of 100" in text(tab.get("/dead"))
    shown = text(tab.get("/dead/open_ticket-dlq/causes"))
    assert "A sample : 100 of about 130" in shown
    assert "unexplained" in shown
    seen = received(queue(aws, "open_ticket-dlq"))
    assert "100 of about 130" in text(tab.get("/dead"))
    assert received(queue(aws, "open_ticket-dlq")) == seen, "what was looked at is not looked at again"


def test_a_message_shows_its_body_cause_and_attributes_and_no_secret_until_asked(
    tab: Tab, aws: Endpoint, stage: Stage
) -> None:
    body = json.dumps({"ticket_id": "t-1", "email": "ada@example.com", "wanted": [{"agent": "a-9", "hours": 2}]})
    id_ = aws.put(queue(aws, "open_ticket-dlq"), body, authorization="Bearer x", correlation_id="corr-1")
    explain(aws, id_)
    page = tab.get(f"/dead/open_ticket/{id_}")
    shown = text(page)
    assert "Reject: unknown agent a-9" in shown
    assert "ticket_id" in shown
    assert "ada@example.com" not in page
    assert "Bearer x" not in page
    (link,) = [each for each in tab.links_of(page) if each.startswith("/request?")]
    assert "corr-1" in text(tab.get(link))
    assert not kept(stage)
    whole = tab.post(f"/dead/open_ticket/{id_}/whole")
    assert "ada@example.com" in whole
    (record,) = kept(stage)
    assert (record.action, record.queue, record.asked) == ("show secrets", "open_ticket-dlq", {"message_id": id_})


def test_an_edit_is_judged_before_anything_is_sent_and_then_sent(tab: Tab, aws: Endpoint, stage: Stage) -> None:
    good = {"ticket_id": "t-1", "email": "ada@example.com", "language": "EN", "wanted": [{"agent": "a", "hours": 1}]}
    id_ = aws.put(queue(aws, "open_ticket-dlq"), json.dumps(good | {"language": "english"}))
    editor = tab.post(f"/dead/open_ticket/{id_}/edit")
    assert "&#34;english&#34;" in editor
    assert kept(stage)[0].action == "show secrets"
    wrong = json.dumps(good | {"language": "eng"}, indent=2)
    assert "would refuse" in text(tab.post(f"/dead/open_ticket/{id_}/check", body=wrong))
    broken = text(tab.post(f"/dead/open_ticket/{id_}/check", body='{\n  "a": 1,\n  oops\n}'))
    assert "Line 3: the body is no JSON" in broken
    assert "oops" in broken, "what was written stays"
    right = json.dumps(good, indent=2).replace("\n", "\r\n")
    checked = tab.post(f"/dead/open_ticket/{id_}/check", body=right)
    assert "accepted by open_ticket's contract" in text(checked)
    assert '+ "language": "EN"' in text(checked)
    assert not queue(aws, "open_ticket").arrived, "nothing is sent by a check"
    sent = text(tab.post(f"/dead/open_ticket/{id_}/send", body=right))
    assert "1 redriven from open_ticket-dlq" in sent
    (arrived,) = queue(aws, "open_ticket").arrived
    assert json.loads(arrived) == good
    assert kept(stage)[0].action == "redrive"


def test_an_edit_by_the_contracts_form_is_that_of_its_text(tab: Tab, aws: Endpoint) -> None:
    body = {
        "ticket_id": "t-1",
        "email": "ada@example.com",
        "language": "english",
        "wanted": [{"agent": "a", "hours": 1}],
    }
    id_ = aws.put(queue(aws, "open_ticket-dlq"), json.dumps(body))
    page = tab.post(f"/dead/open_ticket/{id_}/edit")
    assert "By its contract, OpenTicket" in text(page)
    assert 'name="f:/wanted/0/hours" value="1"' in page
    said: dict[str, Any] = {
        "by": "form",
        "body": json.dumps(body, indent=2),
        "f:/language": "EN",
        "f:/wanted/0/hours": "2",
    }
    checked = tab.post(f"/dead/open_ticket/{id_}/check", **said)
    assert "accepted by open_ticket's contract" in text(checked)
    assert '+ "language": "EN"' in text(checked)
    wrong = tab.post(f"/dead/open_ticket/{id_}/check", **said | {"f:/wanted/0/hours": "many"})
    assert "wanted 1 hours is 'many': give a number." in text(wrong)
    sent = re.search(r'<textarea id="body"[^>]*>(.*?)</textarea>', checked, re.DOTALL)
    assert sent is not None
    tab.post(f"/dead/open_ticket/{id_}/send", body=unescape(sent[1]))
    (arrived,) = queue(aws, "open_ticket").arrived
    assert json.loads(arrived) == {**body, "language": "EN", "wanted": [{"agent": "a", "hours": 2}]}


def test_a_form_grows_on_the_page_and_nothing_is_sent_for_it(tab: Tab, aws: Endpoint) -> None:
    body = {"ticket_id": "t-1", "email": "ada@example.com", "language": "EN", "wanted": [{"agent": "a", "hours": 1}]}
    id_ = aws.put(queue(aws, "open_ticket-dlq"), json.dumps(body))
    page = tab.post(f"/dead/open_ticket/{id_}/edit")
    assert 'name="add" value="/wanted"' in page
    first = re.search(r'action="[^"]*/check" aria-labelledby="byform">.*?(<button[^>]*>)', page, re.DOTALL)
    assert first is not None
    assert "name=" not in first[1], "what Enter in a field does adds and removes nothing"
    said: dict[str, Any] = {"by": "form", "body": json.dumps(body, indent=2), "f:/language": "DE"}
    more = tab.post(f"/dead/open_ticket/{id_}/check", **said, add="/wanted")
    assert 'name="f:/wanted/1/agent" value=""' in more
    assert 'name="f:/language" value="DE"' in more
    assert "Not checked yet." in text(more)
    wrong = tab.post(f"/dead/open_ticket/{id_}/check", **said, remove="/wanted/7")
    assert "There is nothing to remove at" in text(wrong)
    assert not queue(aws, "open_ticket").arrived


def test_what_is_no_json_is_edited_as_text(tab: Tab, aws: Endpoint) -> None:
    id_ = aws.put(queue(aws, "mail_ticket-dlq"), "\nno json \x01 \u202e")
    page = tab.post(f"/dead/mail_ticket/{id_}/edit")
    assert "Body as a JSON string" in text(page)
    assert "\\u202e" in page
    assert "\u202e" not in page


def test_a_redrive_shows_its_plan_its_command_and_what_became_of_it(tab: Tab, aws: Endpoint, stage: Stage) -> None:
    ids = dead_tickets(aws, 5)
    explain(aws, ids[0])
    tab.get("/dead/open_ticket")
    plan = text(tab.get("/plan/open_ticket?cause=unknown%20agent"))
    assert "of the 5 that were looked at, 1 is meant" in plan
    assert "python -m ops redrive open_ticket --cause 'unknown agent' --yes" in plan
    dry = tab.post("/plan/open_ticket/dry", cause="unknown agent")
    assert "Would redrive 1 from open_ticket-dlq" in text(dry)
    assert not queue(aws, "open_ticket").arrived
    done = text(tab.post("/plan/open_ticket/redrive", cause="unknown agent"))
    assert "1 redriven from open_ticket-dlq" in done
    assert len(queue(aws, "open_ticket").arrived) == 1
    record = kept(stage)[0]
    assert (record.action, record.result["moved"]) == ("redrive", 1)
    assert record.id in tab.get("/redrives")
    assert "1 moved" in text(tab.get(f"/redrives/{record.id}"))
    tab.desk.jobs._jobs.clear()  # as after a restart
    assert record.who in text(tab.get(f"/redrives/{record.id}"))
    assert "redrive ended" in text(tab.get("/status/open_ticket"))


def test_the_ticked_messages_are_redriven_and_no_others(tab: Tab, aws: Endpoint) -> None:
    ids = dead_tickets(aws, 4)
    tab.get("/dead/open_ticket")
    plan = text(tab.post("/plan/open_ticket", ids=ids[1:3]))
    assert "2 by id" in plan
    assert f"--ids {','.join(ids[1:3])}" in plan
    tab.post("/plan/open_ticket/redrive", ids=",".join(ids[1:3]))
    assert sorted(json.loads(each)["n"] for each in queue(aws, "open_ticket").arrived) == [1, 2]


def test_messages_are_chosen_by_text_filter_and_age_without_receiving_them_again(tab: Tab, aws: Endpoint) -> None:
    dead_tickets(aws, 12)
    tab.get("/dead/open_ticket")
    before = received(queue(aws, "open_ticket-dlq"))
    assert tab.get("/dead/open_ticket?contains=t-7").count('type="checkbox" name="ids"') == 1
    some = tab.get("/dead/open_ticket?filter=body.n%20%3E%20%608%60")
    assert some.count('type="checkbox" name="ids"') == 3
    assert "No such message" in text(tab.get("/dead/open_ticket?older_than=2h"))
    assert "no span of time" in text(tab.get("/dead/open_ticket?older_than=soon", code=400))
    assert received(queue(aws, "open_ticket-dlq")) == before == 12


def test_a_search_goes_through_the_whole_queue_only_when_asked(tab: Tab, aws: Endpoint) -> None:
    dead_tickets(aws, 150)
    tab.get("/dead/open_ticket")
    few = text(tab.get("/dead/open_ticket?contains=t-149"))
    assert "No such message among these" in few
    assert "Search all of about 150" in few
    found = tab.post("/dead/open_ticket/look", filter="contains(body.ticket_id, 't-149')", whole="yes")
    assert found.count('type="checkbox" name="ids"') == 1
    assert "found in a search of the whole queue" in text(found)


def test_a_message_that_nobody_saw_in_a_deep_queue_is_looked_for_only_when_asked(
    tab: Tab, aws: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = dead_tickets(aws, 20)
    monkeypatch.setattr("ops.console.message.DEEPEST", 10)
    page = text(tab.get(f"/dead/open_ticket/{ids[-1]}"))
    assert "Look for it receives up to 20 messages once" in page
    assert "t-19" in tab.post(f"/dead/open_ticket/{ids[-1]}/search")
    assert "is not in open_ticket-dlq" in text(tab.post("/dead/open_ticket/nobody/search", code=400))


def test_a_queue_is_peeked_into_only_where_that_moves_nothing(tab: Tab, aws: Endpoint) -> None:
    work = queue(aws, "mail_ticket")
    aws.put(work, '{"email": "ada@example.com"}')
    shown = text(tab.get("/queue/mail_ticket"))
    assert "1 waiting" in shown
    assert "after 5 receives SQS moves a message to its dead-letter queue" in shown
    assert "Look at 10 messages" not in shown
    assert "SQS moves a message of mail_ticket to its dead-letter queue" in text(
        tab.post("/queue/mail_ticket/peek", code=400)
    )
    work.receives = 100
    deep = replace(SAMPLE.queue("mail_ticket"), receives=100)
    integrations = [
        replace(each, queues=tuple(deep if queue_.name == deep.name else queue_ for queue_ in each.queues))
        for each in SAMPLE.integrations
    ]
    topology = replace(SAMPLE, integrations=tuple(integrations))
    tab.desk._stage = replace(tab.desk.stage, topology=topology)
    shown = text(tab.get("/queue/mail_ticket"))
    assert "Look at 10 messages" in shown
    assert "python -m ops peek mail_ticket --work" in shown
    looked = tab.post("/queue/mail_ticket/peek")
    assert "email" in looked
    assert "ada@example.com" not in looked


def test_every_command_that_is_shown_is_one(tab: Tab, aws: Endpoint) -> None:
    ids = dead_tickets(aws, 1)
    paths = ("/dead", "/dead/open_ticket", f"/dead/open_ticket/{ids[0]}", "/plan/open_ticket", "/status/open_ticket")
    for path in paths:
        shells = re.findall(r'class="shell">.*?<code[^>]*>(.*?)</code>', tab.get(path), flags=re.DOTALL)
        assert shells, path
        for shell in shells:
            words = shlex.split(unescape(shell))
            assert words[:3] == ["python", "-m", "ops"]
            assert words[3] in PLACES
