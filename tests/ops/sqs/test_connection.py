"""Which SQS is spoken to, with whose authorities and credentials, what is said where it is silent, and Ctrl-C."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError, CredentialRetrievalError
from botocore.httpsession import get_cert_path

from ops.errors import OpsError
from ops.queue import Queue
from ops.sqs import connection
from ops.sqs.connection import INTERRUPTED, connected, interruptible
from ops.sqs.transport import Unanswered
from ops.stage import Stage


def queue(region: str, name: str) -> Queue:
    return Queue(name, "other", name, f"https://sqs.{region}.amazonaws.com/123456789012/{name}", region)


HERE, THERE, OTHER = queue("us-east-1", "here"), queue("us-east-1", "there"), queue("eu-central-1", "other")


class Transport:
    """Remembers what it was made with, whether it is open, and who was called; says its region."""

    made: ClassVar[list[Transport]] = []

    def __init__(self, endpoint: str, region: str, credentials: Credentials, *, certificates: str | None) -> None:
        self.endpoint, self.region, self.credentials, self.certificates = endpoint, region, credentials, certificates
        self.open = False
        self.made.append(self)

    async def __aenter__(self) -> Transport:
        self.open = True
        return self

    async def __aexit__(self, *_: object) -> None:
        self.open = False

    async def __call__(self, action: str, payload: bytes) -> tuple[int, bytes]:
        assert self.open
        return 200, b'{"Attributes": {"QueueArn": "%s"}}' % self.region.encode()


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Transport]:
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    monkeypatch.setattr(Transport, "made", [])
    monkeypatch.setattr(connection, "HttpTransport", Transport)
    return Transport.made


@pytest.mark.parametrize(
    ("asked", "to", "regions"),
    [
        (None, None, ["eu-west-1"]),
        (None, OTHER, ["eu-west-1"]),
        (HERE, None, ["us-east-1"]),
        (HERE, THERE, ["us-east-1"]),
        (HERE, OTHER, ["us-east-1", "eu-central-1"]),
    ],
)
async def test_each_queue_is_asked_for_in_its_region(
    cloud: Stage, made: list[Transport], asked: Queue | None, to: Queue | None, regions: list[str]
) -> None:
    async with connected(cloud, asked, to) as sqs:
        for each, region in ((asked, regions[0]), (to, regions[-1])):
            if each is not None:
                assert await sqs.attributes(each.url, ["QueueArn"]) == {"QueueArn": region}
    assert [each.region for each in made] == regions
    assert [each.endpoint for each in made] == [f"https://sqs.{region}.amazonaws.com" for region in regions]
    assert {(each.credentials.access_key, each.open) for each in made} == {("test", False)}


async def test_who_is_trusted_is_as_aws_own_tools_take_it(
    cloud: Stage, made: list[Transport], monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connected(cloud):
        pass
    monkeypatch.setenv("AWS_CA_BUNDLE", "/etc/own.pem")
    async with connected(cloud):
        pass
    assert [each.certificates for each in made] == [get_cert_path(True), "/etc/own.pem"]


@pytest.mark.parametrize(("asked", "region"), [(None, "eu-west-1"), (HERE, "us-east-1")])
async def test_an_sqs_that_does_not_answer_is_named_with_its_region(
    cloud: Stage, asked: Queue | None, region: str
) -> None:
    said = rf"^SQS does not answer at https://sqs\.{region}\.amazonaws\.com \(silence\): nothing is lost, try again\.$"
    with pytest.raises(OpsError, match=said):
        async with connected(cloud, asked):
            raise Unanswered("silence")


def fails(error: Exception) -> Callable[[], Any]:
    def load() -> None:
        raise error

    return load


AWAY = ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "AssumeRole")


@pytest.mark.parametrize(
    ("load", "new"),
    [
        (lambda: Credentials("B", "b"), "B"),
        (lambda: Credentials("test", "test"), None),
        (lambda: None, None),
        (fails(CredentialRetrievalError(provider="sso", error_msg="expired")), None),
        (fails(AWAY), None),
    ],
    ids=["others", "the same", "none", "none that can be loaded", "none that are given out"],
)
async def test_credentials_that_are_new_are_taken_for_every_region(
    cloud: Stage, made: list[Transport], load: Callable[[], Any], new: str | None
) -> None:
    async with connected(cloud, HERE, OTHER) as sqs:
        cloud.session.get_component("credential_provider").load_credentials = load
        assert sqs.renew() is (new is not None)
    assert [each.credentials.access_key for each in made] == [new or "test"] * 2


class Work:
    """Work that remembers why it was told to stop."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.ends = asyncio.Event()

    def stop(self, reason: str) -> None:
        self.told.append(reason)
        self.ends.set()


async def test_the_first_ctrl_c_ends_the_work_and_the_second_does_not_wait_for_it() -> None:
    work, loop = Work(), asyncio.get_running_loop()
    with interruptible(work):
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.wait_for(work.ends.wait(), 5)
        assert work.told == [INTERRUPTED] == ["interrupted"]
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with interruptible(work):
        pass
    assert not loop.remove_signal_handler(signal.SIGINT), "afterwards Ctrl-C is nobody's"


def test_in_a_thread_that_no_signal_reaches_work_goes_on_without() -> None:
    done: list[bool] = []

    async def go() -> None:
        with interruptible(Work()):
            done.append(True)

    thread = threading.Thread(target=lambda: asyncio.run(go()))
    thread.start()
    thread.join()
    assert done == [True]
