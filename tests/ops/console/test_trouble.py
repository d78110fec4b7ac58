"""What goes wrong is one sentence on the page, and goes right again without starting the console anew."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode

import pytest

from ops.console.desk import Desk
from ops.console.page import STAGED
from ops.dead_letters.inventory import DeadQueue, Inventory
from ops.errors import OpsError
from ops.observe import live as lives
from ops.stage import Stage
from stacks import names
from stacks.entry import Topology
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


def test_what_could_not_be_asked_leaves_the_page_saying_where_it_is(tab: Tab) -> None:
    """Whoever is told that credentials ran out still sees of which stage, and its pages."""

    def connect() -> Stage:
        raise OpsError(EXPIRED)

    bar = tab.get("/").partition("<main")[0]
    tab.desk.open_ = connect
    tab.desk.reconnect()
    refused = tab.get("/dead/open_ticket", code=502).partition("<main")[0]
    assert "stage " in text(refused)
    assert "not connected" not in text(refused)
    assert tab.links_of(refused) == tab.links_of(bar)


@pytest.mark.parametrize("seen", [True, False])
def test_a_cause_that_could_not_be_asked_for_is_not_called_missing(tab: Tab, aws: Endpoint, seen: bool) -> None:
    (id_,) = dead_tickets(aws, 1)
    assert "no cause is recorded, and none was found in the log" in text(tab.get(f"/dead/open_ticket/{id_}"))
    aws.refusing = {"dynamodb_20120810", "logs_20140328"}
    if seen:
        tab.get("/dead/open_ticket")
    page = text(tab.get(f"/dead/open_ticket/{id_}"))
    assert "none was found in the log" not in page
    assert "Neither the recorded causes could be read nor the log: BatchGetItem was refused: not you" in page


def test_what_is_a_stages_is_not_looked_for_in_an_account(stage: Stage) -> None:
    elsewhere = replace(stage, name="000000000000-us-east-1", staged=False, topology=Topology())
    with opened(elsewhere) as tab:
        answer = tab.client.get(f"{tab.guard.base}/dead", follow_redirects=False)
        assert answer.headers["location"].endswith("/account"), "nobody looked, so nobody says that there is none"
        for page in (*STAGED, "try/route", "schedules/x", "events/x", "replay/x", "replays/x", "queue/x"):
            if page in ("queue", "schedule", "replay"):
                continue
            said = text(tab.get(f"/{page}?id=x", code=400))
            assert "This page is of a stage, and here is account 000000000000" in said, page
            assert "start the console with --stage" in said


def test_a_map_without_queues_has_no_queue_to_name(stage: Stage) -> None:
    with opened(replace(stage, topology=Topology())) as tab:
        assert "There is no work queue 'x' in stage local: there is none." in text(tab.get("/queue/x", code=400))


@pytest.mark.parametrize("path", ["/", "/queue/open_ticket", "/events/TicketOpened"])
def test_where_rates_are_refused_the_page_says_so_and_shows_the_rest(
    tab: Tab, aws: Endpoint, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    dead_tickets(aws, 2)

    def refused(*_: object) -> None:
        raise OpsError("GetMetricData was refused: no (AccessDenied).")

    monkeypatch.setattr(lives, "counted", refused)
    page = text(tab.get(path))
    assert "is not known" in page
    assert page.count("GetMetricData was refused: no (AccessDenied).") == 1
    assert "open_ticket" in page
    assert "2 waiting" in text(tab.get("/dead")), "the dead are counted by SQS"


@pytest.mark.parametrize("path", ["/", "/dead", "/queue/open_ticket"])
def test_what_is_no_longer_new_says_so(tab: Tab, aws: Endpoint, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    tab.get(path)

    def away(*_: object) -> None:
        raise OpsError("AWS does not answer.")

    monkeypatch.setattr("ops.observe.watch.Watch.look", away)
    page = text(tab.get(path))
    assert "Not newer than" in page
    assert "AWS does not answer." in page


def test_an_id_that_nobody_knows_is_said_beside_the_form_and_nothing_is_asked_anew(tab: Tab) -> None:
    tab.get("/")
    known = tab.desk.known
    query: dict[str, Any] = {"id": "nobody", "since": "3d"}
    by_post = [tab.post("/request", **query, **more) for more in (dict[str, Any](), {"key": "yes"})]
    for page in (tab.get(f"/request?{urlencode(query)}"), *by_post):
        assert "Nothing is known of nobody in stage local: no line of the last 72 h" in text(page)
        assert 'value="nobody"' in page
        assert page.count('role="alert"') == 1
        assert "--since 3d" in text(page)
    assert tab.desk.known is known
    assert tab.desk.live.last(3600) is not None, "the lines of the last hour are still there"


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
