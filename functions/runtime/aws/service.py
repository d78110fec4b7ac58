"""A client of one of AWS's JSON services, called as botocore's is.

It makes the calls that functions make for every message, and no others. Where it connects to is what botocore would
take in a function: the region's own endpoint, or that of AWS_ENDPOINT_URL. https://smithy.io/2.0/aws/protocols/
"""

from __future__ import annotations

import json
import os
import re
import ssl
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from functools import cache, lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit
from uuid import uuid4

import botocore
import msgspec
from botocore import exceptions
from botocore.exceptions import ClientError

from functions.runtime.aws.answer import Errors, read
from functions.runtime.aws.connection import Connection, Within
from functions.runtime.aws.framing import Framing, Malformed
from functions.runtime.aws.retries import ATTEMPTS, FIRST, FIRST_OF_DYNAMODB, Retries
from functions.runtime.aws.signature import Signature
from functions.runtime.waiting import sleep

CONNECT = 2.0
"""Seconds that connecting may take."""
SKEW = 240.0
"""Seconds that our clock may be wrong before AWS refuses what it signs, with a minute to spare."""
SKEWED = {
    *("RequestTimeTooSkewed", "RequestExpired", "InvalidSignatureException", "SignatureDoesNotMatch"),
    *("AuthFailure", "RequestInTheFuture"),
}
ELSEWHERE = {
    *("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"),
    *("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_CONFIG_FILE"),
}
"""Variables that say more than this client reads."""
PARTITIONS = (
    (re.compile(r"(us|eu|ap|sa|ca|me|af|il|mx)-\w+-\d+"), "amazonaws.com"),
    (re.compile(r"us-gov-\w+-\d+"), "amazonaws.com"),
    (re.compile(r"cn-\w+-\d+"), "amazonaws.com.cn"),
)
"""What a region's name says of its endpoints, as botocore's list of partitions has it."""


class Protocol(NamedTuple):
    """How a service is spoken to, and which of its operations are."""

    target: str
    version: str
    operations: frozenset[str]


PROTOCOLS = {
    "dynamodb": Protocol(
        "DynamoDB_20120810",
        "1.0",
        frozenset({"BatchGetItem", "DeleteItem", "GetItem", "PutItem", "TransactWriteItems", "UpdateItem"}),
    ),
    "events": Protocol("AWSEvents", "1.1", frozenset({"PutEvents"})),
    "secretsmanager": Protocol("secretsmanager", "1.1", frozenset({"GetSecretValue"})),
    "sqs": Protocol("AmazonSQS", "1.0", frozenset({"ChangeMessageVisibilityBatch", "SendMessage", "SendMessageBatch"})),
}


class Identity(NamedTuple):
    """Who calls."""

    access_key: str
    secret_key: str
    token: str | None


