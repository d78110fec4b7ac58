"""A fake AWS endpoint: answers DynamoDB and EventBridge calls after a fixed latency, and counts them.

It runs in a process of its own, so that what it costs is not counted against the client it serves. Items are kept by
their key, because a conditional write and an idempotency store must be able to tell the first time from the second.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.request import urlopen

KEYS = ("id", "order_id")


class Endpoint:
    """The calls that it answered, by operation, and the items that were put."""

    def __init__(self, latency: float) -> None:
        self.latency = latency
        self.calls: Counter[str] = Counter()
        self.items: set[tuple[str, str]] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection, one after the other."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:])}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                target = headers.get("x-amz-target")
                if target:
                    status, answer = self.answer(target.rpartition(".")[2], json.loads(body))
                    await asyncio.sleep(self.latency)
                else:
                    status, answer = 200, dict(self.calls)
                    self.calls.clear()
                content = json.dumps(answer).encode()
                writer.write(
                    b"HTTP/1.1 %d X\r\nContent-Type: application/x-amz-json-1.0\r\n" % status
                    + b"x-amzn-RequestId: r\r\nContent-Length: %d\r\n\r\n%s" % (len(content), content)
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def answer(self, operation: str, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """The status and the body of the answer to `request`."""
        self.calls[operation] += 1
        match operation:
            case "PutItem":
                item = request["Item"]
                name = (request["TableName"], next(item[key]["S"] for key in KEYS if key in item))
                if name in self.items:
                    return 400, {"__type": "com.amazonaws.dynamodb.v20120810#ConditionalCheckFailedException"}
                self.items.add(name)
                return 200, {}
            case "PutEvents":
                entries = [{"EventId": str(position)} for position, _ in enumerate(request["Entries"])]
                return 200, {"FailedEntryCount": 0, "Entries": entries}
            case _:
                return 200, {}


@contextmanager
def endpoint(latency: float) -> Iterator[str]:
    """The URL of a fake endpoint that answers after `latency` seconds, as long as the body runs."""
    with serving("benchmarks.endpoint", latency) as url:
        yield url


@contextmanager
def serving(module: str, latency: float) -> Iterator[str]:
    """The URL that this module prints when it serves, in a process of its own, as long as the body runs."""
    command = [sys.executable, "-m", module, str(latency)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def calls(url: str) -> dict[str, int]:
    """The calls that the endpoint answered since the last question."""
    with urlopen(url, timeout=10) as answer:  # noqa: S310 - a loopback address of our own
        counts: dict[str, int] = json.load(answer)
    return counts


async def _main(latency: float) -> None:
    served = Endpoint(latency)
    server = await asyncio.start_server(served.serve, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("latency", type=float)
    asyncio.run(_main(parser.parse_args().latency))
