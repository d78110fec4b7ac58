"""What somebody typed to find a request stands in no address and no title, and its page can be gone back to."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any
from urllib.parse import unquote

import pytest

from functions.contracts.log_line import LONGEST_KEY
from ops.console.typed import MOST, Typed
from tests.ops.cli.typed import queue
from tests.ops.console.tab import ORIGIN, Tab, text
from tests.ops.endpoint import Endpoint
from tests.ops.lines import handled
from tests.ops.sight import Insights

ID = "9a046ad6-0cb9-4120-8985-065864e900df"
JANE = "order-1-jane@example.com"


def led_to(tab: Tab, **said: str) -> str:
    """The address that what was typed leads to, below the base."""
    said |= {"csrf": tab.desk.csrf}
    answer = tab.client.post(f"{tab.guard.base}/request", data=said, headers={"origin": ORIGIN}, follow_redirects=False)
    assert answer.status_code == 303, text(answer.text)
    return answer.headers["location"].removeprefix(tab.guard.base)


def tells(page: str, name: str) -> list[str]:
    """Where a page, but for what a person reads of it, has that name: in its title, or an address."""
    addresses = re.findall(r'(?:href|hx-get|sse-connect|action)="([^"]*)"', page)
    return [each for each in (page.partition("</title>")[0], *addresses) if name in unquote(unescape(each))]


@pytest.fixture
def logs(aws: Endpoint) -> Insights:
    aws.insights = Insights(statuses=["Complete"])
    return aws.insights


@pytest.mark.parametrize("said", [{"id": JANE}, {"id": f" {JANE} ", "since": "3d"}, {"id": ID, "key": "yes"}])
def test_what_is_typed_leads_to_an_address_that_tells_nothing_of_it_and_can_be_asked_again(
    tab: Tab, logs: Insights, said: dict[str, str]
) -> None:
    id_ = said["id"].strip()
    logs.lines = [handled("open_ticket", "m1", 100, correlation_id=JANE, key=ID)]
    address = led_to(tab, **said)
    assert id_ not in unquote(address)
    assert ("&since=3d" in address, "&key=yes" in address) == ("since" in said, "key" in said)
    for _ in ("first", "again"):
        page = tab.get(address)
        assert f'value="{id_}"' in page
        assert "open_ticket" in text(page)
        assert not tells(page, JANE)
        assert not tells(page, id_)
    assert led_to(tab, **said) == address, "the same leads to the same, so what is asked often takes no place of others"


def test_an_id_of_awss_making_leads_to_a_page_that_can_be_linked_to(tab: Tab, logs: Insights) -> None:
    assert led_to(tab, id=f" {ID} ", since="3d") == f"/request?id={ID}&since=3d"
    logs.lines = [handled("open_ticket", ID, 100, correlation_id=JANE)]
    page = tab.get(f"/request?id={ID}")
    assert JANE in text(page)
    assert not tells(page, JANE), "the message's id is of AWS's making, and that of its request is not"
    logs.lines = [handled("open_ticket", "m1", 100, correlation_id=ID)]
    assert f"<title>Request {ID} " in tab.get(f"/request?id={ID}")


def test_found_requests_are_linked_to_without_what_their_callers_call_them(tab: Tab, logs: Insights) -> None:
    theirs = [f"order-{n}-jane@example.com" for n in (1, 2)]
    logs.lines = [handled("open_ticket", f"m{n}", n, correlation_id=id_, key="t-1") for n, id_ in enumerate(theirs)]
    logs.lines.append(handled("open_ticket", "m3", 3, correlation_id=ID, key="t-1"))
    page = tab.post("/request", id="t-1", since="3d")
    assert "3 requests have the key t-1" in text(page)
    assert not tells(page, "jane")
    table = page.partition('<table class="requests')[2]
    links = [each for each in tab.links_of(table) if each.startswith("/request?")]
    assert links[0] == f"/request?id={ID}&since=3d"
    for link, id_ in zip(links[1:], reversed(theirs), strict=True):
        found = tab.get(link)
        assert f'value="{id_}"' in found
        assert not tells(found, "jane")


def test_an_address_with_a_name_in_it_leads_to_one_without(tab: Tab, logs: Insights) -> None:
    answer = tab.client.get(f"{tab.guard.base}/request?id={JANE}&since=1h&follow=15", follow_redirects=False)
    assert answer.status_code == 303
    address = answer.headers["location"].removeprefix(tab.guard.base)
    assert address.endswith("&since=1h&follow=15")
    page = tab.get(address)
    link = re.search(r'hx-get="([^"]*)"', page)
    assert link is not None
    assert unescape(link[1]).removeprefix(tab.guard.base) == address.replace("follow=15", "follow=14")
    assert not tells(page, JANE)


def test_what_is_not_kept_any_more_is_to_be_searched_again(tab: Tab, logs: Insights) -> None:
    for address in ("/request?typed=nobody", "/request?typed=nobody&since=1h&follow=15&key=yes"):
        page = tab.get(address)
        assert "is not kept any more: search again" in text(page)
        assert 'id="id" name="id" value=""' in page
        assert "hx-get" not in page.partition("<main")[2]
        assert "trace" not in text(page).partition("search again")[2], "there is nothing that a command could ask"
    assert not logs.asked


def test_nothing_is_searched_where_nothing_was_typed(tab: Tab, logs: Insights) -> None:
    assert led_to(tab, id=" ", since="3d") == "/request?since=3d"
    assert "Nothing is known" not in text(tab.get("/request?since=3d"))


def test_what_is_longer_than_any_id_or_key_is_not_kept(tab: Tab, logs: Insights) -> None:
    assert f"1 to {LONGEST_KEY} characters" in text(tab.post("/request", code=400, id="x" * (LONGEST_KEY + 1)))
    assert not len(tab.desk.typed)
    assert tab.post("/request", id="x" * LONGEST_KEY)


def test_a_dead_letter_and_its_redrive_lead_to_its_request_without_its_callers_name(
    tab: Tab, aws: Endpoint, logs: Insights
) -> None:
    body = json.dumps({"ticket_id": "t-1", "email": "a@example.com", "wanted": [{"agent": "a-9", "hours": 2}]})
    id_ = aws.put(queue(aws, "open_ticket-dlq"), body, correlation_id=JANE)
    page = tab.get(f"/dead/open_ticket/{id_}")
    assert not tells(page, JANE)
    fields: dict[str, Any] = {"csrf": tab.desk.csrf, "body": body.replace("a-9", "a-1")}
    said: dict[str, Any] = {"headers": {"origin": ORIGIN}, "follow_redirects": False}
    answer = tab.client.post(f"{tab.guard.base}/dead/open_ticket/{id_}/send", data=fields, **said)
    assert answer.status_code == 303, text(answer.text)
    assert JANE not in unquote(answer.headers["location"])
    page = tab.get(answer.headers["location"].removeprefix(tab.guard.base))
    assert not tells(page, JANE)
    (link,) = [each for each in tab.links_of(page) if each.startswith("/request?")]
    assert f'value="{JANE}"' in tab.get(link)


def test_the_last_are_kept() -> None:
    typed = Typed()
    first, *_, last = [typed.query(f"text-{n}")["typed"] for n in range(MOST)]
    assert typed.text(first) == "text-0", "which makes it the last that was asked for"
    typed.query("one more")
    assert (typed.text(first), typed.text(last)) == ("text-0", f"text-{MOST - 1}")
    gone = Typed().query("text-1")["typed"]
    assert typed.text(gone) is None, "another console's tells nothing here"
    assert len(typed) == MOST
