"""A fake AWS over TLS: answers the calls of the consumers after a fixed latency, and counts them.

It runs in a process of its own, so that what it costs is not counted against the client it serves. DynamoDB keeps its
items and its conditions, as the tests' does; whatever else is asked is answered with what the caller needs to go on.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import ssl
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple
from urllib.request import urlopen

from botocore import xform_name

from benchmarks.records import LINES, SECRET
from local import certificate
from tests.aws.dynamodb import Tables, size
from tests.aws.errors import ServiceError

KEYS = {
    "once": "id",
    "keys": "key",
    "failures": "message_id",
    "parked": "group",
    "orders": "order_id",
    "payments": "order_id",
    "reservations": "order_id",
    "stock": "sku",
}
UNIT = 1024
"""Bytes that one write unit covers."""


class Endpoint:
    """The calls that it answered, by operation, the write units that they cost, and the tables."""

    def __init__(self, latency: float) -> None:
        self.latency = latency
        self.calls: Counter[str] = Counter()
        self.units = 0
        self.tables = Tables(KEYS)
        for line in LINES:
            self.tables.items["stock"][str(line["sku"])] = {
                "sku": {"S": str(line["sku"])},
                "available": {"N": str(10**9)},
            }

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection, one after the other."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                if head[0].startswith("GET /counted"):
                    status, answer = 200, self._counted()
                else:
                    operation = headers.get("x-amz-target", "SendEmail").rpartition(".")[2]
                    status, answer = self.answer(operation, json.loads(body))
                    await asyncio.sleep(self.latency)
                content = json.dumps(answer).encode()
                writer.write(
                    b"HTTP/1.1 %d X\r\nContent-Type: application/x-amz-json-1.0\r\n" % status
                    + b"x-amzn-RequestId: r\r\nContent-Length: %d\r\n\r\n%s" % (len(content), content)
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            writer.close()

    def answer(self, operation: str, request: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """The status and the body of the answer to `request`."""
        self.calls[operation] += 1
        match operation:
            case "PutEvents":
                entries = [{"EventId": str(position)} for position, _ in enumerate(request["Entries"])]
                return 200, {"FailedEntryCount": 0, "Entries": entries}
            case "GetSecretValue" if request.get("VersionStage") == "AWSPREVIOUS":
                return 400, {"__type": "ResourceNotFoundException", "message": "There is no such version."}
            case "GetSecretValue":
                return 200, {"ARN": "arn", "Name": "name", "SecretString": SECRET, "CreatedDate": 1_700_000_000}
            case "SendEmail":
                return 200, {"MessageId": "1"}
        try:
            answer: dict[str, Any] = getattr(self.tables, xform_name(operation))(**request)
        except ServiceError as error:
            return error.status, error.body
        self.units += sum(_units(operation, self.tables, request))
        return 200, answer

    def _counted(self) -> dict[str, Any]:
        told = {"calls": dict(self.calls), "units": self.units}
        self.calls.clear()
        self.units = 0
        return told


def _units(operation: str, tables: Tables, request: Mapping[str, Any]) -> Iterator[int]:
    """The write units of what was written, for each item those of what is left, twice in a transaction.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
    """
    if operation in ("PutItem", "UpdateItem", "DeleteItem"):
        yield _of_item(tables, request)
    for action in request.get("TransactItems", ()):
        yield 2 * _of_item(tables, next(iter(action.values())))


def _of_item(tables: Tables, body: Mapping[str, Any]) -> int:
    table = body["TableName"]
    key = (body.get("Item") or body["Key"])[KEYS[table]]["S"]
    return max(ceil(size(tables.items[table].get(key, {})) / UNIT), 1)


class Counted(NamedTuple):
    """What was asked: the calls by operation, and the write units of DynamoDB that they cost."""

    calls: dict[str, int]
    units: int


class Served(NamedTuple):
    """Where it listens, and the file of the authority to trust."""

    url: str
    authority: str

    def counted(self) -> Counted:
        """What was asked since the last question."""
        trusted = ssl.create_default_context(cafile=self.authority)
        with urlopen(f"{self.url}/counted", timeout=10, context=trusted) as answer:  # noqa: S310 - loopback
            return Counted(**json.load(answer))


@contextmanager
def endpoint(latency: float) -> Iterator[Served]:
    """A fake AWS that answers after `latency` seconds, as long as the body runs."""
    with TemporaryDirectory() as folder:
        made = certificate.make(Path(folder))
        with serving("benchmarks.endpoint", latency, str(made.chain), str(made.key)) as url:
            yield Served(url, str(made.authority))


@contextmanager
def serving(module: str, latency: float, *rest: str) -> Iterator[str]:
    """The URL that this module prints when it serves, in a process of its own, as long as the body runs."""
    command = [sys.executable, "-m", module, str(latency), *rest]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


async def _main(latency: float, chain: str, key: str) -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(chain, key)
    server = await asyncio.start_server(Endpoint(latency).serve, "127.0.0.1", 0, ssl=tls)
    print(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("latency", type=float)
    parser.add_argument("chain")
    parser.add_argument("key")
    options = parser.parse_args()
    asyncio.run(_main(options.latency, options.chain, options.key))
