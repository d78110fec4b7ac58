"""Any queue is reached by its URL or ARN, with no stage and no project; a default never makes another queue of it."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from ops import place
from ops.errors import UsageError
from ops.lease import held
from ops.place import Asked, reach
from ops.queue import find
from ops.sqs.message import Entry
from ops.stage import Access, Stage
from stacks import names
from stacks.entry import Topology
from tests.aws.queues import FakeQueue, FakeSqs
from tests.ops.cli.typed import answer, dead_tickets, ops, queue
from tests.ops.endpoint import Endpoint
from tests.sample.topology import SAMPLE

ARN = "arn:aws:sqs:eu-west-3:111111111111:their-dlq"
PLACE = "000000000000-us-east-1"


@pytest.fixture(autouse=True)
def somebody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Somebody with credentials of their own, and settings of no account of this machine."""
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden")
    for name in ("HEADRACE_STAGE", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def theirs(aws: Endpoint, home: Path) -> FakeQueue:
    """A dead-letter queue of somebody else with two messages, in a region in which no stage is; no stack runs here."""
    (home / "state.json").rename(home / "stopped.json")
    there = aws.elsewhere.setdefault("us-east-1", FakeSqs(region="us-east-1"))
    dead = there.create("their-dlq")
    source = there.create("their-queue", dead)
    for body in ("a", "b"):
        aws.do(partial(dead.put, Entry("1", body), source=source.arn))
    return dead


def at(home: Path, aws: Endpoint) -> Path:
    """The folder of that account and region at that emulator."""
    return home / "ops" / f"{PLACE}@localhost-{aws.url.rpartition(':')[2]}"


def test_a_queue_is_redriven_without_stage_state_or_tables(aws: Endpoint, home: Path, theirs: FakeQueue) -> None:
    aws.tables.clear()
    told = answer("redrive", theirs.arn, "--endpoint-url", aws.url, "--yes")
    assert (told["acted"], told["tally"]["moved"], told["problem"], len(theirs)) == (True, 2, None, 0)
    records = [json.loads(line) for line in (at(home, aws) / "audit.jsonl").read_text().splitlines()]
    assert {record["queue"] for record in records} == {theirs.arn}
    assert not (home / "ops" / names.LOCAL).exists()


@pytest.mark.parametrize("way", ["option", "environment", "of SQS alone", "profile"])
def test_every_way_in_which_aws_tools_are_told_of_an_endpoint_counts(
    aws: Endpoint, home: Path, theirs: FakeQueue, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    words: tuple[str, ...] = ()
    match way:
        case "option":
            words = ("--endpoint-url", aws.url)
        case "environment":
            monkeypatch.setenv("AWS_ENDPOINT_URL", aws.url)
        case "of SQS alone":
            monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", aws.url)
        case _:
            (home / "config").write_text(f"[profile them]\nendpoint_url = {aws.url}\nregion = eu-west-3\n")
            (home / "credentials").write_text("[them]\naws_access_key_id = a\naws_secret_access_key = b\n")
            words = ("--profile", "them")
    assert len(answer("peek", theirs.arn, *words)) == 2


def test_a_url_without_a_region_is_in_the_one_that_is_said(aws: Endpoint, home: Path, theirs: FakeQueue) -> None:
    url = f"{aws.url}/000000000000/their-dlq"
    there = reach(Asked("local", access=Access("us-east-1", None, aws.url), queue=url), SAMPLE)
    assert (there.region, there.staged, find(there, url).name) == ("us-east-1", False, "their-dlq")


def test_causes_decide_nothing_where_no_stage_records_them(aws: Endpoint, theirs: FakeQueue) -> None:
    for words in (("--cause", "Reject"), ("--cause", "unexplained"), ("--filter", "cause.attempts == `1`")):
        for command in (("redrive", "--yes"), ("drop", "--yes"), ("peek",)):
            result = ops(command[0], theirs.arn, *command[1:], *words, "--endpoint-url", aws.url)
            assert result.exit_code == 2
            assert "no stage is named" in result.stderr or "recorded nowhere" in result.stderr
    assert len(theirs) == 2


def test_one_at_a_time_holds_for_a_stage_and_for_no_stage(aws: Endpoint, stage: Stage, theirs: FakeQueue) -> None:
    with held(stage, find(stage, theirs.arn), "redrive", "20260101-000000-aaaa"):
        result = ops("redrive", theirs.arn, "--endpoint-url", aws.url, "--yes")
    assert (result.exit_code, len(theirs)) == (2, 2)
    assert "redrive 20260101-000000-aaaa of" in result.stderr


def test_an_interrupted_redrive_goes_on_by_its_run_alone_or_says_where_it_was(
    aws: Endpoint, home: Path, theirs: FakeQueue
) -> None:
    folder = at(home, aws)
    folder.mkdir(parents=True, mode=0o700)
    (folder / "20260101-000000-aaaa.journal").touch(mode=0o600)
    result = ops("resume", "20260101-000000-aaaa")
    assert result.exit_code == 2
    assert "--endpoint-url" in result.stderr
    again = reach(Asked("local", access=Access(None, None, aws.url), run="20260101-000000-aaaa"), SAMPLE)
    assert again.files == folder


def interrupted(folder: Path, run: str, url: str) -> None:
    folder.mkdir(parents=True, mode=0o700)
    begun = {"queue": {"word": "w-dlq", "kind": "dead", "name": "n", "url": url}, "request": {"queue": "w"}}
    (folder / f"{run}.journal").write_text(f"{json.dumps(begun)}\n{json.dumps({'sent': ['m-1']})}\n")


def test_without_a_run_every_one_that_did_not_end_is_listed_with_what_goes_on_with_it(home: Path) -> None:
    """Nothing of AWS is asked, and no local stack is needed, for what lies on this machine."""
    host = "http://localhost:4566"
    for where, url, command in (
        ("prod", "https://sqs.eu-west-1.amazonaws.com/1/n", "--stage prod"),
        ("000000000000-eu-west-1", "https://sqs.eu-west-1.amazonaws.com/1/n", ""),
        ("000000000000-eu-west-1@localhost-4566", f"{host}/000000000000/n", f"--endpoint-url {host}"),
    ):
        run = f"20260101-000000-{where[-4:]}"
        interrupted(home / "ops" / where, run, url)
        (row,) = [row for row in answer("resume") if row["place"] == where]
        assert (row["redrive"], row["moved"], row["undeleted"]) == (run, 1, 1)
        assert row["command"] == f"resume {run} {command}".strip()
        assert (
            f"{run}  w-dlq in {where}: 1 moved, 1 of them not deleted yet; `{row['command']}`" in ops("resume").stdout
        )
    (home / "ops" / "locks").mkdir()
    assert len(answer("resume")) == 3
    assert answer("resume", "--stage", "local") == []


def test_the_status_of_a_queue_tells_what_was_interrupted_in_another_place(
    aws: Endpoint, home: Path, theirs: FakeQueue
) -> None:
    there = reach(Asked("local", access=Access(None, None, aws.url), queue=theirs.arn), SAMPLE)
    interrupted(home / "ops" / "prod", "20260101-000000-aaaa", find(there, theirs.arn).url)
    (run,) = answer("status", theirs.arn, "--endpoint-url", aws.url)["runs"]
    assert (run["state"], run["command"]) == ("interrupted", "resume 20260101-000000-aaaa --stage prod")


@pytest.mark.parametrize(
    ("queue", "profile"),
    [
        (ARN, None),
        ("https://sqs.us-east-1.amazonaws.com/000000000000/their-dlq", None),
        ("arn:aws:sqs:us-east-1:000000000000:their-dlq", "them"),
    ],
)
def test_without_a_stage_what_cannot_be_of_this_machine_is_on_aws(
    aws: Endpoint, home: Path, queue: str, profile: str | None
) -> None:
    (home / "credentials").write_text("[them]\naws_access_key_id = a\naws_secret_access_key = b\n")
    there = reach(Asked("local", access=Access(None, profile), queue=queue), SAMPLE)
    assert (there.staged, there.on_aws, there.topology) == (False, True, Topology())
    assert there.told.startswith("account ")


def test_a_queue_of_this_machine_is_of_its_stage(aws: Endpoint, stage: Stage) -> None:
    ours = queue(aws, "open_ticket-dlq")
    for text in (ours.arn, find(stage, "open_ticket-dlq").url):
        there = reach(Asked("local", queue=text), SAMPLE)
        assert (there.name, there.staged) == ("local", True)


def test_the_stage_of_the_environment_is_in_no_ones_way(aws: Endpoint, home: Path, theirs: FakeQueue) -> None:
    asked = Asked("prod", "environment", Access("us-east-1", None, aws.url), queue=theirs.arn)
    assert not reach(asked, SAMPLE).staged
    nowhere = Asked("elsewhere", "environment", Access(None, None, aws.url), queue=theirs.arn)
    assert not reach(nowhere, SAMPLE).staged
    name = names.dead_letter_queue(names.STAGES[-1], "open_ticket")
    ours = Asked(
        names.STAGES[-1],
        "environment",
        Access("us-east-1", None, aws.url),
        queue=f"arn:aws:sqs:us-east-1:000000000000:{name}",
    )
    assert reach(ours, SAMPLE).name == names.STAGES[-1]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("redrive", ARN, "--region", "eu-west-1", "--yes"), "is in eu-west-3, and --region says eu-west-1"),
        (("redrive", "open_ticket", "--region", "eu-central-1", "--yes"), "Stage local is in eu-west-1"),
        (("redrive", "open_ticket", "--stage", "local", "--region", "us-east-1"), "Stage local is in eu-west-1"),
        (("drop", "open_ticket", "--stage", "local", "--endpoint-url", "http://127.0.0.1:1"), "Stage local is in"),
        (("drop", "open_ticket", "--profile", "them", "--yes"), "leave --profile out"),
        (("dead", "--region", ""), "--region is blank"),
        (("peek", ARN, "--endpoint-url", "localhost"), "give a URL such as"),
        (("peek", ARN.replace("eu-west-3", "nowhere-1")), "has no region"),
        (("watch", "--region", "us-east-1"), "Stage local is in eu-west-1"),
    ],
)
def test_what_contradicts_itself_is_one_sentence_and_changes_nothing(
    aws: Endpoint, words: tuple[str, ...], said: str
) -> None:
    dead_tickets(aws, 2)
    result = ops(*words)
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr
    assert len(queue(aws, "open_ticket-dlq")) == 2


