"""A loopback SQS that takes SendMessage in the query protocol, keeps what it took and fails on demand.

Beside it a Lambda, and a DynamoDB that knows GetItem.
"""

from __future__ import annotations

import json
import re
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import sleep
from typing import Any
from urllib.parse import parse_qsl

LARGEST = 1024 * 1024
# What SQS takes besides what follows from XML 1.0.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
REFUSED = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
SESSION = (
    "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>s"
    "</SecretAccessKey><SessionToken>t</SessionToken></Credentials></AssumeRoleResult></AssumeRoleResponse>"
)
_GET_ITEM = {"TableName", "Key", "ConsistentRead", "ProjectionExpression", "ExpressionAttributeNames"}
IDENTIFIER = re.compile("[!-~]{1,128}")


@dataclass(frozen=True)
class Failure:
    """What SQS answers instead of taking the message."""

    status: int
    code: str
    message: str = "Refused."


@dataclass(frozen=True)
class Sent:
    """A SendMessage that was taken: the queue's name and every parameter as the form had it."""

    queue: str
    parameters: dict[str, str]

    @property
    def body(self) -> bytes:
        return self.parameters["MessageBody"].encode()

    @property
    def attributes(self) -> dict[str, str]:
        """The message attributes by name."""
        return {
            name: self.parameters[key.removesuffix("Name") + "Value.StringValue"]
            for key, name in self.parameters.items()
            if re.fullmatch(r"MessageAttribute\.\d+\.Name", key)
        }


@dataclass
class Receiver:
    """`taken` is what it took, `failure` what it answers instead, `delay` how late in seconds."""

    url: str = ""
    taken: list[Sent] = field(default_factory=list)
    failure: Failure | None = None
    delay: float = 0
    calls: int = 0
    functions: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = field(default_factory=dict)
    invoked: list[dict[str, Any]] = field(default_factory=list)
    items: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What DynamoDB holds, in its own form, by `<table>/<key>`, and `got` what GetItem was asked."""
    got: list[dict[str, Any]] = field(default_factory=list)
    caller: dict[str, str] = field(default_factory=dict)
    """What IAM says of who signed a request, and `asked` what it was asked."""
    asked: list[dict[str, Any]] = field(default_factory=list)

    def reset(self) -> None:
        """Forget what was taken, and take again."""
        for kept in (self.taken, self.functions, self.invoked, self.caller, self.asked, self.items, self.got):
            kept.clear()
        self.failure, self.delay, self.calls = None, 0, 0

    def invoke(self, name: str, event: dict[str, Any]) -> tuple[dict[str, Any], bool]:
        """What the function returns or raises, as Lambda says it, and whether it raised."""
        self.invoked.append(event)
        try:
            return self.functions[name](event), False
        except Exception as error:
            return {"errorMessage": str(error), "errorType": type(error).__name__}, True

    def get_item(self, target: str, text: str) -> tuple[int, str]:
        """The status and the JSON of DynamoDB's answer."""
        self.calls += 1
        if self.failure is not None:
            return self.failure.status, json.dumps({"__type": f"com.amazonaws#{self.failure.code}", "message": "no"})
        asked = json.loads(text)
        if target != "DynamoDB_20120810.GetItem" or not {"TableName", "Key"} <= set(asked):
            return 400, json.dumps({"__type": "com.amazon.coral.validate#ValidationException", "message": "no"})
        assert set(asked) <= _GET_ITEM, "DynamoDB knows no other parameter"
        self.got.append(asked)
        ((_, key),) = asked["Key"].items()
        item = self.items.get(f"{asked['TableName']}/{key['S']}")
        names = [asked["ExpressionAttributeNames"][name] for name in asked["ProjectionExpression"].split(",")]
        found = {name: item[name] for name in names if name in item} if item is not None else None
        return 200, json.dumps({} if found is None else {"Item": found})

    def take(self, path: str, form: str) -> tuple[int, str]:
        """The status and the XML of SQS's answer."""
        self.calls += 1
        if self.delay:  # a sleep of nothing gives the processor away
            sleep(self.delay)
        pairs = parse_qsl(form, keep_blank_values=True, strict_parsing=True)
        failure = self.failure or _refused(pairs)
        if failure is not None:
            kind = "Sender" if failure.status < 500 else "Receiver"
            return failure.status, (
                '<?xml version="1.0"?><ErrorResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/"><Error>'
                f"<Type>{kind}</Type><Code>{failure.code}</Code><Message>{failure.message}</Message><Detail/></Error>"
                f"<RequestId>{uuid.uuid4()}</RequestId></ErrorResponse>"
            )
        self.taken.append(Sent(path.rpartition("/")[2], dict(pairs)))
        return 200, (
            '<?xml version="1.0"?><SendMessageResponse xmlns="http://queue.amazonaws.com/doc/2012-11-05/">'
            f"<SendMessageResult><MessageId>{uuid.uuid4()}</MessageId></SendMessageResult>"
            f"<ResponseMetadata><RequestId>{uuid.uuid4()}</RequestId></ResponseMetadata></SendMessageResponse>"
        )


def _refused(pairs: list[tuple[str, str]]) -> Failure | None:
    """Why SQS refuses these parameters, by its API reference."""
    parameters = dict(pairs)
    body = parameters.get("MessageBody", "")
    if len(parameters) < len(pairs):
        return Failure(400, "MalformedQueryString", "A parameter is there twice.")
    if parameters.get("Action") != "SendMessage":
        return Failure(400, "InvalidAction")
    if not body:
        return Failure(400, "MissingParameter", "The request must contain the parameter MessageBody.")
    if REFUSED.search(body):
        return Failure(400, "InvalidMessageContents")
    if sum(len(value.encode()) for key, value in pairs if key.startswith("Message")) > LARGEST:
        return Failure(400, "InvalidParameterValue", f"Reason: Message must be shorter than {LARGEST} bytes.")
    for name in ("MessageGroupId", "MessageDeduplicationId"):
        if not IDENTIFIER.fullmatch(parameters.get(name, "given")):
            return Failure(400, "InvalidParameterValue", f"The value for parameter {name} is invalid.")
    if any(key.endswith(".Value.StringValue") and not value for key, value in pairs):
        return Failure(400, "InvalidParameterValue", "An attribute is empty.")
    return None


@contextmanager
def listening() -> Iterator[Receiver]:
    """A receiver on a free port of this machine."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True
        wbufsize = -1

        def do_POST(self) -> None:
            form = self.rfile.read(int(self.headers["Content-Length"])).decode("ascii")
            if target := self.headers["X-Amz-Target"]:
                self.answer(*receiver.get_item(target, form), {"Content-Type": "application/x-amz-json-1.0"})
            elif self.path == "/":  # a role is looked up, or assumed
                self.answer(200 if form.startswith("Action=AssumeRole") else 400, SESSION, {"Content-Type": "text/xml"})
            elif self.path == "/_headrace/caller":
                receiver.asked.append(json.loads(form))
                self.answer(200, json.dumps(receiver.caller), {"Content-Type": "application/json"})
            elif self.path.endswith("/invocations"):
                answer, raised = receiver.invoke(self.path.split("/")[3], json.loads(form))
                self.answer(200, json.dumps(answer), {"X-Amz-Function-Error": "Unhandled"} if raised else {})
            else:
                status, text = receiver.take(self.path, form)
                self.answer(status, text, {"Content-Type": "text/xml"})

        def answer(self, status: int, text: str, headers: dict[str, str]) -> None:
            payload = text.encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        receiver.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()
