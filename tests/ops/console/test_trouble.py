"""What goes wrong is one sentence on the page, and goes right again without starting the console anew."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest

from ops.console.desk import Desk
from ops.dead_letters.inventory import DeadQueue, Inventory
from ops.errors import OpsError
from ops.stage import Stage
from stacks import names
from tests.ops.cli.typed import dead_tickets, queue
from tests.ops.console.tab import Tab, opened, text
from tests.ops.endpoint import Endpoint

EXPIRED = "GetQueueUrl was refused: The security token included in the request is expired (ExpiredToken)."


def test_credentials_that_ran_out_are_one_sentence_until_somebody_signs_in_again(tab: Tab, stage: Stage) -> None:
    signed_in = False

    def connect() -> Stage:
        if not signed_in:
            raise OpsError(EXPIRED)
        return stage

    tab.desk.open_ = connect
    for path in ("/", "/dead", "/dead/open_ticket", "/plan/open_ticket", "/redrives", "/account"):
        page = tab.get(path, code=502)
        assert EXPIRED in text(page), path
        assert page.count('role="alert"') == 1
    part = tab.client.get(tab.guard.base + "/dead/open_ticket/causes", headers={"hx-request": "true"}).text
    assert EXPIRED in part
    assert "<html" not in part, "htmx puts it into the page"
    signed_in = True
    tab.get("/")


def test_a_stage_that_is_not_deployed_says_so(tab: Tab, aws: Endpoint) -> None:
    aws.sqs.queues.clear()
    for path in ("/", "/dead", "/dead/open_ticket", "/queue/open_ticket"):
        shown = text(tab.client.get(tab.guard.base + path).text)
        assert "deploy stage local there first" in shown, path


def test_a_queue_that_is_not_there_says_which_are(tab: Tab) -> None:
    assert "Did you mean open_ticket?" in text(tab.get("/dead/open_tickt", code=400))
    assert "There is no work queue 'nothing'" in text(tab.get("/queue/nothing", code=400))
    assert "There is no such page." in text(tab.get("/no/such/page", code=404))
    assert "There is no redrive nothing on record" in text(tab.get("/redrives/nothing", code=400))


def test_an_empty_account_is_said_and_a_full_one_leads_to_its_queues(
    tab: Tab, aws: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Inventory(account="000000000000", region="us-east-1", queues=[], not_asked={}, whole=True)
    monkeypatch.setattr("ops.console.account.inventory", lambda _: found)
    assert "There is no dead-letter queue" in text(tab.get("/account"))
    unsure = Inventory(account="0", region="us-east-1", queues=[], not_asked={"rules": "AccessDenied"}, whole=False)
    monkeypatch.setattr("ops.console.account.inventory", lambda _: unsure)
    assert "None was found" in text(tab.get("/account"))
    assert "There is no dead-letter queue" not in text(tab.get("/account")), "nobody knows"
    arn = aws.sqs.create("theirs-dlq").arn
    theirs = DeadQueue(name="theirs-dlq", arn=arn, waiting=7, in_flight=0, delayed=0, sources=("queue theirs",))
    gone = DeadQueue(name="gone", arn=f"{arn}-x", sources=("rule r",), problem="is not there")
    asked = {"rules": "AccessDeniedException"}
    found = Inventory(account="0", region="us-east-1", queues=[theirs, gone], not_asked=asked, whole=False)
    monkeypatch.setattr("ops.console.account.inventory", lambda _: found)
    page = tab.get("/account")
    assert "Rules could not be asked: AccessDeniedException" in text(page)
    assert "There may be more" in text(page)
    (link,) = [each for each in tab.links_of(page) if "theirs" in each]
    aws.put(aws.sqs.create("theirs-dlq"), '{"whose": "theirs"}')
    assert "theirs" in text(tab.get(link))
    assert "gone" in text(page)


def test_without_a_stage_only_the_pages_that_need_none_are_there(stage: Stage, aws: Endpoint) -> None:
    elsewhere = replace(stage, name="000000000000-us-east-1", staged=False)
    theirs = aws.sqs.create("theirs-dlq")
    id_ = aws.put(theirs, '{"whose": "theirs"}')
    with opened(elsewhere) as tab:
        answer = tab.client.get(f"{tab.guard.base}/", follow_redirects=False)
        assert answer.headers["location"].endswith("/account")
        page = tab.get(f"/dead/{theirs.arn}")
        assert "Flow" not in text(page)
        assert "theirs" in tab.get(f"/dead/{theirs.arn}/{id_}")
        assert f"python -m ops redrive {theirs.arn}" in text(tab.get(f"/plan/{theirs.arn}"))


PLACES: list[tuple[dict[str, Any], bool]] = [
    ({"name": "local"}, False),
    ({"name": "dev"}, False),
    ({"name": "prod"}, True),
    ({"name": "prod-eu"}, True),
    ({"name": "unknown-to-cdk-json"}, True),
    ({"name": "000000000000-us-east-1", "staged": False}, False),
]


@pytest.mark.parametrize(("said", "careful"), PLACES)
def test_where_it_matters_the_name_of_the_queue_is_asked_for(stage: Stage, said: dict[str, Any], careful: bool) -> None:
    there = replace(stage, **said)
    assert Desk(lambda: there).careful == careful


def test_an_account_on_aws_is_one_where_it_matters(stage: Stage) -> None:
    there = replace(stage, name="1-us-east-1", staged=False, endpoint="https://sqs.us-east-1.amazonaws.com")
    there._clients.clear()
    assert Desk(lambda: there).careful


def test_in_prod_nothing_changes_until_the_queues_name_is_typed(
    stage: Stage, aws: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Desk, "careful", True)
    ids = dead_tickets(aws, 2)
    with opened(stage) as tab:
        for path in ("/plan/open_ticket/redrive", f"/dead/open_ticket/{ids[0]}/send"):
            for typed in ("", "open_ticket", "OPEN_TICKET-DLQ"):
                refused = tab.post(path, code=400, typed=typed, body="{}")
                assert "Type open_ticket-dlq to confirm: this changes stage local." in text(refused)
        assert not queue(aws, "open_ticket").arrived
        assert tab.get("/plan/open_ticket").count('name="typed"') == 1
        done = tab.post("/plan/open_ticket/redrive", typed="open_ticket-dlq")
        assert "2 redriven" in text(done)
        assert names.LOCAL in text(done)


def test_what_cannot_be_asked_for_is_said_before_anything_begins(tab: Tab, aws: Endpoint) -> None:
    dead_tickets(aws, 1)
    for query, words in {
        "limit=none": "The limit is 'none'",
        "limit=0": "The limit is '0'",
        "rate=fast": "--rate is 'fast'",
        "filter=body.": "The filter is no JMESPath",
        "filter=true": "The filter names",
        "older_than=1y": "no span of time",
        f"limit={'9' * 5000}": "The limit is '999",
        f"older_than={'9' * 5000}s": "no span of time",
        "ids=a%20b": "is no message id",
    }.items():
        assert words in text(tab.get(f"/plan/open_ticket?{query}", code=400)), query
    bad = text(tab.post("/plan/open_ticket/dry", edit="{"))
    assert "The edit is no JSON" in bad
    assert "A sample has 100 or 1000 messages" in text(tab.post("/dead/open_ticket/look", code=400, size="7"))


HUGE = ("9" * 5000, "1e999", "-1", "\u0663", "\x00", "\ud83d\ude00" * 200, "99999999999d", "0s", "%", "a" * 60_000)


@pytest.mark.parametrize("word", HUGE, ids=range(len(HUGE)))
def test_whatever_is_asked_for_is_answered_in_words(tab: Tab, aws: Endpoint, word: str) -> None:
    dead_tickets(aws, 1)
    said = quote(word.encode("utf-16", "surrogatepass").decode("utf-16"))
    paths = [
        "/dead/open_ticket?from=",
        "/dead/open_ticket?older_than=",
        "/dead/open_ticket?contains=",
        "/plan/open_ticket?rate=",
    ]
    paths += ["/dead/open_ticket?group=", "/request?id=0&since=", "/plan/open_ticket?limit=", "/looks/x?message="]
    paths += [
        "/plan/open_ticket?to=",
        "/dead/open_ticket/",
        "/schedules/",
        "/queue/",
        "/redrives/",
        "/plan/open_ticket?edit=",
    ]
    for path in paths:
        answer = tab.client.get(f"{tab.guard.base}{path}{said}")
        assert answer.status_code in (200, 400, 404, 502), path
        assert "<main" in answer.text, path