def test_a_word_names_no_queue_where_no_stage_is(aws: Endpoint, theirs: FakeQueue) -> None:
    result = ops(
        "redrive", theirs.arn, "--to", "open_ticket", "--endpoint-url", aws.url, "--yes", "--region", "us-east-1"
    )
    assert result.exit_code == 2
    assert "neither a URL nor an ARN" in result.stderr
    assert len(theirs) == 2


def test_without_a_project_the_one_sentence_says_how_queues_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "STAGES", ())
    for words in (("queues",), ("redrive", "open_ticket"), ("watch",), ("peek", "x", "--stage", "prod")):
        result = ops(*words, topology=Topology())
        assert (result.exit_code, result.stderr.strip()) == (2, place.NO_STAGE)


def test_an_emulators_url_sends_nobody_to_aws(home: Path) -> None:
    result = ops("drop", "http://localhost:1/000000000000/their-dlq", "--region", "us-east-1", "--yes")
    assert result.exit_code == 2
    assert "say where it is with --endpoint-url" in result.stderr


def test_the_region_of_a_stages_own_key_is_the_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    key = "arn:aws:kms:eu-west-1:000000000000:key/1"
    stages = {**names.CONTEXT["stages"], "keyed": {"email_sender": "a@example.com", "customer_key": key}}
    monkeypatch.setitem(names.CONTEXT, "stages", stages)
    monkeypatch.setattr(names, "STAGES", tuple(stages))
    with pytest.raises(UsageError, match="Stage keyed is in eu-west-1"):
        reach(Asked("keyed", "typed", Access("us-east-1")), SAMPLE)
    assert reach(Asked("keyed", "typed", Access("eu-west-1")), SAMPLE).region == "eu-west-1"


