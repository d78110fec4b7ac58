"""A fake AWS endpoint on this machine, for what goes through real HTTP: queues, and tables that only remember."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

from botocore.exceptions import ClientError

from ops.sqs.message import Entry, Value
from stacks import names
from tests.aws import dynamodb, events
from tests.aws.errors import ServiceError
from tests.aws.expression import Expression
from tests.aws.queues import REGION, FakeQueue, FakeSqs
from tests.ops.move_tasks import MoveTasks
from tests.ops.sight import Insights

T = TypeVar("T")
OPERATIONS = {
    name.lower(): name for name in ("PutEvents", "PutItem", "UpdateItem", "GetItem", "BatchGetItem", "Scan", "Query")
}
SESSION = (
    b"<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>s"
    b"</SecretAccessKey><SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>"
    b"</AssumeRoleResult></AssumeRoleResponse>"
)
"""What STS answers to whoever takes the operator's role."""
CALLER = (
    b"<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::000000000000:user/somebody</Arn>"
    b"<UserId>u</UserId><Account>000000000000</Account></GetCallerIdentityResult></GetCallerIdentityResponse>"
)
"""What STS answers to whoever asks who they are."""


class Endpoint:
    """Answers SQS from a fake, DynamoDB from `tables` (items by table and key), EventBridge from its `rules`.

    `elsewhere` is SQS of other regions.

    Lambda has the `mappings`: the state of each by the ARN of its queue.
    SQS moves messages by itself where there are `moves`, which no emulator of ours has.
    CloudWatch Logs answers from `insights`; None is a stage without log groups. What is in `hanging` never answers:
    services by the first part of their target, and `lambda`; `hung` is how often it was asked. What is in `refusing`
    answers that it may not.
    """

    def __init__(self) -> None:
        self.sqs = FakeSqs()
        self.elsewhere: dict[str, FakeSqs] = {}
        self._region = ContextVar("region", default="")
        """The one that the connection's last request was signed for."""
        self.tables: dict[str, dict[str, Any]] = {}
        self.indexes = {names.BY_ACTION}
        self.queries = 0
        self.rules: set[str] = set()
        self.mappings: dict[str, str] = {}
        self.published: list[dict[str, Any]] = []
        self.insights: Insights | None = None
        self.hanging: set[str] = set()
        self.hung = 0
        self.refusing: set[str] = set()
        self.before: Callable[[str, str], None] = lambda action, table: None
        """What others do right before a call of DynamoDB, by its action in small letters and its table."""
        self.loses: Callable[[str, str], bool] = lambda action, table: False
        """Whether the answer to that call is lost, which was done."""
        self.moves: MoveTasks | None = None
        self.loop: asyncio.AbstractEventLoop
        self.writers: list[asyncio.StreamWriter] = []
        self.url = ""

    def do(self, work: Callable[[], T]) -> T:
        """Runs `work` where the fake's clock is."""

        async def inside() -> T:
            return work()

        return asyncio.run_coroutine_threadsafe(inside(), self.loop).result(10)

    def put(self, queue: FakeQueue, body: str, group: str | None = None, **attributes: str) -> str:
        """Puts a message into a queue, as its source moved it there or as somebody sent it; its id."""
        number = len(queue.arrived)
        values = {name: Value("String", value) for name, value in attributes.items()}
        entry = Entry(str(number), body, values, {}, group, f"original-{number}" if group is not None else None)
        source = next((each.arn for each in self.sqs.queues.values() if each.dead is queue), None)
        return self.do(lambda: queue.put(entry, source=source))

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        try:
            while True:
                asked = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                head = asked.lower()
                headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
                payload = await reader.readexactly(int(headers.get("content-length", 0)))
                service, _, action = headers.get("x-amz-target", "").partition(".")
                if payload.startswith(b"Action=AssumeRole"):
                    status, body = 200, SESSION
                elif payload.startswith(b"Action=GetCallerIdentity"):
                    status, body = 200, CALLER
                elif asked.startswith("GET /2015-03-31/event-source-mappings"):
                    await self._hang("lambda")
                    status, body = self._mappings(urlsplit(asked.split()[1]).query)
                else:
                    signed_for = headers.get("authorization", "").partition("credential=")[2].split("/")[2:3]
                    self._region.set("".join(signed_for))
                    status, body = await self._answer(service, action, payload)
                writer.write(
                    b"HTTP/1.1 %d X\r\nContent-Type: application/x-amz-json-1.0\r\nContent-Length: %d\r\n\r\n%s"
                    % (status, len(body), body)
                )
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _mappings(self, query: str) -> tuple[int, bytes]:
        (name,) = parse_qs(query)["FunctionName"]
        found = [
            {"UUID": arn, "EventSourceArn": arn, "State": state}
            for arn, state in self.mappings.items()
            if arn.rpartition(":")[2].removesuffix(".fifo") == name
        ]
        return 200, json.dumps({"EventSourceMappings": found}).encode()

    async def _hang(self, service: str) -> None:
        if service in self.hanging:
            self.hung += 1
            await asyncio.sleep(3600)

    async def _answer(self, service: str, action: str, payload: bytes) -> tuple[int, bytes]:
        await self._hang(service)
        if service == "amazonsqs":
            actions: tuple[str, ...] = (
                "ReceiveMessage",
                "SendMessage",
                "SendMessageBatch",
                "DeleteMessageBatch",
                "ChangeMessageVisibilityBatch",
            )
            actions += ("GetQueueAttributes", "GetQueueUrl", "ListDeadLetterSourceQueues")
            if self.moves is not None and action in self.moves.actions:
                return self.moves(action, json.loads(payload))
            known = {name.lower(): name for name in actions}
            if action not in known:
                return 400, b'{"__type": "InvalidAction", "message": "not here"}'
            region = self._region.get()
            elsewhere = region not in ("", REGION)
            sqs = self.elsewhere.setdefault(region, FakeSqs(region=region)) if elsewhere else self.sqs
            return await sqs(known[action], payload)
        request = json.loads(payload)
        checks = {"awsevents": events.check, "dynamodb_20120810": dynamodb.check}
        try:
            checks.get(service, lambda _, __: None)(OPERATIONS.get(action, action), request)
        except ServiceError as error:
            return error.status, json.dumps(error.body).encode()
        if service == "awsevents" and action == "putevents":
            results = [events.fault(entry) or {"EventId": "e"} for entry in request["Entries"]]
            taken = [entry for entry, told in zip(request["Entries"], results, strict=True) if "EventId" in told]
            self.published += taken
            return 200, json.dumps({"FailedEntryCount": len(results) - len(taken), "Entries": results}).encode()
        if service == "awsevents" and action == "listrules":
            return 200, json.dumps({"Rules": [{"Name": name} for name in sorted(self.rules)]}).encode()
        if service == "awsevents":
            if request["Rule"] in self.rules:
                return 200, b'{"Targets": [{"Id": "queue", "Arn": "arn"}]}'
            return 400, b'{"__type": "ResourceNotFoundException", "message": "no rule"}'
        if service in self.refusing:
            return 400, b'{"__type": "AccessDeniedException", "message": "not you"}'
        if service == "dynamodb_20120810":
            table = request.get("TableName", "")
            self.before(action, table)
            answer = self._table(action, request)
            lost = 500, b'{"__type": "InternalServerError", "message": "lost"}'
            return lost if self.loses(action, table) else answer
        if service.startswith("logs_") and self.insights is not None:
            try:
                return 200, json.dumps(self.insights(action, request)).encode()
            except ClientError as error:
                return 400, json.dumps({"__type": error.response["Error"]["Code"], "message": "no"}).encode()
        return 400, b'{"__type": "ResourceNotFoundException", "message": "not here"}'

    def _table(self, action: str, request: dict[str, Any]) -> tuple[int, bytes]:
        """What DynamoDB answers; what there is no table for is not here."""
        try:
            if action == "putitem":
                item = request["Item"]
                table, key = self.tables[request["TableName"]], (item.get("id") or item["group"])["S"]
                if (condition := request.get("ConditionExpression")) is not None:
                    named = request.get("ExpressionAttributeNames", {})
                    if not Expression(condition, named, request["ExpressionAttributeValues"], table.get(key)).holds():
                        return _condition_failed(request, table.get(key))
                table[key] = item
                return 200, b"{}"
            if action == "getitem":
                found = self.tables[request["TableName"]].get(request["Key"]["id"]["S"])
                return 200, json.dumps({"Item": found} if found is not None else {}).encode()
            if action == "query":
                return self._indexed(request)
            if action in ("scan", "updateitem"):
                return self._places(action, request)
            ((table, asked),) = request["RequestItems"].items()
            wanted = [value["S"] for key in asked["Keys"] for value in key.values()]
            found = [self.tables[table][id_] for id_ in wanted if id_ in self.tables[table]]
            return 200, json.dumps({"Responses": {table: found}}).encode()
        except KeyError:
            return (
                400,
                b'{"__type": "ResourceNotFoundException", "message": "not here"}',
            )

    def _page(self, table: dict[str, Any], request: dict[str, Any]) -> tuple[int, bytes]:
        """One page of a scan: so many items are looked at, whether the filter takes them or not."""
        names, values = request.get("ExpressionAttributeNames", {}), request.get("ExpressionAttributeValues", {})
        looked_at = [*table.values()][: request["Limit"]]
        found = [i for i in looked_at if Expression(request["FilterExpression"], names, values, i).holds()]
        more = {"LastEvaluatedKey": {"id": looked_at[-1]["id"]}} if len(looked_at) < len(table) else {}
        return 200, json.dumps({"Items": found, "ScannedCount": len(looked_at), **more}).encode()

    @property
    def records(self) -> list[dict[str, Any]]:
        """The audit records in the table of redrives, which has leases too."""
        items = self.tables[names.resource(names.LOCAL, names.REDRIVES)].values()
        return [item for item in items if not item["id"]["S"].startswith("lease:")]

    def _indexed(self, request: dict[str, Any]) -> tuple[int, bytes]:
        """What the index of the table of redrives has; an item without one of its keys is not in it."""
        table = self.tables[request["TableName"]]
        if request["IndexName"] not in self.indexes:
            told = f"The table does not have the specified index: {request['IndexName']}"
            return 400, json.dumps({"__type": "ValidationException", "message": told}).encode()
        self.queries += 1
        keyed = [item for item in table.values() if "action" in item and "started_at" in item]
        condition, values = request["KeyConditionExpression"], request["ExpressionAttributeValues"]
        keyed = [
            item for item in keyed if Expression(condition, request["ExpressionAttributeNames"], values, item).holds()
        ]
        keyed.sort(key=lambda item: item["started_at"]["S"], reverse=not request["ScanIndexForward"])
        start = request.get("ExclusiveStartKey")
        at = 1 + next((n for n, item in enumerate(keyed) if start and item["id"] == start["id"]), -1)
        page = keyed[at : at + request["Limit"]]
        more = at + len(page) < len(keyed)
        last = {"LastEvaluatedKey": {key: page[-1][key] for key in ("id", "action", "started_at")}} if more else {}
        return 200, json.dumps({"Items": page, **last}).encode()

    def _places(self, action: str, request: dict[str, Any]) -> tuple[int, bytes]:
        """What is done with the table of what is parked."""
        table = self.tables[request["TableName"]]
        names, values = request.get("ExpressionAttributeNames", {}), request.get("ExpressionAttributeValues", {})
        if action == "scan":
            if "Limit" in request:
                return self._page(table, request)
            found = [i for i in table.values() if Expression(request["FilterExpression"], names, values, i).holds()]
            return 200, json.dumps({"Items": found}).encode()
        key = request["Key"]["group"]["S"]
        if not Expression(request["ConditionExpression"], names, values, table.get(key)).holds():
            return _condition_failed(request, table.get(key))
        table[key] = Expression(request["UpdateExpression"], names, values, table[key]).applied()
        return 200, b"{}"


def _condition_failed(request: dict[str, Any], item: dict[str, Any] | None) -> tuple[int, bytes]:
    error = dynamodb.condition_failed(request, item)
    return error.status, json.dumps(error.body).encode()


@contextmanager
def running() -> Iterator[Endpoint]:
    """An endpoint in a thread of its own, as long as the body runs."""
    endpoint = Endpoint()
    ready, over = threading.Event(), asyncio.Event()

    async def main() -> None:
        endpoint.loop = asyncio.get_running_loop()
        server = await asyncio.start_server(endpoint.serve, "127.0.0.1", 0, limit=2**22)
        endpoint.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        ready.set()
        await over.wait()
        server.close()
        while len(asyncio.all_tasks()) > 1:  # whoever connects at the last moment is served, and cut off, too
            for writer in endpoint.writers:
                writer.transport.abort()
            for task in asyncio.all_tasks():
                if getattr(task.get_coro(), "__name__", "") == "serve":
                    task.cancel()
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.01)

    thread = threading.Thread(target=asyncio.run, args=(main(),))
    thread.start()
    assert ready.wait(10)
    try:
        yield endpoint
    finally:
        endpoint.loop.call_soon_threadsafe(over.set)
        thread.join(10)
