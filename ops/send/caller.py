"""A caller of the deployed API that sends exactly what it is given: names, spellings and bytes."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection, IncompleteRead
from typing import Any
from urllib.parse import urlsplit

import msgspec
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from ops import rest_api
from ops.address import partition_of
from ops.errors import OpsError, UsageError
from ops.sqs.message import UNREADABLE
from ops.stage import Stage, in_words
from stacks import names
from stacks.entry import Authorized, Route
from stacks.settings import Settings

TIMEOUT = 40
"""Seconds: API Gateway itself gives up after 29."""
MOST = 1024 * 1024
"""Bytes of an answer that are read: ours are short, and what else answers may have no end."""
STEP = 64 * 1024

Header = tuple[str, str]


class Unanswered(OpsError):
    """The request was sent, or was to be, and there is no answer: nobody knows whether it was taken."""


@dataclass(frozen=True)
class Request:
    """A request as it goes over the wire; `path` comes after the stage's URL. `unsigned` leaves out who asks."""

    path: str
    body: bytes = b""
    headers: tuple[Header, ...] = ()
    method: str = "POST"
    unsigned: bool = False


@dataclass(frozen=True)
class Answer:
    """What came back. `said` is its JSON object, None where it is none; names of `headers` are in lower case.

    `cut` is whether there was more than is read of an answer.
    """

    status: int
    headers: dict[str, str]
    text: str
    cut: bool = False

    @property
    def said(self) -> dict[str, Any] | None:
        """The JSON object of the body, or None."""
        try:
            found = msgspec.json.decode(self.text)
        except UNREADABLE:
            return None
        return found if isinstance(found, dict) else None


def api_url(stage: Stage) -> str:
    """The URL of the deployed API, stage included. What tells it may be asked by the operator, too.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/how-to-call-api.html

    Raises `UsageError` where the stage has none, `OpsError` where AWS refuses.
    """
    if stage.api_url is not None:
        if not stage.api_url:
            raise UsageError("The stage has no API: no integration has a route.")
        return stage.api_url
    found = rest_api.ids(stage)
    if len(found) != 1:
        raise OpsError(
            f"Region {stage.region} has {len(found) or 'no'} APIs of the name {names.resource(stage.name, 'api')}: "
            + ("say which by --api-url." if found else f"deploy stage {stage.name}, or say --api-url.")
        )
    partition = partition_of(stage.region)
    suffix = partition.suffixes[0] if partition is not None else "amazonaws.com"
    return f"https://{found[0]}.execute-api.{stage.region}.{suffix}/{stage.name}"


class Caller:
    """Calls the API as its callers do: signed, with a key, with a token, or as nobody, as the route asks.

    `token` is a bearer's token, for routes that want one, `key` an API key's value; without it one of the stage's
    clients' keys is asked for.
    """

    def __init__(
        self, stage: Stage, settings: Settings, url: str, token: str | None = None, key: str | None = None
    ) -> None:
        self._stage = stage
        self._settings = settings
        self._token = token
        self._keys: list[str] | None = None if key is None else [key]
        self.url = url

    def authorized(self, route: Route) -> Authorized:
        """How callers of the route show who they are."""
        return route.authorized(self._settings.authorization)

    def rate(self, route: Route) -> float:
        """Requests a second that the route takes in the long run."""
        return min(route.rate or self._settings.throttle_rate, self._settings.throttle_rate)

    def why_not(self, route: Route) -> str | None:
        """Why we cannot call the route, or None where we can."""
        match self.authorized(route):
            case "jwt" if self._token is None:
                return "the route wants a token: say --token"
            case "api_key" if not self._api_keys():
                return f"no API key of {', '.join(self._settings.api_keys.clients)} could be read"
        return None

    def call(self, route: Route, request: Request) -> Answer:
        """Send the request as a caller of that route; redirects are not followed.

        Raises `Unanswered` where nothing answers, or not to its end in time, `OpsError` where it could not be signed.
        """
        parts = urlsplit(self.url)
        headers = list(request.headers)
        path = parts.path.rstrip("/") + request.path
        if not request.unsigned:
            headers += self._credentials(route, request, f"{parts.scheme}://{parts.netloc}{path}")
        deadline = time.monotonic() + TIMEOUT
        connection = self._connect(parts.scheme, parts.hostname or "", parts.port)
        try:
            connection.putrequest(request.method, path, skip_accept_encoding=True)
            for name, value in headers:
                connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(request.body)))
            connection.endheaders(request.body)
            response = connection.getresponse()
            body = _read(response, deadline)
        except (OSError, HTTPException) as error:
            raise Unanswered(f"The API does not answer at {self.url}: {error or type(error).__name__}.") from None
        finally:
            connection.close()
        headers_ = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, headers_, body[:MOST].decode("utf-8", "replace"), cut=len(body) > MOST)

    def _connect(self, scheme: str, host: str, port: int | None) -> HTTPConnection:
        if scheme != "https":
            return HTTPConnection(host, port, timeout=TIMEOUT)
        bundle = self._stage.session.get_config_variable("ca_bundle")
        return HTTPSConnection(host, port, timeout=TIMEOUT, context=ssl.create_default_context(cafile=bundle))

    def _credentials(self, route: Route, request: Request, url: str) -> list[Header]:
        ways: dict[str, Callable[[], list[Header]]] = {
            "iam": lambda: self._signed(request, url),
            "api_key": lambda: [("x-api-key", key) for key in self._api_keys()[:1]],
            "jwt": lambda: [("Authorization", f"Bearer {self._token}")],
        }
        return ways.get(self.authorized(route), list)()

    def _signed(self, request: Request, url: str) -> list[Header]:
        """The headers of Signature Version 4.

        https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
        """
        unsigned = AWSRequest(method=request.method, url=url, data=request.body)
        with in_words():
            credentials = self._stage.session.get_credentials().get_frozen_credentials()
            SigV4Auth(credentials, "execute-api", self._stage.region).add_auth(unsigned)
        wanted = ("authorization", "x-amz-date", "x-amz-security-token")
        return [(name, value) for name, value in unsigned.headers.items() if name.lower() in wanted]

    def _api_keys(self) -> list[str]:
        if self._keys is None:
            wanted = {names.resource(self._stage.name, client) for client in self._settings.api_keys.clients}
            with in_words():
                pages = self._stage.client("apigateway").get_paginator("get_api_keys").paginate(includeValues=True)
                found = [each for page in pages for each in page["items"]]
            self._keys = [each["value"] for each in found if each.get("name") in wanted]
        return self._keys


def _read(response: HTTPResponse, deadline: float) -> bytes:
    """The answer's body, or somewhat more than is shown of it.

    Raises `TimeoutError` for one that trickles, `IncompleteRead` for one that ends too early.
    """
    body = bytearray()
    while len(body) <= MOST and (more := response.read1(STEP)):
        body += more
        if time.monotonic() > deadline:
            raise TimeoutError("it began to answer, and did not end")
    if len(body) <= MOST and response.length:  # which says what is missing
        raise IncompleteRead(bytes(body), response.length)
    return bytes(body)


def spoken(answer: Answer) -> str:
    """The answer in short: its status and what it says."""
    said = answer.said
    if said is None:
        return f"{answer.status}, no JSON: {answer.text[:120]!r}"
    words = said.get("message", msgspec.json.encode(said).decode())
    return f"{answer.status}: {words}"[:200]