def test_what_needs_no_stage_works_where_the_environment_names_an_unknown_one(
    aws: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Asked("unknown", "environment", Access("eu-west-1", None, aws.url), anywhere=True)
    asked.check()
    assert not reach(asked, SAMPLE).staged
    for wrong in (
        Asked("unknown", "environment", anywhere=True),
        Asked("unknown", "typed", asked.access, anywhere=True),
    ):
        with pytest.raises(UsageError, match="no stage 'unknown'"):
            wrong.check()


class Unable:
    """An implementation that has no list of a dead-letter queue's sources."""

    actions = ("listdeadlettersourcequeues",)

    def __call__(self, action: str, request: Any) -> tuple[int, bytes]:
        return 400, b'{"__type": "com.amazonaws.sqs#UnsupportedOperation", "message": "no"}'


def test_where_sqs_does_not_tell_the_source_it_says_how_to(
    aws: Endpoint, theirs: FakeQueue, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws.do(lambda: theirs.put(Entry("a", "sent here by somebody")))
    monkeypatch.setattr(aws, "moves", Unable())
    result = ops("redrive", theirs.arn, "--endpoint-url", aws.url)
    assert result.exit_code == 0, result.output
    assert "1 kept: SQS does not say where it came from (UnsupportedOperation): say --to" in result.stdout
