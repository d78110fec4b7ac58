"""The fake SQS behind HTTP, in a process of its own: its dead-letter queues are filled as they are read.

A million messages need no room here, and what a client sends is counted and forgotten.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.request import urlopen

from benchmarks.endpoint import serving
from functions.contracts.envelope import CORRELATION_ID, IDEMPOTENCY_KEY
from ops.sqs.loop import run
from ops.sqs.message import Entry, Value
from tests.aws.bare import ACCOUNT, FakeQueue, FakeSqs, Stored

BODY = '{"order_id":"ord-%d","customer_email":"ada@example.com","currency":"EUR","lines":[{"sku":"tea","quantity":2}]}'
AHEAD = 2_000
"""Messages of a dead-letter queue that exist at a time, beside those in flight."""
SESSION = (
    b"<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>s"
    b"</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>"
    b"</AssumeRoleResult></AssumeRoleResponse>"
)
TIMEOUT = 60
"""Seconds that this process may take to answer."""


def queue_url(name: str) -> str:
    """The URL of a queue of the fake."""
    return f"http://sqs/{ACCOUNT}/{name}"


class Spring(FakeQueue):
    """A queue that holds `count` messages, of so many groups, and makes them when they are asked for."""

    def __init__(self, url: str, count: int, groups: int) -> None:
        super().__init__(url)
        self.record = False
        self._left = count
        self._made = itertools.count()
        self._spread = groups
        self._filled = round(time.time() * 1000)

    def __len__(self) -> int:
        return super().__len__() + self._left

    def _add(self, message: Stored) -> None:
        message.sent = self._filled  # it was there from the start, whenever it is made
        super()._add(message)

    def take(self, most: int, visibility: float) -> list[Stored]:
        """Receives, and makes more where few are left."""
        if self._left and super().__len__() < AHEAD:
            many = min(self._left, AHEAD * (10 if self.fifo else 1))
            self._left -= many
            for number in itertools.islice(self._made, many):
                key = f"key-{number}"
                names = {
                    IDEMPOTENCY_KEY: Value("String", key),
                    CORRELATION_ID: Value("String", f"correlation-{number}"),
                }
                group = f"group-{number % self._spread}" if self.fifo else None
                self.put(Entry(key, BODY % number, names, {}, group, key if self.fifo else None))
        return super().take(most, visibility)


class Drain(FakeQueue):
    """A queue that counts what it accepts and forgets it."""

    def put(self, entry: Entry, *, id_: str | None = None, source: str | None = None) -> str:
        """Counts the message."""
        self._count += 1
        return entry.id


class Endpoint:
    """Serves a fake SQS over HTTP."""

    def __init__(self, latency: float) -> None:
        self.sqs = FakeSqs(latency)

    def fill(self, dead: str, source: str, count: int, groups: int) -> None:
        """Makes a dead-letter queue with so many messages, and the queue they came from, empty."""
        for queue in (Spring(queue_url(dead), count, groups), Drain(queue_url(source))):
            self.sqs.queues[queue.url] = queue

    async def answer(self, target: str, payload: bytes) -> tuple[int, bytes]:
        """What AWS answers: SQS from the fake, a role for whoever takes one, tables that are empty and take all."""
        if payload.startswith(b"Action=AssumeRole"):
            return 200, SESSION
        service, _, action = target.partition(".")
        if service.startswith("DynamoDB"):
            return 200, b'{"Items": []}' if action == "Scan" else b"{}"
        return await self.sqs(action, payload)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answers the requests of one connection, one after the other."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                line, *fields = head.decode("latin-1").split("\r\n")
                headers = {key.lower(): value for key, _, value in (field.partition(": ") for field in fields)}
                payload = await reader.readexactly(int(headers.get("content-length", 0)))
                if line.startswith("GET /fill/"):
                    dead, source, count, groups = line.split()[1].split("/")[2:]
                    self.fill(dead, source, int(count), int(groups))
                    status, body = 200, b"{}"
                elif line.startswith("GET /count/"):
                    name = line.split()[1].split("/")[2]
                    status, body = 200, str(len(self.sqs.queues[queue_url(name)])).encode()
                else:
                    status, body = await self.answer(headers.get("x-amz-target", ""), payload)
                writer.write(
                    b"HTTP/1.1 %d X\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: %d\r\n\r\n%s"
                    % (status, len(body), body)
                )
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


@contextmanager
def endpoint(latency: float) -> Iterator[str]:
    """The URL of a fake SQS that takes `latency` seconds a call, as long as the body runs."""
    with serving("benchmarks.sqs_endpoint", latency) as url:
        yield url


def fill(url: str, dead: str, source: str, count: int, groups: int = 0) -> None:
    """Makes a dead-letter queue of so many messages, and the queue they came from."""
    urlopen(f"{url}/fill/{dead}/{source}/{count}/{groups}", timeout=TIMEOUT).close()  # noqa: S310 - our own address


def count(url: str, queue: str) -> int:
    """How many messages a queue holds."""
    with urlopen(f"{url}/count/{queue}", timeout=TIMEOUT) as answer:  # noqa: S310 - an address of our own
        return int(answer.read())


async def _main(latency: float) -> None:
    server = await asyncio.start_server(Endpoint(latency).serve, "127.0.0.1", 0, limit=2**22)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("latency", type=float)
    run(_main(parser.parse_args().latency))
