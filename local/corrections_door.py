"""Who is let in to the emulator at all, and what our gateway asks of it. Part of `local/corrections.py`."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

from ministack import app
from ministack.core import iam_evaluator as evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.core.router import extract_access_key_id

from local import corrections_scheduler
from local.pages import is_from_a_page
from local.passkey import HEADER, is_owners

Send = Callable[[Any], Awaitable[None]]
Receive = Callable[[], Awaitable[Any]]

CALLER = "/_headrace/caller"
"""Where our gateway asks who signed a request to an API, and whether they may invoke it."""
CLOCK = "/_headrace/schedules"
"""Where a test says `{"now": …}`, in epoch seconds, and every schedule that is due then runs."""
HEALTH = "/_ministack/health"
CALLBACKS = ("/_ministack/cfn-response/", "/_ministack/cfn-signal/")
"""Where a custom resource of CloudFormation answers, with a token in the path as AWS has a signature in the URL."""


async def door(scope: Any, receive: Receive, send: Send, serve: Any = app.app) -> None:
    """Serve what clients of AWS send, refuse what a web page could, and let no page read an answer."""
    if scope["type"] == "lifespan":
        await serve(scope, receive, send)
        return
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    if is_from_a_page(headers) or scope["type"] != "http":
        if scope["type"] == "http":
            await answer(send, 403, {"message": "Forbidden: no web page may call this."})
        else:
            await send({"type": "websocket.close", "code": 1008})
        return
    if goes_around_iam(scope["method"], scope["path"]) and not is_owners(
        headers.get(HEADER.lower(), ""), os.environ["AWS_SECRET_ACCESS_KEY"]
    ):
        await answer(send, 403, {"message": f"Forbidden: this path needs the header {HEADER}; see docs/local.md."})
        return
    if scope["path"] == CALLER:
        try:
            said = judged(json.loads(await body_of(receive)))
        except (ValueError, KeyError, TypeError, AttributeError):
            await answer(send, 400, {"message": "This is no request to be judged."})
            return
        await answer(send, 200, said)
        return

    if scope["path"] == CLOCK:
        try:
            ran = corrections_scheduler.look(float(json.loads(await body_of(receive))["now"]))
        except (ValueError, KeyError, TypeError):
            await answer(send, 400, {"message": "This is no time."})
            return
        await answer(send, 200, {"ran": ran})
        return

    async def closed(message: Any) -> None:
        if message["type"] == "http.response.start":
            kept = [pair for pair in message["headers"] if not pair[0].lower().startswith(b"access-control-")]
            message = message | {"headers": kept}
        await send(message)

    await serve(scope, receive, closed)


def goes_around_iam(method: str, path: str) -> bool:
    """Whether the emulator would serve the path to anybody: its own administration, and APIs and functions by path."""
    if path == HEALTH or (method == "PUT" and path.startswith(CALLBACKS)):
        return False
    return path.startswith("/_") or "/_user_request_" in path


def judged(asked: dict[str, Any]) -> dict[str, Any]:
    """Who signed a request to an API, or the code and message with which AWS refuses it."""
    path, _, query = asked["target"].partition("?")
    parameters = parse_qs(query, keep_blank_values=True)
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in asked["headers"]]
    # API Gateway names the strings that it expected, as the emulator does for handshakes.
    evaluator.pin_signed_request(asked["method"], path, parameters, headers, handshake=True)
    evaluator.pin_signed_body(base64.b64decode(asked["body"]))
    evaluator.pin_request_origin(asked["source_ip"], True)
    key = extract_access_key_id({name.lower(): value for name, value in asked["headers"]}, parameters)
    denied = evaluator.enforce(key, "execute-api:Invoke", "execute-api", get_region(), resource_arn=asked["arn"])
    if isinstance(denied, evaluator.AuthError):
        return {"code": denied.code, "message": denied.message}
    if denied is not None:
        said = (
            f"User: {denied.principal_arn} is not authorized to perform: execute-api:Invoke on resource: {asked['arn']}"
        )
        return {"code": "AccessDenied", "message": said}
    known = evaluator.resolve_credential(key, get_account_id())
    return {
        "accessKey": key,
        "accountId": known.account_id,
        "caller": known.principal_id,
        "user": known.principal_id,
        "userArn": known.principal_arn,
    }


async def body_of(receive: Receive) -> bytes:
    """The body of a request, whole."""
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def answer(send: Send, status: int, said: dict[str, Any]) -> None:
    """Answer in JSON."""
    body = json.dumps(said).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def correct() -> None:
    """Stand in front of the emulator, on the port it was given and no other."""
    app.app = door
    app._port_is_bindable = lambda *_: False
