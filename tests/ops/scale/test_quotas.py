"""The list of quotas: each is dated and sourced, regions differ where AWS says so, an account's own figures count."""

from __future__ import annotations

import re
from datetime import date

import pytest

from ops.address import partition_of
from ops.errors import UsageError
from ops.scale.quotas import Quotas, listed


@pytest.mark.parametrize("name", sorted(listed()))
def test_every_quota_says_where_and_when_it_was_read(name: str) -> None:
    quota = listed()[name]
    assert re.match(r"https://(docs\.aws\.amazon\.com|aws\.amazon\.com|repost\.aws)/", quota.source)
    assert date(2026, 11, 1) <= quota.read
    assert quota.value > 0
    assert all(value > 0 for value in quota.regions.values())
    assert quota.name
    assert quota.unit
    assert quota.code is None or re.fullmatch(r"L-[0-9A-F]{8}", quota.code)
    assert quota.code is None or quota.adjustable, "Service Quotas raises what has a code"
    for region in quota.regions:
        partition = partition_of(region)
        assert partition is not None
        assert partition.name == "aws", region


def test_what_is_not_known_of_a_quota_is_said() -> None:
    for quota in listed().values():
        assert quota.adjustable is not None or quota.unseen


@pytest.mark.parametrize(
    ("region", "name", "most"),
    [
        ("us-east-1", "put_events", 10_000),
        ("eu-central-1", "put_events", 2_400),
        ("eu-north-1", "put_events", 600),
        ("mx-central-1", "put_events", 400),
        ("us-east-1", "deliveries", 18_750),
        ("eu-central-1", "deliveries", 4_500),
        ("mx-central-1", "deliveries", 750),
        ("eu-central-1", "api_rate", 10_000),
        ("eu-south-1", "api_rate", 2_500),
        ("eu-west-1", "fifo_sends", 70_000),
        ("eu-north-1", "fifo_sends", 2_400),
        ("eu-west-2", "key_calls", 20_000),
        ("eu-north-1", "lambda_concurrency", 1_000),
    ],
)
def test_regions_differ_where_aws_says_so(region: str, name: str, most: float) -> None:
    assert Quotas(region).most(name) == most


def test_an_accounts_own_figure_takes_the_place_of_the_lists() -> None:
    assert Quotas("us-east-1", {"lambda_concurrency": 10}).most("lambda_concurrency") == 10


@pytest.mark.parametrize(
    ("own", "sentence"),
    [
        ({"lambda": 10}, "There is no quota 'lambda'; choose of api_burst, "),
        ({"email_rate": 0}, "Quota email_rate=0 makes no sense"),
        ({"email_rate": float("nan")}, "Quota email_rate=nan makes no sense"),
        ({"email_rate": float("inf")}, "Quota email_rate=inf makes no sense"),
    ],
)
def test_a_figure_that_makes_no_sense_is_refused(own: dict[str, float], sentence: str) -> None:
    with pytest.raises(UsageError, match=re.escape(sentence)):
        Quotas("us-east-1", own)


def test_what_to_ask_for_is_the_code_or_a_person() -> None:
    assert listed()["lambda_concurrency"].asked_by == "quota L-B99A9384"
    assert listed()["queue_in_flight"].asked_by == "AWS Support"
    assert listed()["item_writes"].asked_by == "no setting"
