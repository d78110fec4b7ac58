"""Connections that stay open: used again, given up, never trusted with a second question before the first answer."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from functions.runtime.aws.framing import Malformed
from local import certificate
from ops.sqs import wire as wires
from ops.sqs.loop import run
from ops.sqs.wire import MOST, Wire

Serve = Callable[[int, asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
"""What a server does with its connection of that number."""


async def request(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
    return await reader.readexactly(length)


def answer(body: bytes, *fields: bytes) -> bytes:
    lines = b"".join(field + b"\r\n" for field in fields)
    return b"HTTP/1.1 200 OK\r\n%sContent-Length: %d\r\n\r\n%s" % (lines, len(body), body)


async def echo(_: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while True:
        writer.write(answer(await request(reader)))


class Server:
    """A server, and how many connections it had, and has."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve
        self.connections = 0
        self.now = 0
        self.most = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            await self._serve(self.connections, reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self.now -= 1
            writer.close()


def talk(
    serve: Serve, work: Callable[[Wire, Server], Awaitable[None]], host: str = "127.0.0.1", **options: Any
) -> Server:
    """Runs `work` with a wire to a server that does `serve`."""
    server = Server(serve)

    async def both() -> None:
        listening = await asyncio.start_server(server, host, 0, limit=2**24, ssl=options.pop("certificate", None))
        port = listening.sockets[0].getsockname()[1]
        name, tls = options.pop("name", host), options.pop("tls", None)
        async with listening, Wire(name, port, tls, **{"timeout": 5.0, **options}) as wire:
            await work(wire, server)

    run(both())
    return server


async def post(wire: Wire, payload: bytes = b"{}") -> bytes:
    status, body = await wire.post({"host": "sqs"}, payload)
    assert status == 200
    return body


def test_one_connection_carries_one_request_after_the_other() -> None:
    async def work(wire: Wire, _: Server) -> None:
        for number in range(20):
            assert await post(wire, b"%d" % number) == b"%d" % number

    assert talk(echo, work).connections == 1


def test_many_at_once_get_each_its_own_answer_over_a_bounded_number_of_connections() -> None:
    async def slowly(_: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            payload = await request(reader)
            await asyncio.sleep(0.001)
            writer.write(answer(payload))

    async def work(wire: Wire, _: Server) -> None:
        asked = [b"%d" % number for number in range(300)]
        assert await asyncio.gather(*(post(wire, payload) for payload in asked)) == asked

    assert talk(slowly, work, most=7).most == 7
    assert MOST >= 100


def test_a_connection_that_the_other_side_closed_is_not_used_again() -> None:
    async def once(_: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(await request(reader)))

    async def work(wire: Wire, server: Server) -> None:
        for _ in range(3):
            await post(wire)
            await asyncio.sleep(0.05)

    assert talk(once, work).connections == 3


def test_a_connection_that_is_being_closed_is_asked_nothing() -> None:
    class Closing:
        def is_closing(self) -> bool:
            return True

    async def work() -> None:
        line = wires._Line()
        line.transport = Closing()  # type: ignore[assignment]
        with pytest.raises(ConnectionResetError, match="the connection was closed"):
            await line.ask(b"request", asyncio.get_running_loop().time() + 60)

    run(work())


def test_a_connection_that_says_close_is_closed() -> None:
    async def closing(_: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            writer.write(answer(await request(reader), b"Connection: close"))

    async def work(wire: Wire, _: Server) -> None:
        await post(wire)
        await post(wire)

    assert talk(closing, work).connections == 2


def test_a_connection_that_was_idle_for_long_is_not_used_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wires, "KEPT", 0.0)

    async def work(wire: Wire, server: Server) -> None:
        await post(wire)
        await post(wire)
        await asyncio.sleep(0.05)
        assert (server.now, len(wire._lines)) == (1, 1), "it is closed, and nobody keeps it"

    assert talk(echo, work).connections == 2


@pytest.mark.parametrize(
    "sent", [b"", b"HTTP/1.1 200 OK\r\nContent-Le", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{}"]
)
def test_a_request_whose_connection_ends_is_not_repeated(sent: bytes) -> None:
    seen: list[bytes] = []

    async def ending(_: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer(await request(reader)))
        seen.append(await request(reader))
        writer.write(sent)

    async def work(wire: Wire, _: Server) -> None:
        await post(wire)
        with pytest.raises(ConnectionError, match="within its answer" if sent else "before an answer"):
            await post(wire, b"second")

    assert talk(ending, work).connections == 1
    assert seen == [b"second"]


def test_what_nobody_asked_for_is_not_taken_for_the_next_answer() -> None:
    async def twice(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        payload = await request(reader)
        writer.write(answer(payload))
        await asyncio.sleep(0.02)
        writer.write(answer(b"a second answer"))
        await request(reader)

    async def work(wire: Wire, _: Server) -> None:
        assert await post(wire, b"first") == b"first"
        await asyncio.sleep(0.05)
        assert await post(wire, b"second") == b"second"

    assert talk(twice, work).connections == 2


def test_the_answer_to_a_request_that_was_cancelled_is_not_taken_for_the_next_one() -> None:
    async def late(_: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            payload = await request(reader)
            await asyncio.sleep(0.05 if payload == b"slow" else 0)
            writer.write(answer(payload))

    async def work(wire: Wire, server: Server) -> None:
        slow = asyncio.create_task(post(wire, b"slow"))
        await asyncio.sleep(0.02)
        slow.cancel()
        await asyncio.wait([slow])
        assert slow.cancelled()
        assert await post(wire, b"next") == b"next"
        await asyncio.sleep(0.06)
        assert await post(wire, b"last") == b"last"

    assert talk(late, work).connections == 2


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"])
def test_an_answer_that_does_not_come_is_given_up(sent: bytes) -> None:
    async def never(_: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        writer.write(sent)
        await reader.read()

    async def work(wire: Wire, server: Server) -> None:
        with pytest.raises(TimeoutError):
            await post(wire)
        await asyncio.sleep(0.02)
        assert server.now == 0, "the connection stays open"

    talk(never, work, timeout=0.1)


def test_a_connection_that_is_not_made_is_given_up() -> None:
    async def work() -> None:
        with socket.socket() as full:
            full.bind(("127.0.0.1", 0))
            async with Wire("127.0.0.1", full.getsockname()[1], None, timeout=1) as wire:
                with pytest.raises(OSError, match="refused"):
                    await post(wire)

    run(work())


def test_a_handshake_that_does_not_come_is_given_up() -> None:
    async def never(_: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async def work(wire: Wire, server: Server) -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(post(wire), 3)
        await asyncio.sleep(0.02)
        assert server.now == 0, "the connection stays open"
        assert asyncio.get_running_loop().time() - begun[0] < 2

    begun: list[float] = []

    async def timed(wire: Wire, server: Server) -> None:
        begun.append(asyncio.get_running_loop().time())
        await work(wire, server)

    talk(never, timed, timeout=0.1, tls=ssl.create_default_context())


def test_connections_are_closed_with_the_wire_and_what_is_under_way_ends() -> None:
    async def never(_: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request(reader)
        await reader.read()

    async def both() -> None:
        server = Server(never)
        async with await asyncio.start_server(server, "127.0.0.1", 0) as listening:
            async with Wire("127.0.0.1", listening.sockets[0].getsockname()[1], None, timeout=5) as wire:
                waits = [asyncio.create_task(post(wire)) for _ in range(3)]
                await asyncio.sleep(0.1)
                assert server.now == 3
            told = await asyncio.gather(*waits, return_exceptions=True)
            assert [str(each) for each in told] == ["the connection ended before an answer"] * 3
            await asyncio.sleep(0.02)
            assert server.now == 0

    run(both())


def test_an_answer_that_is_none_ends_its_connection() -> None:
    async def odd(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            payload = await request(reader)
            writer.write(b"HTTP/1.1 200 OK\r\n\r\n{}" if number == 1 else answer(payload))

    async def work(wire: Wire, _: Server) -> None:
        with pytest.raises(Malformed, match="how long"):
            await post(wire)
        assert await post(wire) == b"{}"

    assert talk(odd, work).connections == 2


def test_megabytes_go_out_and_come_back() -> None:
    payload = bytes(range(256)) * 12_000

    async def work(wire: Wire, _: Server) -> None:
        assert await post(wire, payload) == payload
        assert await post(wire, b"small") == b"small"

    assert talk(echo, work).connections == 1


def test_an_answer_before_the_whole_request_ends_the_connection() -> None:
    async def early(number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if number > 1:
            await echo(number, reader, writer)
        await reader.read(10)
        writer.write(answer(b"too long"))
        await asyncio.sleep(0.2)

    async def work(wire: Wire, _: Server) -> None:
        assert await post(wire, b"x" * 30_000_000) == b"too long"
        assert await post(wire, b"next") == b"next"

    assert talk(early, work).connections == 2


def test_a_host_may_be_an_ipv6_address() -> None:
    async def work(wire: Wire, _: Server) -> None:
        assert await post(wire) == b"{}"

    talk(echo, work, host="::1")


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> certificate.Certificate:
    """What a server proves itself with, as 127.0.0.1 and localhost."""
    return certificate.make(tmp_path_factory.mktemp("certificate"))


@pytest.fixture(scope="module")
def served(certified: certificate.Certificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certified.chain, certified.key)
    return context


def test_tls_carries_many_requests_over_one_connection(
    certified: certificate.Certificate, served: ssl.SSLContext
) -> None:
    async def work(wire: Wire, _: Server) -> None:
        for payload in (b"{}", b"x" * 3_000_000, b"{}"):
            assert await post(wire, payload) == payload

    trusting = ssl.create_default_context(cafile=certified.authority)
    assert talk(echo, work, tls=trusting, certificate=served).connections == 1


def test_a_server_with_another_name_than_its_certificates_gets_no_request(
    certified: certificate.Certificate, served: ssl.SSLContext
) -> None:
    async def work(wire: Wire, _: Server) -> None:
        with pytest.raises(ssl.SSLCertVerificationError, match="not valid for"):
            await post(wire)

    trusting = ssl.create_default_context(cafile=certified.authority)
    talk(echo, work, host="127.0.0.2", tls=trusting, certificate=served)


def test_a_server_whose_authority_is_not_trusted_gets_no_request(served: ssl.SSLContext) -> None:
    async def work(wire: Wire, _: Server) -> None:
        with pytest.raises(ssl.SSLCertVerificationError):
            await post(wire)

    talk(echo, work, tls=ssl.create_default_context(), certificate=served)
