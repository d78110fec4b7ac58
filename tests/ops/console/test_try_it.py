"""Trying a route: a form of what the map says, sent to the stage's API only, and its answer as text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from typing import Any
from urllib.parse import quote

import pytest

import ops.observe.logs
import ops.send.caller
from ops.audit import kept
from ops.send.target import targets
from ops.stage import Stage
from stacks import names
from stacks.entry import Topology
from tests.ops.console.tab import Tab, opened, text
from tests.ops.endpoint import Endpoint
from tests.ops.send.api import Api, answer, running
from tests.ops.sight import Insights
from tests.sample.laned import LANED
from tests.sample.statuses import STATUSES
from tests.sample.topology import SAMPLE

ROUTE = "/try/route?route=POST+/v1/tickets"
CHANGE = f"/try/route?route={quote('POST /v1/tickets/{ticket_id}/changes')}"
EVIL = "</pre><script>alert(1)</script>\"'>&amp;\u202e\x1b[2J"


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    monkeypatch.setattr(ops.send.caller, "TIMEOUT", 2)
    with running() as api:
        yield api


@pytest.fixture
def trying(stage: Stage, aws: Endpoint, api: Api) -> Iterator[Tab]:
    aws.insights = Insights(statuses=["Complete"])
    with opened(replace(stage, api_url=api.url)) as tab:
        yield tab


def fields(page: str) -> dict[str, Any]:
    """What a browser would send of the form, as it stands."""
    found = {unescape(n): unescape(v) for n, v in re.findall(r'<input[^>]* name="([^"]*)" value="([^"]*)"', page)}
    found |= {
        unescape(name): unescape(value)
        for name, value in re.findall(r'<textarea[^>]* name="([^"]*)"[^>]*>\n?(.*?)</textarea>', page, re.DOTALL)
    }
    for name, options in re.findall(r'<select[^>]* name="([^"]*)"[^>]*>(.*?)</select>', page):
        chosen = re.search(r"<option selected>([^<]*)", options)
        first = re.search(r'<option(?: value="([^"]*)")?>([^<]*)', options)
        found[unescape(name)] = unescape(chosen[1] if chosen else first[1] or "" if first else "")
    return {name: value for name, value in found.items() if name not in ("csrf", "id")}


def test_every_route_is_listed_with_its_integration_and_opens_as_a_form(trying: Tab) -> None:
    page = trying.get("/try")
    shown = text(page)
    for target in targets(SAMPLE):
        assert target.name in shown
        assert target.summary in shown
    for link in [each for each in trying.links_of(page) if each.startswith("/try/route")]:
        assert "Send" in text(trying.get(link))
    assert 'href="' + trying.guard.base + '/try"' in trying.get("/try")


@pytest.mark.parametrize("topology", [STATUSES, LANED], ids=["statuses", "lanes"])
def test_reads_lanes_and_delays_have_their_fields(stage: Stage, api: Api, topology: Topology) -> None:
    with opened(replace(stage, topology=topology, api_url=api.url)) as tab:
        for target in targets(topology):
            page = tab.get(f"/try/route?route={quote(target.name)}")
            for each in target.parameters:
                assert f'name="f:{each["in"]}/{each["name"]}"' in page
            assert ('name="body"' in page) == (target.body is not None)


def test_the_form_as_it_stands_sends_the_example(trying: Tab, api: Api, stage: Stage) -> None:
    page = trying.get(ROUTE)
    shown = text(trying.post(ROUTE, **fields(page), do="send"))
    (asked,) = api.asked
    assert asked.line == "POST /local/v1/tickets HTTP/1.1"
    (target,) = (each for each in targets(SAMPLE) if each.name == "POST /v1/tickets")
    assert json.loads(asked.body) == target.example
    assert "202 Accepted" in shown
    assert "Follow it" in shown
    assert "python -m ops trace corr-1" in shown
    (record,) = kept(stage)
    assert (record.action, record.queue) == ("send", "open_ticket")


def test_fields_text_and_headers_are_what_is_sent(trying: Tab, api: Api) -> None:
    said = fields(trying.get(CHANGE))
    assert said["f:path/ticket_id"]
    assert "matches [A-Za-z0-9_-]{1,64}, such as" in text(trying.get(CHANGE))
    assert "One more than the step before, 1 to 1,000" in text(trying.get(CHANGE))
    assert said["f:header/Idempotency-Key"].startswith("try-")
    said |= {"f:path/ticket_id": "t/1", "f:header/Idempotency-Key": "k-1", "more": "X-Own: a\r\n\r\nX-Two: b"}
    said["f:/note"] = "by the field"
    said["body"] = said["body"].replace('"step": ', '"step": 1')
    page = trying.post(CHANGE, **said, do="send")
    (asked,) = api.asked
    assert asked.line == "POST /local/v1/tickets/t%2F1/changes HTTP/1.1"
    assert (asked.headers["idempotency-key"], asked.headers["x-own"], asked.headers["x-two"]) == ("k-1", "a", "b")
    body = json.loads(asked.body)
    assert body["note"] == "by the field"
    assert str(body["step"]).startswith("1")
    assert fields(page)["body"] == asked.body.decode()
    assert "--path ticket_id=t/1" in text(page)


def test_fields_are_written_into_the_text_and_nothing_is_sent(trying: Tab, api: Api) -> None:
    said = fields(trying.get(ROUTE)) | {"f:/ticket_id": "another"}
    page = trying.post(ROUTE, **said, do="fill")
    assert json.loads(fields(page)["body"])["ticket_id"] == "another"
    assert not api.asked
    assert "Nothing was sent yet" in text(page)


def test_what_is_no_json_is_sent_as_it_is_unless_a_field_was_changed_too(trying: Tab, api: Api) -> None:
    api.answers = [answer(400, {"message": "The body is no JSON that fits.", "correlation_id": "c"})]
    said = fields(trying.get(ROUTE)) | {"body": '{"a": '}
    page = trying.post(ROUTE, **said, do="send")
    assert api.asked[0].body == b'{"a": '
    assert "400 Bad Request" in text(page)
    assert "The body is no JSON that fits." in text(page)
    assert "Follow it" not in page
    page = trying.post(ROUTE, **said | {"f:/ticket_id": "another"}, do="send")
    assert "The text has no place for what the fields say" in text(page)
    assert len(api.asked) == 1
    assert fields(page)["body"] == '{"a": '


@pytest.mark.parametrize(
    "more", ["Host: evil", "Content-Length: 1", "X: a\x0bb", "X-A: \u0416", "no header", "Transfer-Encoding: chunked"]
)
def test_headers_that_nobody_may_say_are_refused_and_what_was_written_stays(
    trying: Tab, api: Api, stage: Stage, more: str
) -> None:
    said = fields(trying.get(ROUTE)) | {"more": more, "body": '{"kept": 1}'}
    page = trying.post(ROUTE, **said, do="send")
    assert 'role="alert"' in page
    assert fields(page)["body"] == '{"kept": 1}'
    assert not api.asked
    assert not kept(stage)


def test_a_line_break_in_a_field_is_no_header_of_its_own(trying: Tab, api: Api) -> None:
    said = fields(trying.get(CHANGE)) | {"f:header/Idempotency-Key": "a\r\nX-Evil: 1"}
    assert "such as a line break" in text(trying.post(CHANGE, **said, do="send"))
    assert not api.asked


def test_an_answer_is_text_whatever_is_in_it(trying: Tab, api: Api) -> None:
    body = json.dumps({"message": EVIL, "correlation_id": EVIL}, ensure_ascii=False).encode()
    evil = {"X_Evil": "<script>alert(2)</script>", "X_Correlation_Id": '"><script>alert(3)</script>'}
    api.answers = [answer(400, body, **evil)]
    page = trying.post(ROUTE, **fields(trying.get(ROUTE)), do="send")
    assert "<script>alert" not in page
    assert "\u202e" not in page
    assert "\x1b" not in page
    assert "&lt;script&gt;alert(1)" in page
    api.answers = [answer(202, b"<script>alert(4)</script>", **evil)]
    page = trying.post(ROUTE, **fields(trying.get(ROUTE)), do="send")
    assert "<script>alert" not in page


def test_a_body_that_is_too_large_is_the_apis_to_refuse(trying: Tab, api: Api) -> None:
    api.answers = [answer(413, {"message": "The body is larger than it may be.", "correlation_id": "c"})]
    said = fields(trying.get(ROUTE)) | {"body": "x" * 2_000_000}
    page = trying.post(ROUTE, **said, do="send")
    assert len(api.asked[0].body) == 2_000_000
    assert "The body is larger than it may be." in text(page)
    assert "--body=@FILE" in text(page)


def test_an_api_that_hangs_or_is_away_is_said_and_what_was_written_stays(trying: Tab, api: Api, stage: Stage) -> None:
    api.answers = [None]
    said = fields(trying.get(CHANGE)) | {"f:/note": "kept", "f:path/ticket_id": "t-7"}
    page = trying.post(CHANGE, **said, do="send")
    assert "It may have been taken: trace" in text(page)
    assert json.loads(fields(page)["body"])["note"] == "kept"
    assert fields(page)["f:path/ticket_id"] == "t-7"
    with opened(replace(stage, api_url="http://127.0.0.1:9/local")) as tab:
        assert "The API does not answer" in text(tab.post(ROUTE, **fields(tab.get(ROUTE)), do="send"))


def test_whoever_may_not_call_reads_what_they_need(
    stage: Stage, api: Api, aws: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = names.CONTEXT["stages"]
    monkeypatch.setitem(settings, names.LOCAL, {**settings[names.LOCAL], "authorization": "iam"})
    api.answers = [answer(403, {"message": "The caller may not use this route.", "correlation_id": "c"})]
    with opened(replace(stage, api_url=api.url)) as tab:
        page = tab.get(ROUTE)
        assert "execute-api:Invoke" in text(page)
        shown = text(tab.post(ROUTE, **fields(page), do="send"))
    assert "403 Forbidden" in shown
    assert "The caller may not use this route." in shown
    assert "--profile that has execute-api:Invoke on arn:aws:execute-api:" in shown


def test_a_credential_is_used_once_and_shown_nowhere(trying: Tab, api: Api, home: Any) -> None:
    hook = "/try/route?route=POST+/v1/webhooks/github"
    said = fields(trying.get(hook))
    page = trying.post(hook, **said, credential="whsec_hidden", do="send")
    assert api.asked[0].headers["x-hub-signature-256"].startswith("sha256=")
    assert "whsec_hidden" not in page
    assert not [file for file in home.rglob("*") if file.is_file() and b"whsec_hidden" in file.read_bytes()]


@pytest.mark.parametrize(
    "header",
    ["Authorization: Bearer hidden-1", "x-api-key: hidden-1", "Cookie: a=hidden-1; b=2", "X-Own-Token: hidden-1"],
)
def test_a_credential_among_the_headers_is_sent_and_not_in_the_command(trying: Tab, api: Api, header: str) -> None:
    said = fields(trying.get(ROUTE)) | {"more": f"{header}\nX-Not-Named: hidden-2\nIdempotency-Key: key-1"}
    page = trying.post(ROUTE, **said, do="send")
    name = header.partition(":")[0]
    assert "hidden-1" in api.asked[0].headers[name.lower()]
    command = unescape(re.findall(r'class="shell[^>]*>.*?<code[^>]*>(.*?)</code>', page, re.DOTALL)[0])
    assert f"--header '{name}: [secret]'" in command
    assert "hidden" not in command
    assert "--header 'X-Not-Named: [secret]' --header 'Idempotency-Key: key-1'" in command


def test_a_body_with_a_secret_is_a_file_of_ones_own_in_the_command(trying: Tab, api: Api) -> None:
    said = fields(trying.get(ROUTE))
    page = trying.post(ROUTE, **said | {"body": '{"password": "hidden-1"}'}, do="send")
    assert b"hidden-1" in api.asked[0].body
    assert "--body=@FILE" in text(page)
    page = trying.post(ROUTE, **said | {"body": '{"ticket_id": "t-9"}'}, do="send")
    assert "--body=@FILE" not in text(page)


def test_one_that_only_reads_sends_nothing_and_says_so(stage: Stage, api: Api) -> None:
    with opened(replace(stage, api_url=api.url), read_only=True) as tab:
        page = tab.get("/try")
        assert "started with --read-only: nothing is sent" in text(page)
        assert f'href="{tab.guard.base}/try"' not in page, "and is not in the way"
        page = tab.get(ROUTE)
        assert 'value="send"' not in page
        tab.post(ROUTE, code=403, **fields(page), do="send")
    assert not api.asked


def test_where_data_is_kept_it_is_asked_for_and_a_name_is_typed(stage: Stage, api: Api) -> None:
    prod = replace(stage, name="prod", api_url=api.url)
    with opened(prod) as tab:
        page = tab.get("/try")
        assert "Start the console with --try for that." in text(page)
        assert f'href="{tab.guard.base}/try"' not in page
        tab.post(ROUTE, code=400, **fields(tab.get(ROUTE)), do="send")
    with opened(prod, tries=True) as tab:
        page = tab.get(ROUTE)
        assert "Type open_ticket to confirm" in text(page)
        assert "--prod" in text(page)
        said = fields(page)
        assert "Type open_ticket to confirm: this changes stage prod." in text(tab.post(ROUTE, **said, do="send"))
        assert not api.asked
        assert "202" in text(tab.post(ROUTE, **said | {"typed": "open_ticket"}, do="send"))


def test_a_route_that_is_not_there_is_said(trying: Tab) -> None:
    assert "There is no route 'POST /v1/evil'" in text(trying.get("/try/route?route=POST+/v1/evil", code=400))
    assert "There is no route ''" in text(trying.get("/try/route", code=400))
    assert "There is no route" in text(trying.get("/try/route?route=http://evil.example/", code=400))


def test_a_map_without_routes_has_nothing_to_try(stage: Stage) -> None:
    with opened(replace(stage, topology=Topology())) as tab:
        page = tab.get("/try")
        assert "No integration has a route." in text(page)
        assert f'href="{tab.guard.base}/try"' not in page


def test_a_request_that_is_not_known_yet_is_looked_for_a_while(trying: Tab) -> None:
    page = trying.get("/request?id=nobody&since=1h&follow=15")
    assert "Not yet: the logs are a few seconds behind" in text(page)
    link = re.search(r'hx-get="([^"]*)"', page)
    assert link is not None
    assert re.search(r"/request\?typed=\w+&since=1h&follow=14$", unescape(link[1]))
    assert 'hx-trigger="load delay:2s"' in page
    page = trying.get("/request?id=nobody&since=1h&follow=1")
    assert "follow=0" in page
    page = trying.get("/request?id=nobody&since=1h&follow=0")
    assert "hx-get" not in page.partition("<main")[2]
    assert "logs can take up to a minute" in text(page)
    assert "Nothing is known of nobody" in text(trying.get("/request?id=nobody"))
    assert "follow=14" in trying.get("/request?id=nobody&follow=999")
    assert "Nothing is known of nobody" in text(trying.get("/request?id=nobody&follow=x"))


def test_items_are_added_and_removed_and_nothing_is_sent_by_that(trying: Tab, api: Api) -> None:
    said = fields(trying.get(ROUTE))
    page = trying.post(ROUTE, **{**said, "add": "/wanted"})
    wanted = json.loads(fields(page)["body"])["wanted"]
    assert len(wanted) == 2
    assert wanted[1].keys() == wanted[0].keys()
    again = trying.post(ROUTE, **{**fields(page), "remove": "/wanted/1"})
    assert json.loads(fields(again)["body"]) == json.loads(said["body"])
    assert "There is nothing to add" in text(trying.post(ROUTE, **{**said, "add": "/nowhere"}))
    first = re.search(r"<form[^>]*id=\"request\".*?<button([^>]*)>", page, re.DOTALL)
    assert first is not None
    assert 'value="fill"' in first[1], "who presses Enter in a field sends nothing"
    assert not api.asked