def suits(service: str, environment: Mapping[str, str]) -> bool:
    """Whether this client does there what botocore's would: on Lambda it does, but for what few ask for.

    Credentials from elsewhere than the environment, files of settings, proxies, endpoints below a path, FIPS and
    dual-stack endpoints, partitions that are not AWS's own, China's or GovCloud's, and AWS_CLIENT=botocore are
    botocore's.
    """
    asked = {name.upper(): value for name, value in environment.items() if value}
    return (
        service in PROTOCOLS
        and asked.keys() >= {"AWS_LAMBDA_FUNCTION_NAME", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
        and asked.get("AWS_CLIENT") != "botocore"
        and not asked.keys() & ELSEWHERE
        and not any(
            asked.get(name, "").lower() == "true" for name in ("AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT")
        )
        and endpoint(service, asked) is not None
    )


def endpoint(service: str, environment: Mapping[str, str]) -> str | None:
    """The URL of the service, None where only botocore knows it."""
    ignored = environment.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true"
    names = (f"AWS_ENDPOINT_URL_{_id(service)}", "AWS_ENDPOINT_URL")
    given = next((environment[name] for name in names if environment.get(name)), None)
    if given and not ignored:
        return given if _is_root(given) else None
    region = _region(environment)
    suffix = next((suffix for pattern, suffix in PARTITIONS if pattern.fullmatch(region)), None)
    return f"https://{service}.{region}.{suffix}" if suffix else None


def _is_root(url: str) -> bool:
    """Whether it is the URL of a host and of nothing else: without a path, a query, or somebody's name."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    return (
        parts.scheme in ("http", "https")
        and bool(parts.hostname)
        and port != 0
        and parts.username is None
        and parts.path in ("", "/")
        and not (parts.query or parts.fragment)
    )


def _id(service: str) -> str:
    return {"events": "EVENTBRIDGE", "secretsmanager": "SECRETS_MANAGER"}.get(service, service.upper())


def _region(environment: Mapping[str, str]) -> str:
    return environment.get("AWS_DEFAULT_REGION") or environment.get("AWS_REGION") or ""


class Service:
    """A client of `service`, one of PROTOCOLS, with so many attempts a call; `suits` says where it can be had.

    Its methods are named, called and answered as those of botocore's client, and raise its errors; `exceptions` has
    them by their codes. `seconds` says before each request how long it may take, `ended` is told when a call is over,
    and `body` makes what is sent of what a call says, for each request anew. Whatever else a client can do is asked of
    the one that `rest` makes.
    """

    def __init__(
        self,
        service: str,
        *,
        attempts: int = ATTEMPTS,
        seconds: Callable[[], float],
        rest: Callable[[], Any],
        ended: Callable[[], None] = lambda: None,
        body: Callable[[bytes], bytes] = lambda made: made,
    ) -> None:
        self.exceptions = Errors()
        url = endpoint(service, os.environ)
        assert url is not None, service
        parts = urlsplit(url)
        self._service = service
        self._url = url
        self._protocol = PROTOCOLS[service]
        self._attempts = attempts
        self._seconds = seconds
        self._ended = ended
        self._rest = rest
        self._body = body
        self._host = parts.hostname or ""
        self._tls = parts.scheme == "https"
        self._port = parts.port or (443 if self._tls else 80)
        self._signature = Signature(service, _region(os.environ), parts.netloc)
        self._retries = Retries(FIRST_OF_DYNAMODB if service == "dynamodb" else FIRST)
        self._idle: list[Connection] = []
        self._skew = 0.0

    def __getattr__(self, method: str) -> Any:
        operation = _operation(method)
        if method.startswith("__"):
            raise AttributeError(method)
        if operation in self._protocol.operations:
            found: Any = partial(self._call, operation)
        else:
            found = getattr(self._botocores(), method)
        self.__dict__[method] = found
        return found

    def warm(self) -> bool:
        """Connect now, so that the first call need not; whether that was possible. If not, the call says so."""
        try:
            connection = self._made()
            connection.open(CONNECT)
        except OSError:
            return False
        self._idle.append(connection)
        return True

    def close(self) -> None:
        """End the connections that wait for a call."""
        while self._idle:
            self._idle.pop().close()

    def _botocores(self) -> Any:
        """The client of the rest. It raises our errors: whoever catches one need not know whose client raised it, and
        neither would pages or waiters, which call it themselves.
        """
        rest = self._rest()
        rest._exceptions = self.exceptions
        return rest

    def _call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        if "EndpointId" in arguments:  # a global endpoint is elsewhere, and signed for otherwise
            found: dict[str, Any] = self._botocores().put_events(**arguments)
            return found
        made = _encode(operation, arguments)
        try:
            answer = self._repeated(operation, made)
        except Exception:
            self._ended()
            raise
        self._ended()  # but not where it is interrupted: then it is known what hung
        return answer

    def _repeated(self, operation: str, made: bytes) -> dict[str, Any]:
        before: Exception | None = None
        attempt = 1
        while True:
            skew = self._skew
            try:
                answer = self._answered(operation, made, repeated=attempt - 1, skew=skew)
            except (ClientError, exceptions.BotoCoreError) as error:
                if not self._again(error, attempt, skew):
                    raise
                before = error
                attempt += 1
            else:
                self._retries.went_well(before)
                return answer

    def _again(self, error: Exception, attempt: int, skew: float) -> bool:
        """Whether the call is made again, after the pause that goes before that."""
        if attempt >= self._attempts:
            return False
        if isinstance(error, ClientError) and self._corrected(error, skew):
            return True
        pause = self._retries.pause(attempt, error)
        if pause is None or pause >= self._seconds():
            return False  # what went wrong says more than a time that ran out
        sleep(pause)
        return True

    def _corrected(self, error: ClientError, signed: float) -> bool:
        """Whether our clock was wrong when the request was signed with that skew, and is set right by the service's."""
        said = error.response["ResponseMetadata"]["HTTPHeaders"].get("date", "")
        if error.response["Error"]["Code"] not in SKEWED or not said:
            return False
        from email.utils import parsedate_to_datetime

        with suppress(ValueError):
            skew = parsedate_to_datetime(said).timestamp() - time.time()
            if abs(skew - signed) > SKEW:
                self._skew = skew
                return True
        return False

    def _answered(self, operation: str, made: bytes, *, repeated: int, skew: float) -> dict[str, Any]:
        while True:
            connection, reused = self._connection()
            request = self._request(operation, self._body(made), skew)
            try:
                framing = self._asked(connection, request, self._seconds())
            except ConnectionError as error:
                connection.close()
                if reused and not isinstance(error, Within):
                    continue  # it was closed while nobody used it: the service has not seen the request
                raise exceptions.ConnectionClosedError(endpoint_url=self._url, error=error) from error
            if framing.keeps:
                self._idle.append(connection)
            else:
                connection.close()
            try:
                return read(
                    operation, framing.status, framing.headers, framing.body, self.exceptions, repeated=repeated
                )
            except Malformed as error:
                raise exceptions.HTTPClientError(error=error) from error

    def _asked(self, connection: Connection, request: bytes, seconds: float) -> Framing:
        try:
            return connection.ask(request, seconds)
        except TimeoutError as error:
            connection.close()
            raise exceptions.ReadTimeoutError(endpoint_url=self._url, error=error) from error
        except (Malformed, ssl.SSLError) as error:
            connection.close()
            raise exceptions.HTTPClientError(error=error) from error
        except ConnectionError:
            raise
        except BaseException:
            connection.close()  # an answer that comes later is nobody's
            raise

    def _connection(self) -> tuple[Connection, bool]:
        """One that is open, and whether it was used before."""
        while self._idle:
            connection = self._idle.pop()
            if not connection.stale:
                return connection, not connection.fresh
            connection.close()
        seconds = min(CONNECT, self._seconds())
        try:
            connection = self._made()
            connection.open(seconds)
        except ssl.SSLError as error:
            raise exceptions.SSLError(endpoint_url=self._url, error=error) from error
        except TimeoutError as error:
            raise exceptions.ConnectTimeoutError(endpoint_url=self._url, error=error) from error
        except OSError as error:
            raise exceptions.EndpointConnectionError(endpoint_url=self._url, error=error) from error
        return connection, False

    def _made(self) -> Connection:
        return Connection(self._host, self._port, _trusted() if self._tls else None)

    def _request(self, operation: str, body: bytes, skew: float) -> bytes:
        headers = {
            "content-type": f"application/x-amz-json-{self._protocol.version}",
            "x-amz-target": f"{self._protocol.target}.{operation}",
        }
        environment = os.environ
        identity = Identity(
            environment["AWS_ACCESS_KEY_ID"],
            environment["AWS_SECRET_ACCESS_KEY"],
            environment.get("AWS_SESSION_TOKEN"),
        )
        if self._service == "sqs":
            headers["x-amzn-query-mode"] = "true"  # so that its errors have the names by which botocore knows them
        signed = self._signature.headers(identity, headers, body, time.time() + skew)
        if trace := environment.get("_X_AMZN_TRACE_ID"):
            signed["x-amzn-trace-id"] = _quoted(trace)
        signed["user-agent"] = "headrace"
        lines = "".join(f"{name}: {value}\r\n" for name, value in signed.items())
        return f"POST / HTTP/1.1\r\n{lines}content-length: {len(body)}\r\n\r\n".encode() + body


def _encode(operation: str, arguments: dict[str, Any]) -> bytes:
    """The body of a request; bytes become base64, and a time, which only events have, seconds.

    A transaction without a token has one of its call, by which DynamoDB knows it when it is repeated.
    """
    if operation == "TransactWriteItems":
        arguments = {"ClientRequestToken": str(uuid4()), **arguments}
    if operation == "PutEvents":
        arguments = {**arguments, "Entries": [_timed(entry) for entry in arguments.get("Entries", ())]}
    try:
        return msgspec.json.encode(arguments)
    except UnicodeEncodeError:
        # Half a character, which can be said escaped only. As with botocore it is the service that refuses it, so that
        # whoever writes for others, such as a cause of failure, is told so as of any refusal.
        return json.dumps(msgspec.to_builtins(arguments)).encode()


def _timed(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    at = entry.get("Time")
    return {**entry, "Time": int(at.timestamp())} if isinstance(at, datetime) else entry


@lru_cache(maxsize=1)
def _quoted(trace: str) -> str:
    return quote(trace, safe="-=;:+&[]{}\"',")


@cache
def _operation(method: str) -> str:
    return "".join(word.capitalize() for word in method.split("_"))


@cache
def _trusted() -> ssl.SSLContext:
    """The authorities that AWS_CA_BUNDLE or REQUESTS_CA_BUNDLE names, or else botocore's, judged as botocore does.

    Python's own default is stricter from 3.13 on: it refuses what many a company's authority signs.
    """
    named = os.environ.get("AWS_CA_BUNDLE") or os.environ.get("REQUESTS_CA_BUNDLE")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cafile=named or str(Path(botocore.__file__).with_name("cacert.pem")))
    return context
