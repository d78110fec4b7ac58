"""The fakes refuse what AWS's pages say, and so do moto and the emulator, but for what is listed with its reason."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from moto import mock_aws

from tests.aws import cases, events
from tests.aws.cases import CASES, Case
from tests.aws.client import Client
from tests.aws.differences import MINISTACK, MOTO, outcomes
from tests.aws.dynamodb import Tables
from tests.aws.errors import ServiceError
from tests.aws.queues import FakeSqs
from tests.redrive_fuzz.engines import engines

SERVICES = ("sqs", "dynamodb", "events", "sesv2")
Ask = Callable[[Case], str]


def outcome(client: Any, case: Case, words: Mapping[str, str]) -> str:
    """What comes of a call, in the words of `cases`."""
    text = json.dumps(case.asked)
    for word in sorted(words, key=len, reverse=True):
        text = text.replace(f'"{word}', json.dumps(words[word])[:-1])
    try:
        answer = getattr(client, case.method)(**json.loads(text))
    except ClientError as error:
        return str(error.response["Error"]["Code"]).removeprefix("AWS.SimpleQueueService.")
    except UnboundLocalError:  # moto's
        return "a crash"
    failed = [*answer.get("Failed", ()), *(each for each in answer.get("Entries", ()) if "ErrorCode" in each)]
    for entry in failed:
        return f"entry {entry.get('Code', entry.get('ErrorCode'))}"
    return "ok"


def ask(clients: Mapping[str, Any], queues: tuple[str, str]) -> Ask:
    """Asks one case after the other, each with what it takes to be there."""
    plain, fifo = queues
    sqs = clients["sqs"]

    def received() -> str:
        sqs.send_message(QueueUrl=plain, MessageBody="received")
        (message,) = sqs.receive_message(QueueUrl=plain, VisibilityTimeout=30)["Messages"]
        return str(message["ReceiptHandle"])

    def asked(case: Case) -> str:
        words = {"QUEUE": plain, "FIFO": fifo}
        text = str(case.asked)
        if "'HANDLE'" in text:
            words["HANDLE"] = received()
        if "'OLD'" in text:
            words["OLD"] = received()
            sqs.change_message_visibility(QueueUrl=plain, ReceiptHandle=words["OLD"], VisibilityTimeout=0)
        if case.service == "dynamodb":
            clients["dynamodb"].put_item(TableName="things", Item=cases.KEY)
        came = outcome(clients[case.service], case, words)
        while messages := sqs.receive_message(QueueUrl=plain, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                sqs.delete_message(QueueUrl=plain, ReceiptHandle=message["ReceiptHandle"])
        return came

    return asked


class Queues:
    """The fake SQS, of which each call is carried out before it returns."""

    def __init__(self) -> None:
        self._sqs = FakeSqs()
        self.urls = (self._sqs.create("plain").url, self._sqs.create("ordered.fifo").url)

    def __getattr__(self, method: str) -> Callable[..., Any]:
        action = "".join(word.capitalize() for word in method.split("_"))

        def call(**arguments: Any) -> Any:
            status, body = asyncio.run(self._sqs(action, json.dumps(arguments).encode()))
            answer = json.loads(body)
            if status != 200:
                raise ServiceError(status, answer["__type"].partition("#")[2], answer["message"])
            return answer

        return call


class Bus:
    def put_events(self, **asked: Any) -> dict[str, Any]:
        results = [events.fault(entry) or {"EventId": "id"} for entry in asked["Entries"]]
        return {"FailedEntryCount": sum("ErrorCode" in each for each in results), "Entries": results}


class Mail:
    def send_email(self, **_: Any) -> dict[str, Any]:
        return {"MessageId": "id"}


@pytest.fixture(scope="module")
def fakes() -> Ask:
    queues = Queues()
    behind = {"sqs": queues, "dynamodb": Tables({"things": "id"}), "events": Bus(), "sesv2": Mail()}
    return ask({service: Client(service, each) for service, each in behind.items()}, queues.urls)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_fakes_answer_what_aws_says_that_it_does(fakes: Ask, case: Case) -> None:
    assert fakes(case) == case.outcome, case.source


@pytest.mark.long
def test_moto_answers_the_same_but_for_what_is_listed() -> None:
    with mock_aws():
        assert others(made()) == outcomes(MOTO)


@pytest.mark.proof
def test_the_emulator_answers_the_same_but_for_what_is_listed(tmp_path: Path) -> None:
    with engines(tmp_path, ("ministack",), "sqs,dynamodb,events,ses") as found:
        assert others(made(found["ministack"].url)) == outcomes(MINISTACK)


def made(endpoint: str | None = None) -> Ask:
    """botocore's own clients, and what the cases take to be there."""
    session = botocore.session.get_session()
    config = Config(retries={"total_max_attempts": 1})
    clients = {
        service: session.create_client(
            service,
            region_name="eu-west-1",
            endpoint_url=endpoint,
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=config,
        )
        for service in SERVICES
    }
    plain = clients["sqs"].create_queue(QueueName="plain")["QueueUrl"]
    fifo = clients["sqs"].create_queue(QueueName="ordered.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    clients["dynamodb"].create_table(
        TableName="things",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    clients["sesv2"].create_email_identity(EmailIdentity="a@example.com")
    return ask(clients, (plain, fifo))


def others(asked: Ask) -> dict[str, str]:
    """What comes of the cases of which something else comes than AWS says."""
    came = {case.name: asked(case) for case in CASES}
    return {case.name: came[case.name] for case in CASES if came[case.name] != case.outcome}


def test_every_case_has_a_name_of_its_own() -> None:
    assert len({case.name for case in CASES}) == len(CASES)
