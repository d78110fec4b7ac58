"""Limits as they are counted: what is shown of keys, and how little of the table is read for it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from typer.testing import CliRunner

from functions.contracts.limit import TABLE
from ops.cli.app import app
from ops.errors import OpsError, UsageError
from ops.limits import counted as counting
from ops.limits import table
from ops.limits.counted import MOST, Counted, counted
from ops.stage import Stage
from stacks import names
from tests.ops.console.tab import opened, text
from tests.ops.endpoint import Endpoint
from tests.ops.limits.stages import ahead, count, held, limited, stage_of, waited
from tests.sample.topology import SAMPLE

HOSTILE = "<script>alert(1)</script>\u202e@2/places"


@pytest.fixture
def there(stage: Stage, aws: Endpoint) -> Stage:
    return stage_of(stage, aws, *(waited("open_ticket", "crm", at) for at in range(3)), waited("open_ticket", "tenant"))


def one(stage: Stage, consumer: str, limit: str, key: str | None = None) -> Counted:
    (found,) = [each for each in counted(stage, consumer, key).consumers[0].limits if each.name == limit]
    return found


def test_a_limit_for_the_whole_consumer_is_looked_up(there: Stage, aws: Endpoint) -> None:
    crm = one(there, "open_ticket", "crm")
    assert not crm.buckets[0].counted
    assert crm.waited == 3
    count(aws, "open_ticket/crm/@0.1", given=ahead(95))
    crm = one(there, "open_ticket", "crm")
    assert (crm.buckets[0].promised, crm.holds_back) == (9, True)
    count(aws, "open_ticket/crm/@0.1", given=ahead(15))
    assert not one(there, "open_ticket", "crm").holds_back


def test_keys_are_found_in_one_page_and_those_first_that_hold_back_most(there: Stage, aws: Endpoint) -> None:
    for number in range(30):
        count(aws, f"open_ticket/tenant/t{number:02}@2", given=ahead(2.6 + number))
    count(aws, "open_ticket/tenant/quiet/places", p0=held(), p1=held(-60), p2="", expires_at=9)
    count(aws, "open_ticket/tenant/t05/places", p0=held(), p1=held())
    count(aws, "open_ticket/tenant/t99@7", given=ahead(500))  # of a rate that was
    count(aws, "open_ticket/waits/m1", waits=3, receive=4)
    count(aws, "mail_ticket/mail//places", p1=held())
    found = counted(there)
    _, tenant = found.consumers[0].limits
    assert [each.key for each in tenant.buckets][:2] == ["t29", "t28"]
    assert (len(tenant.buckets), tenant.more) == (MOST, 31 - MOST)
    assert (found.looked_at, found.more) == (35, False)
    assert [each.taken for each in one(there, "open_ticket", "tenant", "quiet").buckets] == [1]
    assert [each.taken for each in one(there, "open_ticket", "tenant", "t05").buckets] == [2]
    (mail,) = found.consumers[2].limits
    assert (mail.buckets[0].key, mail.buckets[0].taken) == (None, 1)


def test_never_more_than_a_page_is_read_and_a_key_beyond_it_is_looked_up(
    there: Stage, aws: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "PAGE", 10)
    for number in range(200):
        count(aws, f"open_ticket/tenant/t{number:03}@2", given=ahead(1))
    found = counted(there)
    assert (found.looked_at, found.more) == (10, True)
    assert any("10 items of the table were looked at" in each for each in found.remarks())
    assert [each.counted for each in one(there, "open_ticket", "tenant", "t150").buckets] == [True]
    assert [each.counted for each in one(there, "open_ticket", "tenant", "t500").buckets] == [False]


def test_the_calls_do_not_grow_with_the_keys(there: Stage, aws: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    client = there.client("dynamodb")
    for name in ("scan", "batch_get_item"):
        monkeypatch.setattr(client, name, _noting(asked, name, getattr(client, name)))
    for number in range(900):
        count(aws, f"open_ticket/tenant/t{number}@2", given=ahead(1))
    counted(there)
    assert asked == ["batch_get_item", "scan"]


def _noting(asked: list[str], name: str, real: Callable[..., Any]) -> Callable[..., Any]:
    def noted(**said: Any) -> Any:
        asked.append(name)
        return real(**said)

    return noted


def test_secret_keys_are_hidden_and_long_ones_said_to_be_hashed(there: Stage, aws: Endpoint) -> None:
    count(aws, "change_ticket/token/sk-live-1@1", given=ahead(1))
    assert "sk-live-1" not in str(counted(there))
    long = "x" * 300
    count(aws, f"open_ticket/tenant/{hashlib.sha256(long.encode()).hexdigest()}@2", given=ahead(9))
    found = counted(there)
    assert found.hashed
    assert any("SHA-256" in each for each in found.remarks())
    assert one(there, "open_ticket", "tenant", long).buckets[0].counted


def test_a_retired_limit_counts_nothing(there: Stage, aws: Endpoint) -> None:
    count(aws, "change_ticket/old/@1", given=ahead(900))
    old = one(there, "change_ticket", "old")
    assert (old.buckets, old.retired, old.holds_back) == ([], True, False)


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (
            ("nobody", None),
            "There is no consumer 'nobody' with limits: there is open_ticket, change_ticket, mail_ticket.",
        ),
        (("close_ticket", None), "Consumer 'close_ticket' has no limits."),
        ((None, "acme"), "Say whose key it is: limits CONSUMER --key KEY."),
        (("mail_ticket", "acme"), "The limits of 'mail_ticket' are for the whole consumer: leave --key out."),
    ],
)
def test_what_makes_no_sense_is_refused(there: Stage, asked: tuple[Any, Any], sentence: str) -> None:
    with pytest.raises(UsageError, match=f"^{sentence}$"):
        counted(there, *asked)


def test_without_the_permission_it_says_so_and_without_logs_it_shows_the_rest(there: Stage, aws: Endpoint) -> None:
    aws.insights = None
    found = counted(there)
    assert found.consumers[0].limits[0].waited is None
    assert "Who waited in the last minute is not known" in " ".join(found.remarks())
    aws.refusing.add("dynamodb_20120810")
    with pytest.raises(OpsError, match="was refused: not you"):
        counted(there)


@pytest.mark.parametrize("columns", ["80", "120"])
def test_the_command_shows_it_at_any_width(
    there: Stage, aws: Endpoint, monkeypatch: pytest.MonkeyPatch, columns: str
) -> None:
    monkeypatch.setattr("ops.cli.limits.opened", lambda _: there)
    monkeypatch.setenv("COLUMNS", columns)
    count(aws, f"open_ticket/tenant/{HOSTILE}@2", given=ahead(100))
    shown = CliRunner().invoke(app, ["limits"], obj=limited())
    assert shown.exit_code == 0, shown.output
    assert all(len(line) <= int(columns) for line in shown.stdout.splitlines())
    assert "\u202e" not in shown.stdout
    assert "lets everything through" in shown.stdout
    assert "nothing counted yet" in shown.stdout
    told = json.loads(CliRunner().invoke(app, ["limits", "open_ticket", "--json"], obj=limited()).stdout)
    assert told["consumers"][0]["limits"][1]["buckets"][0]["promised"] in range(180, 196), (
        "2 a second, a busy machine later"
    )


def test_a_map_without_limits_says_so(stage: Stage, aws: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ops.cli.limits.opened", lambda _: stage)
    assert CliRunner().invoke(app, ["limits"], obj=SAMPLE).stdout == "The map has no limits.\n"


def test_the_page_shows_what_the_command_shows_and_looks_up_a_key(there: Stage, aws: Endpoint) -> None:
    count(aws, "open_ticket/crm/@0.1", given=ahead(95))
    count(aws, f"open_ticket/tenant/{HOSTILE}@2", given=ahead(4))
    with opened(there) as tab:
        page = tab.get("/limits")
        shown = text(page)
        assert "python -m ops limits" in shown
        assert "holds back more than a minute lets through" in shown
        assert "3 left to wait for it in the last minute" in shown
        assert "<script>alert" not in page
        assert "\u202e" not in page
        assert "Nothing counted yet." in shown
        one = text(tab.post("/limits/open_ticket", key="acme"))
        assert "Nothing is counted of this key." in one
        assert "limits open_ticket --key acme" in one
        assert "Say which key" in text(tab.post("/limits/open_ticket", code=400, key=" "))
        assert "There is no consumer" in text(tab.get("/limits?consumer=%3Cb%3E", code=400))


def test_the_page_is_in_reach_only_where_the_map_has_limits(stage: Stage, there: Stage) -> None:
    with opened(there) as tab:
        assert "/limits" in tab.links_of(tab.get("/"))
    with opened(stage) as tab:
        page = tab.get("/")
        assert "/limits" not in tab.links_of(page)
        assert "The map has no limits." in text(tab.get("/limits"))


def test_the_table_is_that_of_the_stage(there: Stage, aws: Endpoint) -> None:
    del aws.tables[names.resource(names.LOCAL, TABLE)]
    with pytest.raises(OpsError):
        counted(there)
    assert counting.MINUTE == 60
