"""A caller of the deployed API that sends exactly what it is given: names, spellings and bytes."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Any
from urllib.parse import urlsplit

import msgspec
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest

from ops.errors import OpsError, UsageError
from ops.sqs.message import UNREADABLE
from ops.stage import Stage, in_words
from ops.verify.stack_output import outputs
from stacks import names
from stacks.entry import Authorized, Route
from stacks.settings import Settings

TIMEOUT = 40
"""Seconds: API Gateway itself gives up after 29."""

Header = tuple[str, str]


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
    """What came back. `said` is its JSON object, None where it is none; names of `headers` are in lower case."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def said(self) -> dict[str, Any] | None:
        """The JSON object of the body, or None."""
        try:
            found = msgspec.json.decode(self.text)
        except UNREADABLE:
            return None
        return found if isinstance(found, dict) else None


def api_url(stage: Stage) -> str:
    """The URL of the deployed API, stage included.

    Raises `UsageError` where the stage has none, `OpsError` where AWS refuses.
    """
    if stage.api_url is not None:
        if not stage.api_url:
            raise UsageError("The stage has no API: no integration has a route.")
        return stage.api_url
    urls = [value for value in outputs(stage, "ingress").values() if value.startswith("https://")]
    if not urls:
        raise OpsError("The stack ingress has no output with the URL of the API: say it with --api-url.")
    return urls[0].rstrip("/")


class Caller:
    """Calls the API as its callers do: signed, with a key, with a token, or as nobody, as the route asks.

    `token` is a bearer's token, for routes that want one.
    """

    def __init__(self, stage: Stage, settings: Settings, url: str, token: str | None = None) -> None:
        self._stage = stage
        self._settings = settings
        self._token = token
        self._keys: list[str] | None = None
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
        """Send the request as a caller of that route. Raises `OpsError` where nothing answers."""
        parts = urlsplit(self.url)
        headers = list(request.headers)
        path = parts.path.rstrip("/") + request.path
        if not request.unsigned:
            headers += self._credentials(route, request, f"{parts.scheme}://{parts.netloc}{path}")
        connection = self._connect(parts.scheme, parts.hostname or "", parts.port)
        try:
            connection.putrequest(request.method, path, skip_accept_encoding=True)
            for name, value in headers:
                connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(request.body)))
            connection.endheaders(request.body)
            response = connection.getresponse()
            text = response.read().decode("utf-8", "replace")
        except (OSError, HTTPException) as error:
            raise OpsError(f"The API does not answer at {self.url}: {error or type(error).__name__}.") from None
        finally:
            connection.close()
        return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, text)

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


def spoken(answer: Answer) -> str:
    """The answer in short: its status and what it says."""
    said = answer.said
    if said is None:
        return f"{answer.status}, no JSON: {answer.text[:120]!r}"
    words = said.get("message", msgspec.json.encode(said).decode())
    return f"{answer.status}: {words}"[:200]
