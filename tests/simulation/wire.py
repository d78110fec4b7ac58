"""The network between a worker and AWS: botocore's HTTP session, with faults in it; `line` is our own client's.

botocore prepares the request, signs it, reads the answer and repeats calls as it does on Lambda; only bytes on a socket
are missing. See `botocore.httpsession.URLLib3Session.send`, whose errors these are.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Protocol
from urllib.parse import parse_qs, unquote, urlsplit

from botocore.awsrequest import AWSResponse
from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
    ReadTimeoutError,
)

from tests.aws.errors import ServiceError
from tests.simulation.worker import Worker

SERVICES = {"DynamoDB_20120810": "dynamodb", "AmazonSQS": "sqs", "AWSEvents": "events", "secretsmanager": "secrets"}


class Unanswered(Exception):
    """The service did not answer while its caller was patient."""


@dataclass(frozen=True)
class Call:
    """A request as a service reads it. `partial` says that the service is to do only a part, if it can.

    `overdue` says that it is to be done later than its caller waits, if that can be; `patience` is how many seconds
    the caller does.
    """

    service: str
    operation: str
    body: dict[str, Any]
    text: str
    worker: Worker
    partial: bool = False
    overdue: bool = False
    patience: float = math.inf


@dataclass(frozen=True)
class Fate:
    """What becomes of a call. `lag` is how long it takes, in seconds; `jammed` that an alarm leaves a lock closed.

    `delay` is when it is done although its caller has given it up, in seconds from now.
    """

    kind: str = "fine"
    lag: float = 0.01
    error: ServiceError | None = None
    jammed: bool = False
    delay: float = 0.0


class Service(Protocol):
    """A model of a service."""

    def answer(self, call: Call) -> dict[str, Any]:
        """What it answers. Raises `ServiceError`, and `Unanswered`."""

    def unheard(self, call: Call) -> None:
        """What it did for `call` its caller never heard of."""


class Wire:
    """What `botocore.endpoint.Endpoint` sends by; one for each client, as each has its own pool of connections."""

    connect_timeout: float = 60
    read_timeout: float = 60

    def __init__(
        self, worker: Callable[[], Worker], services: dict[str, Service], fate: Callable[[Call], tuple[Call, Fate]]
    ) -> None:
        self._worker = worker
        self._services = services
        self._fate = fate
        self._jammed = False

    def send(self, request: Any) -> AWSResponse:
        """The answer to `request`. Raises botocore's own errors, and wraps every other, as the real one does."""
        worker = self._worker()
        call, fate = self._decided(request, worker)
        try:
            if self._jammed:
                worker.sleep(math.inf)
            return self._exchange(request, call, fate, worker.sleep)
        except HTTPClientError:
            raise
        except Exception as error:
            raise HTTPClientError(error=error) from error
        except BaseException:
            # What rings inside a call may leave a lock of the pool closed.
            self._jammed = fate.jammed
            raise

    def exchange(self, request: Any, sleep: Callable[[float], None]) -> AWSResponse:
        """The answer to `request`, as `send` has it, for a client without a pool, which waits by `sleep`."""
        return self._exchange(request, *self._decided(request, self._worker()), sleep)

    def _decided(self, request: Any, worker: Worker) -> tuple[Call, Fate]:
        try:
            return self._fate(_read(request, worker))
        except Exception as error:
            worker.fail(error)

    def close(self) -> None:
        """Nothing is open."""

    def _exchange(self, request: Any, call: Call, fate: Fate, sleep: Callable[[float], None]) -> AWSResponse:
        worker, url = call.worker, request.url
        patience = (getattr(request, "context", None) or {}).get("read_timeout") or self.read_timeout
        match fate.kind:
            case "kill before":
                worker.die("killed before a call")
            case "refused":
                raise EndpointConnectionError(endpoint_url=url, error="refused")
            case "unreachable":
                sleep(self.connect_timeout)
                raise ConnectTimeoutError(endpoint_url=url, error="no answer")
            case "hang":
                sleep(patience)
                raise ReadTimeoutError(endpoint_url=url, error="no answer")
            case "late":
                worker.after(fate.delay, lambda: self._late(call))
                raise ConnectionClosedError(endpoint_url=url, request=request, error="the request is on its way")
        sleep(min(fate.lag, patience) / 2)
        try:
            status, body = self._answer(replace(call, patience=patience), fate)
        except Unanswered:
            raise ReadTimeoutError(endpoint_url=url, error="no answer yet") from None
        try:
            if fate.lag > patience:
                sleep(patience / 2)
                raise ReadTimeoutError(endpoint_url=url, error="too slow")
            match fate.kind:
                case "kill after":
                    worker.die("killed after a call")
                case "lost, hanging":
                    sleep(patience)
                    raise ReadTimeoutError(endpoint_url=url, error="the answer is lost")
                case "lost, closed":
                    raise ConnectionClosedError(endpoint_url=url, request=request, error="the answer is lost")
            sleep(fate.lag / 2)
        except BaseException:
            if status == 200:
                self._services[call.service].unheard(call)
            raise
        return _response(url, status, body)

    def _late(self, call: Call) -> None:
        service = self._services[call.service]
        with suppress(ServiceError, Unanswered):
            service.answer(call)
            service.unheard(call)

    def _answer(self, call: Call, fate: Fate) -> tuple[int, dict[str, Any]]:
        try:
            if fate.error:
                raise fate.error
            return 200, self._services[call.service].answer(call)
        except ServiceError as error:
            return error.status, error.body
        except Unanswered:
            raise
        except Exception as error:
            call.worker.fail(error)


