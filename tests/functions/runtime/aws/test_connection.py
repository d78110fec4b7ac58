"""What a connection is like after its handshake, its end and its silence, and what is made of that."""

from __future__ import annotations

import resource
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from botocore import exceptions
from botocore.exceptions import ClientError
from botocore.httpsession import create_urllib3_context

from functions.runtime.aws import connection, service
from functions.runtime.aws.connection import Connection
from functions.runtime.deadline import within
from functions.runtime.errors import OutOfTime
from local import certificate
from tests.functions.runtime.aws.server import HALF, Server, answer, client, get


@pytest.fixture(params=[ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def secure(request: pytest.FixtureRequest, environment: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Server]:
    made = certificate.make(tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(made.chain, made.key)
    tls.maximum_version = request.param
    server = Server(tls)
    environment.setenv("AWS_ENDPOINT_URL", f"https://127.0.0.1:{server.port}")
    environment.setenv("AWS_CA_BUNDLE", str(made.authority))
    service._trusted.cache_clear()
    yield server
    server.close()
    service._trusted.cache_clear()


def test_tickets_after_a_handshake_are_no_answer_and_no_end(secure: Server) -> None:
    secure.acts = [answer(), answer()]
    dynamodb = client()
    dynamodb.warm()
    time.sleep(0.1)  # the tickets of TLS 1.3 arrive
    get(dynamodb)
    get(dynamodb)
    assert secure.connections == 1


def test_bytes_that_nobody_asked_for_and_an_end_are_seen(secure: Server) -> None:
    secure.acts = [answer()] * 3
    dynamodb = client()
    get(dynamodb)
    secure.open[0].sendall(answer())
    time.sleep(0.05)
    get(dynamodb)
    assert secure.connections == 2
    socket.socket.shutdown(secure.open[1], socket.SHUT_RDWR)
    get(dynamodb)
    assert secure.connections == 3


def test_a_connection_that_was_reset_unseen_is_replaced_at_once(
    secure: Server, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Connection, "stale", False)
    secure.acts = [answer(), answer()]
    dynamodb = client(attempts=1)
    get(dynamodb)
    reset(secure)
    get(dynamodb)
    assert (secure.connections, pauses) == (2, [])


def reset(server: Server) -> None:
    """End its last connection so that the other side's next write is refused."""
    raw = socket.socket(fileno=socket.dup(server.open[-1].fileno()))
    socket.socket.shutdown(server.open[-1], socket.SHUT_RD)
    threading.Event().wait(0.05)  # `pauses` takes the place of sleep
    server.open[-1].close()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raw.close()
    threading.Event().wait(0.05)


def test_what_was_being_answered_is_not_asked_again_beyond_its_attempts(server: Server) -> None:
    server.acts = [answer(), HALF, answer()]
    dynamodb = client(attempts=1)
    get(dynamodb)
    with pytest.raises(exceptions.ConnectionClosedError):
        get(dynamodb)
    assert len(server.requests) == 2


@pytest.mark.parametrize("number", [113, 100], ids=["no route", "network down"])
def test_a_network_that_goes_is_a_connection_that_ends(
    server: Server, pauses: list[float], monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    class Gone(socket.socket):
        def recv(self, *_: object) -> bytes:
            raise OSError(number, "gone")

        def send(self, data: Any, *_: object) -> int:
            return len(data)

    def gone(plain: socket.socket, *_: object) -> Gone:
        return Gone(fileno=plain.detach())

    monkeypatch.setattr("functions.runtime.aws.connection._connected", gone)
    with pytest.raises(exceptions.ConnectionClosedError):
        get(client())
    assert len(pauses) == 2


def test_an_answer_that_drips_ends_in_time(environment: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listens:
        environment.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{listens.getsockname()[1]}")

        def drip() -> None:
            line, _ = listens.accept()
            with line:
                line.recv(65536)
                line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n")
                end = time.monotonic() + 3
                try:
                    while time.monotonic() < end:
                        line.sendall(b" ")
                except OSError:
                    return

        threading.Thread(target=drip, daemon=True).start()
        started = time.monotonic()
        with pytest.raises(exceptions.ReadTimeoutError):
            get(client(seconds=lambda: 0.2, attempts=1))
    assert time.monotonic() - started < 1


def test_what_was_waited_for_counts_when_the_rest_does_not_come(environment: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listens:
        environment.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{listens.getsockname()[1]}")
        over = threading.Event()

        def begin() -> None:
            line, _ = listens.accept()
            with line:
                line.recv(65536)
                over.wait(0.9)
                line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
                over.wait(5)

        threading.Thread(target=begin, daemon=True).start()
        started = time.monotonic()
        with pytest.raises(exceptions.ReadTimeoutError):
            get(client(seconds=lambda: 1.2, attempts=1))
        took = time.monotonic() - started
        over.set()
    assert took < 1.9


def test_a_refusal_is_heard_by_who_has_not_said_all(environment: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listens:
        environment.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{listens.getsockname()[1]}")

        def refuse() -> None:
            line, _ = listens.accept()
            line.recv(65536)
            line.sendall(answer(413, {"__type": "RequestEntityTooLarge"}))
            line.close()

        threading.Thread(target=refuse, daemon=True).start()
        with pytest.raises(ClientError, match="RequestEntityTooLarge"):
            client(attempts=1).put_item(TableName="t", Item={"id": {"S": "a" * 20_000_000}})


def test_a_thousand_open_files_are_no_hindrance(server: Server) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(soft, 2000), hard), hard))
    files = [socket.socket() for _ in range(1100)]
    try:
        server.acts = [answer(), answer()]
        dynamodb = client()
        get(dynamodb)
        get(dynamodb)
        assert server.connections == 1
    finally:
        for file in files:
            file.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_process_that_was_forked_has_connections_of_its_own(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    server.acts = [answer(), answer()]
    dynamodb = client()
    get(dynamodb)
    monkeypatch.setattr("functions.runtime.aws.connection.os.getpid", lambda: -1)
    get(dynamodb)
    assert server.connections == 2


def test_connecting_takes_no_longer_than_there_is_time(
    server: Server, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []

    def refused(plain: socket.socket, _: object, end: float) -> None:
        plain.close()
        waited.append(round(end - time.monotonic(), 1))
        raise TimeoutError

    monkeypatch.setattr("functions.runtime.aws.connection._connected", refused)
    for seconds in (0.3, 5.0):
        with pytest.raises(exceptions.ConnectTimeoutError):
            get(client(seconds=lambda: seconds, attempts=1))  # noqa: B023
    assert waited == [0.3, 2.0]


def test_of_a_hosts_addresses_the_first_that_answers_is_taken(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    kinds = (socket.AF_INET, socket.SOCK_STREAM, 0, "")
    with closing(socket.create_server(("127.0.0.1", 0), backlog=0)) as hanging:
        full = socket.create_connection(hanging.getsockname())  # nobody accepts it, and no other comes in
        found = [(*kinds, ("127.0.0.1", 9)), (*kinds, hanging.getsockname()), (*kinds, ("127.0.0.1", server.port))]
        monkeypatch.setattr("functions.runtime.aws.connection.socket.getaddrinfo", lambda *_, **__: [*found])
        server.acts = [answer()]
        started = time.monotonic()
        get(client())
        assert 0.9 < time.monotonic() - started < 1.8, "the second had half of two seconds"
        found.pop()
        connection._known.clear()
        with pytest.raises(exceptions.ConnectTimeoutError):
            get(client(attempts=1))
        full.close()


def test_a_handshake_has_what_connecting_left_of_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    ends: list[float] = []
    connect, persist = connection._connected, connection._persist

    def connected(plain: socket.socket, address: object, end: float) -> socket.socket:
        ends.append(end)
        return connect(plain, address, end)

    def persisted(plain: socket.socket, step: Callable[[], Any], end: float) -> Any:
        ends.append(end)
        return persist(plain, step, end)

    monkeypatch.setattr(connection, "_connected", connected)
    monkeypatch.setattr(connection, "_persist", persisted)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(TimeoutError):
        Connection("127.0.0.1", silent.getsockname()[1], ssl.create_default_context()).open(0.4)
    assert len(ends) == 2
    assert ends[0] == ends[1]


def test_who_is_asked_is_known_before_connecting(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[str] = []
    ended: list[str] = []

    def seconds() -> float:
        begun.append("began")
        return 5.0

    def hangs(plain: socket.socket, *_: object) -> None:
        with plain:
            time.sleep(5)

    monkeypatch.setattr("functions.runtime.aws.connection._connected", hangs)
    with pytest.raises(OutOfTime):
        within(0.1, lambda: get(client(seconds=seconds, ended=lambda: ended.append("ended"))))
    assert (begun, ended) == (["began"], []), "what is interrupted is not over: nobody knows what became of it"


def test_a_certificate_is_judged_as_botocore_judges_it(environment: pytest.MonkeyPatch) -> None:
    ours, theirs = service._trusted(), create_urllib3_context()
    assert (ours.verify_flags, ours.verify_mode, ours.minimum_version) == (
        theirs.verify_flags,
        theirs.verify_mode,
        theirs.minimum_version,
    )
    assert ours.check_hostname


def test_authorities_are_named_as_for_botocore(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment.delenv("AWS_CA_BUNDLE", raising=False)
    environment.setenv("REQUESTS_CA_BUNDLE", str(certificate.make(tmp_path).authority))
    service._trusted.cache_clear()
    assert len(service._trusted().get_ca_certs()) == 1
    service._trusted.cache_clear()


def test_authorities_that_are_not_there_fail_the_call_and_not_the_start(
    environment: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    environment.setenv("AWS_CA_BUNDLE", "/not/there.pem")
    service._trusted.cache_clear()
    dynamodb = client()
    dynamodb.warm()
    with pytest.raises(exceptions.BotoCoreError):
        get(dynamodb)
    service._trusted.cache_clear()
