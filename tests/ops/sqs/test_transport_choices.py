"""Over which connection a request goes, what it says there, and for how long credentials are not asked for again."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from botocore.credentials import Credentials, ReadOnlyCredentials

from functions.runtime.aws.framing import Malformed
from local import certificate
from ops.errors import OpsError
from ops.sqs import proxied, transport
from ops.sqs.loop import run
from ops.sqs.transport import HttpTransport, Unanswered


class Client:
    """Takes the place of what carries requests: remembers how it was made, whether it is open, and what it carried."""

    def __init__(self, *made: Any, **options: Any) -> None:
        self.made = [each is not None if each is None or isinstance(each, ssl.SSLContext) else each for each in made]
        self.options = options
        self.open = False
        self.posted: list[tuple[Mapping[str, str], bytes]] = []
        self.error: Exception | None = None

    async def __aenter__(self) -> Client:
        self.open = True
        return self

    async def __aexit__(self, *_: object) -> None:
        self.open = False

    async def post(self, headers: Mapping[str, str], payload: bytes) -> tuple[int, bytes]:
        self.posted.append((headers, payload))
        if self.error is not None:
            raise self.error
        return 200, b"{}"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Client]:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    found: list[Client] = []

    def make(*told: Any, **options: Any) -> Client:
        found.append(Client(*told, **options))
        return found[-1]

    monkeypatch.setattr(transport, "Wire", make)
    monkeypatch.setattr(proxied, "Proxied", make)
    return found


SIGNED_IN = Credentials("key", "secret", "token")


@pytest.mark.parametrize(
    ("endpoint", "wire"),
    [
        ("https://sqs.eu-west-1.amazonaws.com", ["sqs.eu-west-1.amazonaws.com", 443, True]),
        ("http://sqs.example", ["sqs.example", 80, False]),
        ("http://localhost:4566/", ["localhost", 4566, False]),
        ("https://[::1]:8443", ["::1", 8443, True]),
    ],
)
async def test_a_connection_is_made_to_the_endpoint_with_tls_where_it_says_so(
    made: list[Client], endpoint: str, wire: list[Any]
) -> None:
    async with HttpTransport(endpoint, "eu-west-1", SIGNED_IN):
        assert made[0].open
    async with HttpTransport(endpoint, "eu-west-1", SIGNED_IN, timeout=3):
        pass
    assert [(each.made, each.options, each.open) for each in made] == [
        (wire, {"timeout": 30}, False),
        (wire, {"timeout": 3}, False),
    ]


@pytest.mark.parametrize(
    ("endpoint", "left_out", "proxy", "address"),
    [
        ("https://sqs.example", "", "http://secure:3128", "https://sqs.example/"),
        ("http://sqs.example:8080", "", "http://plain:3128", "http://sqs.example:8080/"),
        ("http://[::1]:4566", "", "http://plain:3128", "http://[::1]:4566/"),
        ("https://sqs.example", "sqs.example", None, None),
        ("https://sqs.example", "example.org", "http://secure:3128", "https://sqs.example/"),
    ],
)
async def test_each_scheme_has_its_proxy_but_for_hosts_that_are_left_out(
    made: list[Client],
    monkeypatch: pytest.MonkeyPatch,
    endpoint: str,
    left_out: str,
    proxy: str | None,
    address: str | None,
) -> None:
    monkeypatch.setenv("http_proxy", "plain:3128")
    monkeypatch.setenv("https_proxy", "http://secure:3128")
    monkeypatch.setenv("no_proxy", left_out)
    async with HttpTransport(endpoint, "eu-west-1", SIGNED_IN, timeout=4):
        pass
    (client,) = made
    assert client.options == {"timeout": 4}
    tls = endpoint.startswith("https")
    assert client.made == ([address, proxy, tls] if proxy else ["sqs.example", 443, True])


def test_only_the_authorities_that_are_named_are_trusted(tmp_path: Path) -> None:
    certified = certificate.make(tmp_path)
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(certified.chain, certified.key)

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        writer.close()

    async def work() -> list[Any]:
        told: list[Any] = []
        async with await asyncio.start_server(answer, "127.0.0.1", 0, ssl=served) as server:
            url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            for trusted in (str(certified.authority), None):
                async with HttpTransport(url, "eu-west-1", SIGNED_IN, certificates=trusted, timeout=5) as there:
                    try:
                        told.append(await there("SendMessage", b""))
                    except Unanswered as error:
                        told.append("certificate verify failed" in str(error))
        return told

    assert run(work()) == [(200, b"{}"), True]


async def test_a_request_says_what_it_is_and_is_signed_for_its_region(made: list[Client]) -> None:
    async with HttpTransport("https://sqs.example", "eu-north-1", SIGNED_IN) as there:
        assert await there("SendMessageBatch", b"payload") == (200, b"{}")
    ((headers, payload),) = made[0].posted
    assert payload == b"payload"
    assert {name: headers[name] for name in ("host", "content-type", "x-amz-target", "x-amz-security-token")} == {
        "host": "sqs.example",
        "content-type": "application/x-amz-json-1.0",
        "x-amz-target": "AmazonSQS.SendMessageBatch",
        "x-amz-security-token": "token",
    }
    assert "/eu-north-1/sqs/aws4_request, " in headers["authorization"]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (TimeoutError(), "TimeoutError"),
        (OSError("no route"), "no route"),
        (Malformed("it is no HTTP"), "it is no HTTP"),
    ],
)
async def test_what_kept_an_answer_away_is_said(made: list[Client], error: Exception, said: str) -> None:
    async with HttpTransport("https://sqs.example", "eu-west-1", SIGNED_IN) as there:
        made[0].error = error
        with pytest.raises(Unanswered, match=f"^{said}$"):
            await there("SendMessage", b"")


class Counted(Credentials):  # type: ignore[misc]
    """Credentials that count how often they were asked for."""

    asked = 0

    def get_frozen_credentials(self) -> ReadOnlyCredentials:
        self.asked += 1
        return super().get_frozen_credentials()


async def test_credentials_are_asked_for_once_a_second_and_at_once_where_they_are_others(
    made: list[Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(transport, "monotonic", lambda: now[0])
    first, second = Counted("first", "secret"), Counted("second", "secret")
    async with HttpTransport("https://sqs.example", "eu-west-1", first) as there:
        for moment in (100.0, 100.5, 100.999, 101.0, 101.5):
            now[0] = moment
            await there("SendMessage", b"")
        assert first.asked == 2
        there.credentials = second
        for _ in range(2):
            await there("SendMessage", b"")
    assert (first.asked, second.asked) == (2, 1)
    signed = [headers["authorization"].partition("Credential=")[2].partition("/")[0] for headers, _ in made[0].posted]
    assert signed == ["first"] * 5 + ["second"] * 2
    assert "x-amz-security-token" not in made[0].posted[0][0]


@pytest.mark.parametrize("endpoint", ["sqs.example", "ftp://sqs", "https://", "https://:443"])
def test_an_endpoint_that_is_none_is_one_sentence(endpoint: str) -> None:
    said = f"^{endpoint} is no endpoint: it begins with http:// or https://, and names a host.$"
    with pytest.raises(OpsError, match=said):
        HttpTransport(endpoint, "eu-west-1", SIGNED_IN)
