"""One request to SQS: signed, over a connection of ours or through a proxy, and no answer is said to be none."""

from __future__ import annotations

import asyncio

import pytest
from botocore.credentials import Credentials

from ops.errors import OpsError
from ops.sqs.client import Sqs
from ops.sqs.loop import run
from ops.sqs.message import Entry
from ops.sqs.transport import HttpTransport, Unanswered
from tests.ops.endpoint import running

SIGNED_IN = Credentials("key", "secret", "token")


@pytest.fixture
def proxies(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    return monkeypatch


async def there_and_back(url: str, queue: str) -> str:
    async with HttpTransport(url, "eu-west-1", SIGNED_IN) as transport:
        sqs = Sqs(transport, pause=0.001)
        assert await sqs.send(queue, [Entry("a", "body")]) == {"a": None}
        (message,) = await sqs.receive(queue, visibility=10, wait=0)
        return message.body


def test_a_message_goes_there_and_back(proxies: pytest.MonkeyPatch) -> None:
    with running() as endpoint:
        assert run(there_and_back(endpoint.url, endpoint.sqs.create("work").url)) == "body"


@pytest.mark.parametrize("scheme", ["http://", "//", ""])
def test_a_proxy_that_is_set_is_asked(proxies: pytest.MonkeyPatch, scheme: str) -> None:
    asked: list[bytes] = []

    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
        await reader.read()
        writer.close()

    async def work() -> tuple[int, bytes]:
        async with await asyncio.start_server(proxy, "127.0.0.1", 0) as server:
            proxies.setenv("http_proxy", f"{scheme}127.0.0.1:{server.sockets[0].getsockname()[1]}")
            async with HttpTransport("http://sqs.example:8080", "eu-west-1", SIGNED_IN) as transport:
                answer = await transport("SendMessageBatch", b"{}")
            server.close()
            return answer

    assert run(work()) == (503, b"")
    assert asked[0].startswith(b"POST http://sqs.example:8080/ HTTP/1.1\r\n")
    assert b"\r\nhost: sqs.example:8080\r\n" in asked[0].lower()
    names = {line.partition(b":")[0] for line in asked[0].lower().split(b"\r\n")[1:] if line}
    assert names >= {b"host", b"authorization", b"x-amz-target", b"content-length"}
    assert not names & {b"accept", b"accept-encoding", b"user-agent"}


@pytest.mark.parametrize(
    ("told", "answer", "said"),
    [
        (b"HTTP/1.1 302 Found\r\nLocation: http://elsewhere/\r\nContent-Length: 2\r\n\r\n{}", (302, b"{}"), ""),
        (b"", None, "Server disconnected"),
        (None, None, "TimeoutError"),
    ],
    ids=["it leads elsewhere", "it ends", "it says nothing"],
)
def test_what_a_proxy_does_instead_is_no_answer_of_sqs_and_leads_nowhere(
    proxies: pytest.MonkeyPatch, told: bytes | None, answer: tuple[int, bytes] | None, said: str
) -> None:
    async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if told is None:
            await reader.read()
        writer.write(told or b"")
        writer.close()

    async def work() -> tuple[int, bytes]:
        async with await asyncio.start_server(proxy, "127.0.0.1", 0) as server:
            proxies.setenv("http_proxy", f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
            async with HttpTransport("http://sqs.example", "eu-west-1", SIGNED_IN, timeout=0.3) as transport:
                return await transport("SendMessageBatch", b"")

    if answer is not None:
        assert run(work()) == answer
        return
    with pytest.raises(Unanswered, match=said):
        run(work())


def test_no_proxy_is_asked_for_a_host_that_is_left_out(proxies: pytest.MonkeyPatch) -> None:
    proxies.setenv("http_proxy", "http://127.0.0.1:9")
    proxies.setenv("no_proxy", "127.0.0.1")
    with running() as endpoint:
        assert run(there_and_back(endpoint.url, endpoint.sqs.create("work").url)) == "body"


@pytest.mark.parametrize(
    ("endpoint", "host"),
    [
        ("https://sqs.eu-west-1.amazonaws.com", "sqs.eu-west-1.amazonaws.com"),
        ("https://sqs.eu-west-1.amazonaws.com:443/", "sqs.eu-west-1.amazonaws.com"),
        ("http://localhost:4566", "localhost:4566"),
        ("http://[::1]:4566", "[::1]:4566"),
    ],
)
def test_the_host_is_signed_as_it_is_sent(endpoint: str, host: str) -> None:
    signature = HttpTransport(endpoint, "eu-west-1", SIGNED_IN)._signature
    assert signature.headers(SIGNED_IN.get_frozen_credentials(), {}, b"")["host"] == host


def test_an_endpoint_that_is_none_is_said_to_be() -> None:
    for endpoint in ("sqs.eu-west-1.amazonaws.com", "ftp://sqs", "https://"):
        with pytest.raises(OpsError, match="is no endpoint"):
            HttpTransport(endpoint, "eu-west-1", SIGNED_IN)


@pytest.mark.parametrize(
    "wrong", [("key\nx: y", "secret", None), ("key", "secret", "token\r\nx: y"), ("kéy", "s", None)]
)
def test_credentials_that_no_header_can_carry_are_refused(wrong: tuple[str, str, str | None]) -> None:
    async def work() -> None:
        async with HttpTransport("http://127.0.0.1:9", "eu-west-1", Credentials(*wrong)) as transport:
            await transport("SendMessageBatch", b"{}")

    with pytest.raises(OpsError, match="no header can carry"):
        run(work())


def test_a_request_without_an_answer_is_unanswered(proxies: pytest.MonkeyPatch) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.close()

    async def work() -> None:
        async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            async with HttpTransport(url, "eu-west-1", SIGNED_IN, timeout=1) as transport:
                with pytest.raises(Unanswered, match="before an answer"):
                    await transport("SendMessageBatch", b"{}")

    run(work())
    with running() as endpoint:
        address = endpoint.url
    with pytest.raises(Unanswered):
        run(there_and_back(address, "http://sqs/0/none"))