def _read(request: Any, worker: Worker) -> Call:
    text = request.body.decode() if isinstance(request.body, bytes) else request.body or "{}"
    target = request.headers.get("X-Amz-Target")
    if target is None and "/2015-03-31/" in request.url:
        return _read_rest(request, text, worker)
    if target is None and "/schedules/" in request.url:
        name = unquote(urlsplit(request.url).path.rpartition("/")[2])
        operation = {"POST": "CreateSchedule", "DELETE": "DeleteSchedule"}[request.method]
        group = {name: values[0] for name, values in parse_qs(urlsplit(request.url).query).items()}
        said = json.loads(text) if request.method == "POST" else {"GroupName": group["groupName"]}
        return Call("scheduler", operation, {"Name": name, **said}, text, worker)
    if target is None:
        assert request.url.endswith("/v2/email/outbound-emails"), f"no model takes {request.method} {request.url}"
        return Call("mail", "SendEmail", json.loads(text), text, worker)
    service, _, operation = (target.decode() if isinstance(target, bytes) else target).partition(".")
    body = json.loads(text)
    return Call(SERVICES[service], operation, body, json.dumps(body), worker)  # the text, whoever spaced it


def _read_rest(request: Any, text: str, worker: Worker) -> Call:
    """A call of Lambda's, whose operation is in its method and path."""
    address = urlsplit(request.url)
    version, kind, *rest = address.path.strip("/").split("/")
    assert version == "2015-03-31"
    match request.method, kind, rest:
        case "POST", "functions", [name, "invocations"]:
            return Call("lambda", "Invoke", {"FunctionName": unquote(name), "Payload": json.loads(text)}, text, worker)
        case "PUT", "event-source-mappings", [uuid]:
            return Call("lambda", "UpdateEventSourceMapping", {"UUID": uuid, **json.loads(text)}, text, worker)
        case "GET", "event-source-mappings", []:
            asked = {name: values[0] for name, values in parse_qs(address.query).items()}
            return Call("lambda", "ListEventSourceMappings", asked, address.query, worker)
    raise LookupError(f"no model takes {request.method} {request.url}")


def _response(url: str, status: int, body: dict[str, Any]) -> AWSResponse:
    headers = {"x-amzn-RequestId": "request"}
    if "__type" in body:
        headers["x-amzn-ErrorType"] = body["__type"]
    content = json.dumps(body).encode()
    if "Payload" in body:
        content = body["Payload"].encode()
        headers |= {"X-Amz-Function-Error": body["FunctionError"]} if "FunctionError" in body else {}
    response = AWSResponse(url, status, headers, io.BytesIO(content))
    response._content = content
    return response
