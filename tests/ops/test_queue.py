"""An ARN or a URL is that very queue, in its account and region, or an error; words and names are the stage's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from botocore.stub import Stubber

from ops import queue as ops_queue
from ops.address import Address
from ops.errors import OpsError, UsageError
from ops.queue import REMEMBERED, find, find_dead
from ops.sqs.message import Entry
from ops.stage import Stage
from stacks import names
from tests.aws.queues import FakeSqs
from tests.ops.cli.typed import answer, dead_tickets, ops, queue
from tests.ops.endpoint import Endpoint

NAME = names.dead_letter_queue(names.LOCAL, "open_ticket")
ELSEWHERE = f"arn:aws:sqs:us-east-1:000000000000:{NAME}"
COMMANDS = [
    ("drop", "{}", "--yes"),
    ("redrive", "{}", "--yes"),
    ("peek", "{}"),
    ("export", "{}", "copy.jsonl"),
    ("dead", "--queue", "{}"),
    ("status", "{}"),
    ("cancel", "{}"),
    ("import", "{}", "letters.jsonl", "--yes"),
    ("redrive", "open_ticket", "--to", "{}", "--yes"),
]


@pytest.mark.parametrize(
    ("text", "region", "account", "name"),
    [
        ("arn:aws:sqs:eu-west-1:000000000000:a.fifo", "eu-west-1", "000000000000", "a.fifo"),
        ("arn:aws-cn:sqs:cn-north-1:000000000000:a", "cn-north-1", "000000000000", "a"),
        ("https://sqs.eu-west-1.amazonaws.com/000000000000/A", "eu-west-1", "000000000000", "A"),
        ("https://sqs.eu-west-1.amazonaws.com/000000000000/a.fifo/", "eu-west-1", "000000000000", "a.fifo"),
        ("HTTPS://SQS.EU-WEST-1.AMAZONAWS.COM/000000000000/A", "eu-west-1", "000000000000", "A"),
        ("https://sqs.eu-west-1.amazonaws.com:443/000000000000/a", "eu-west-1", "000000000000", "a"),
        ("https://queue.amazonaws.com/000000000000/a", "us-east-1", "000000000000", "a"),
        ("https://eu-west-1.queue.amazonaws.com/000000000000/a", "eu-west-1", "000000000000", "a"),
        ("https://cn-north-1.queue.amazonaws.com.cn/000000000000/a", "cn-north-1", "000000000000", "a"),
        ("https://sqs.cn-north-1.amazonaws.com.cn/000000000000/a", "cn-north-1", "000000000000", "a"),
        ("https://sqs.cn-north-1.api.amazonwebservices.com.cn/000000000000/a", "cn-north-1", "000000000000", "a"),
        ("https://sqs.eu-west-1.api.aws/000000000000/a", "eu-west-1", "000000000000", "a"),
        ("https://sqs-fips.us-east-2.amazonaws.com/000000000000/a", "us-east-2", "000000000000", "a"),
        ("https://sqs.us-gov-west-1.amazonaws.com/000000000000/a", "us-gov-west-1", "000000000000", "a"),
        ("https://vpce-0a-b.sqs.eu-west-1.vpce.amazonaws.com/000000000000/a", "eu-west-1", "000000000000", "a"),
        ("https://vpce-0a-b-eu-west-1a.sqs.eu-west-1.vpce.amazonaws.com/000000000000/a", "eu-west-1", "0" * 12, "a"),
        ("http://localhost:4566/000000000000/a", None, "000000000000", "a"),
        ("http://localhost:4566/queue/eu-west-1/000000000000/a", "eu-west-1", "000000000000", "a"),
        ("http://sqs.us-east-1.localhost.localstack.cloud:4566/000000000000/a", "us-east-1", "000000000000", "a"),
    ],
)
def test_every_spelling_of_an_address_says_which_queue_it_is(
    text: str, region: str | None, account: str, name: str
) -> None:
    address = Address.of(text)
    assert address is not None
    assert (address.region, address.account, address.name) == (region, account, name)
    assert (address.host is None) == ("localhost" not in text)


@pytest.mark.parametrize("text", ["open_ticket", NAME, "a.fifo"])
def test_a_word_or_a_name_is_no_address(text: str) -> None:
    assert Address.of(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "arn:aws:sqs:eu-west-1:000000000000",
        "arn:aws:sqs:eu-west-1:000000000000:a:b",
        "arn:aws:sqs:cn-north-1:000000000000:a",
        "arn:aws:lambda:eu-west-1:000000000000:function:open_ticket",
        "arn:aws:sns:eu-west-1:000000000000:open_ticket",
        f"ARN:AWS:SQS:EU-WEST-1:000000000000:{NAME}",
        "sqs.eu-west-1.amazonaws.com/000000000000/open_ticket",
        "https://sqs.eu-west-1.amazonaws.com/open_ticket",
        "https://sqs.eu-west-1.amazonaws.com/1/open_ticket",
        "https://sqs.eu-west-1.amazonaws.com/000000000000/open_ticket?Action=x",
        "https://sqs.eu-west-1.amazonaws.com/000000000000/open%5Fticket",
        "https://eu-west-1.console.aws.amazon.com/sqs/v3/home?region=eu-west-1#/queues/open_ticket",
        "ftp://sqs.eu-west-1.amazonaws.com/000000000000/open_ticket",
        "https://[sqs/000000000000/open_ticket",
        "a/open_ticket",
        ":open_ticket",
    ],
)
def test_what_only_looks_like_an_address_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"that is |has no region"):
        Address.of(text)


def refused(aws: Endpoint, home: Path, address: str, *command: str) -> None:
    result = ops(*(part.format(address) for part in command), "--stage", names.LOCAL)
    assert result.exit_code == 2, result.output
    assert address.rpartition("/")[2].rpartition(":")[2] in result.stderr
    assert any(words in result.stderr for words in ("sign in there", "--stage", "that is"))
    assert len(queue(aws, "open_ticket-dlq")) == 2
    assert aws.do(lambda: queue(aws, "open_ticket-dlq").in_flight) == 0
    assert not (home / "ops" / names.LOCAL / "audit.jsonl").exists(), "what is refused is no action"


def test_an_address_of_somewhere_else_is_never_our_queue_of_that_name(aws: Endpoint, home: Path) -> None:
    dead_tickets(aws, 2)
    for address in (
        ELSEWHERE,
        f"arn:aws:sqs:eu-west-1:111111111111:{NAME}",
        f"arn:aws-cn:sqs:cn-north-1:000000000000:{NAME}",
        f"https://sqs.us-east-1.amazonaws.com/000000000000/{NAME}",
        f"https://sqs.eu-west-1.amazonaws.com/111111111111/{NAME}",
        f"https://sqs.eu-west-1.amazonaws.com/000000000000/{NAME}",
        f"http://localhost:1/000000000000/{NAME}",
        f"/{NAME}",
        "x/open_ticket",
    ):
        refused(aws, home, address, "drop", "{}", "--yes")


def test_the_address_of_a_work_queue_is_never_taken_for_its_dlq(aws: Endpoint, stage: Stage) -> None:
    dead_tickets(aws, 2)
    work, dead = queue(aws, "open_ticket"), queue(aws, "open_ticket-dlq")
    for address in (work.arn, f"{aws.url}/000000000000/{work.name}"):
        for command in (("drop", "{}", "--yes"), ("drop", "{}", "--yes", "--any-queue"), *COMMANDS[:7]):
            result = ops(*(part.format(address) for part in command))
            assert result.exit_code == 2, command
            assert f"{address} is a work queue" in result.stderr.replace("\n", " ")
            assert dead.arn in result.stderr
        assert find(stage, address).kind == "work"
    assert len(dead) == 2
    for text in ("open_ticket", work.name):
        assert len(answer("peek", text)) == 2


def test_no_command_takes_our_queue_for_the_one_of_that_name_elsewhere(
    aws: Endpoint, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(home)
    (home / "letters.jsonl").write_text('{"message_id": "1", "body": "x"}\n')
    dead_tickets(aws, 2)
    for command in COMMANDS:
        refused(aws, home, ELSEWHERE, *command)


def test_our_queue_by_its_arn_or_url_is_the_one_by_its_word(aws: Endpoint, stage: Stage) -> None:
    ours = find(stage, "open_ticket-dlq")
    arn = queue(aws, "open_ticket-dlq").arn
    port = aws.url.rpartition(":")[2]
    for text in (NAME, arn, ours.url, ours.url + "/", f"{aws.url}/000000000000/{NAME}"):
        assert find(stage, text) == ours
    assert find(stage, f"http://localhost:{port}/000000000000/{NAME}") == ours


@pytest.mark.parametrize(("region", "account"), [("us-east-1", "000000000000"), ("eu-west-1", "111111111111")])
def test_a_queue_of_another_region_or_account_is_dropped_from_and_audited_by_its_arn(
    aws: Endpoint, home: Path, region: str, account: str
) -> None:
    dead_tickets(aws, 2)
    sqs = aws.sqs if region == "eu-west-1" else aws.elsewhere.setdefault(region, FakeSqs(region=region))
    there = sqs.create(NAME, account=account)
    sqs.create("theirs", there, account=account)
    aws.put(there, "foreign")
    taken = answer("drop", there.arn, "--yes", "--stage", names.LOCAL)
    assert (taken["queue"], taken["deleted"], len(there)) == (there.arn, 1, 0)
    assert len(queue(aws, "open_ticket-dlq")) == 2
    lines = (home / "ops" / names.LOCAL / "audit.jsonl").read_text().splitlines()
    assert {json.loads(line)["queue"] for line in lines} == {there.arn}


def test_a_redrive_goes_from_one_region_to_another(aws: Endpoint) -> None:
    there = aws.elsewhere.setdefault("us-east-1", FakeSqs(region="us-east-1"))
    dead, to = there.create("their-dlq"), there.create("their-queue")
    aws.put(dead, "theirs")
    dead_tickets(aws, 2)
    assert answer("redrive", dead.arn, "--to", "assign_ticket", "--yes")["tally"]["moved"] == 1
    assert queue(aws, "assign_ticket").arrived == ["theirs"]
    assert answer("redrive", "open_ticket", "--to", to.arn, "--yes")["tally"]["moved"] == 2
    assert len(to) == 2


def test_a_redrive_of_another_region_goes_back_to_its_source_there(aws: Endpoint) -> None:
    there = aws.elsewhere.setdefault("us-east-1", FakeSqs(region="us-east-1"))
    dead = there.create("their-dlq")
    source = there.create("their-queue", dead)

    aws.do(lambda: dead.put(Entry("a", "theirs"), source=source.arn))
    assert answer("redrive", dead.arn, "--yes")["tally"]["moved"] == 1
    assert source.arrived == ["theirs"]


def test_what_another_account_refuses_is_said_with_what_to_do(cloud: Stage) -> None:
    with Stubber(cloud.client("sqs")) as sqs:
        sqs.add_client_error("get_queue_url", "AccessDenied", "no", 403)
        with pytest.raises(UsageError, match=r"account 111111111111, region eu-west-1 .*: sign in there"):
            find(cloud, "arn:aws:sqs:eu-west-1:111111111111:their-dlq")


def test_an_answer_that_is_another_queue_is_refused(cloud: Stage) -> None:
    with Stubber(cloud.client("sqs", "us-east-1")) as sqs:
        sqs.add_response("get_queue_url", {"QueueUrl": "https://sqs.eu-west-1.amazonaws.com/111111111111/their-dlq"})
        with pytest.raises(UsageError, match="another queue"):
            find(cloud, "arn:aws:sqs:us-east-1:111111111111:their-dlq")


def test_a_typo_is_a_typo_for_those_too_who_may_ask_only_for_the_stages_queues(cloud: Stage) -> None:
    with Stubber(cloud.client("sqs")) as sqs:
        sqs.add_client_error("get_queue_url", "AccessDenied", "User: arn:… is not authorized", 403)
        with pytest.raises(UsageError) as refused_:
            find(cloud, "opn_ticket")
        assert "There is no queue 'opn_ticket'. Did you mean open_ticket? Stage cloud has: " in str(refused_.value)
        assert "Whether somebody else has one of that name these credentials may not ask (AccessDenied)" in str(
            refused_.value
        )
        sqs.add_client_error("get_queue_url", "AccessDenied", "User: arn:… is not authorized", 403)
        with pytest.raises(OpsError, match="GetQueueUrl was refused"):
            find(cloud, "open_ticket")


def test_a_queue_is_asked_for_once_a_minute_and_not_believed_for_longer(
    aws: Endpoint, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    now = [1000.0]
    monkeypatch.setattr(ops_queue, "monotonic", lambda: now[0])
    stage.client("sqs").meta.events.register(
        "before-parameter-build.sqs.GetQueueUrl", lambda params, **_: asked.append(params["QueueName"])
    )
    found = find(stage, "open_ticket-dlq")
    assert [find(stage, NAME), find_dead(stage, "open_ticket-dlq")] == [found, found]
    assert asked == [NAME]
    now[0] += REMEMBERED
    assert find(stage, NAME) == found
    assert asked == [NAME, NAME]
    aws.do(lambda: aws.sqs.queues.pop(found.url))
    now[0] += REMEMBERED
    with pytest.raises(UsageError, match="deploy stage local"):
        find(stage, NAME)


def test_a_queue_that_was_missing_is_asked_for_again(aws: Endpoint, stage: Stage) -> None:
    with pytest.raises(UsageError, match="no queue 'others'"):
        find(stage, "others")
    aws.do(lambda: aws.sqs.create("others"))
    assert find(stage, "others").name == "others"


def test_the_dead_letters_of_a_work_queues_word_are_found_by_one_call(stage: Stage) -> None:
    asked: list[str] = []
    stage.client("sqs").meta.events.register(
        "before-parameter-build.sqs.GetQueueUrl", lambda params, **_: asked.append(params["QueueName"])
    )
    assert find_dead(stage, "open_ticket").name == NAME
    assert asked == [NAME]
