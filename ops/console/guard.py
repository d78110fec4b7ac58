"""Who is let in: the person at this machine who was given the link, in one browser, and no other page or program.

Every program of this machine, and through DNS every page of the internet, can send something to 127.0.0.1. So the
`Host` must be ours, what other pages ask is refused, and a link that is good once becomes a cookie. Cookies know no
ports, so this one belongs to a path that nobody else on 127.0.0.1 knows.
https://cheatsheetseries.owasp.org/cheatsheets/Cross-Site_Request_Forgery_Prevention_Cheat_Sheet.html
https://www.rfc-editor.org/rfc/rfc6265#section-8.5
"""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable
from urllib.parse import parse_qs

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "headrace_console"
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    # Nothing to others. With `no-referrer` a browser would say `Origin: null` of our own forms, as of a stranger's.
    # https://fetch.spec.whatwg.org/#append-a-request-origin-header
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-Frame-Options": "DENY",
}
"""What every answer says to the browser."""
REFUSED = (
    '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Not let in</title></head>'
    "<body><main><h1>Not let in</h1><p>{}</p></main></body></html>"
)
ASK = "Open the link that the command printed: it is good once, for one browser. Then reload this page."
USED = (
    "This link was used before. Whoever used it is no longer let in, and the command has printed a new link: open that "
    "one. If it was not you, somebody else on this machine reads what you run."
)


class Guard:
    """Lets through to `app`, whose paths all begin with `base`, what the person's own browser asks.

    `told` is given each new link, to be shown where nobody else reads.
    """

    def __init__(self, app: ASGIApp, *, port: int, told: Callable[[str], None]) -> None:
        self.app = app
        self.base = f"/{secrets.token_urlsafe(12)}"
        self.csrf = secrets.token_urlsafe(32)
        self._port = port
        self._told = told
        self._session = self._token = self._used = ""
        self._anew()

    @property
    def link(self) -> str:
        """The link that lets in whoever opens it first."""
        return f"http://127.0.0.1:{self._port}{self.base}/?token={self._token}"

    def _anew(self) -> None:
        """Lets nobody in but whoever opens the new link."""
        self._session = secrets.token_urlsafe(32)
        self._token, self._used = secrets.token_urlsafe(32), self._token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers, or lets the app answer."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            return

        over = False

        async def guarded(message: Message) -> None:
            nonlocal over
            if over:
                return
            if message["type"] == "http.response.body" and session != self._session:
                over = True  # whoever was let in is so no longer: what is open still ends, a page that lives too
                message = {"type": "http.response.body", "body": b"", "more_body": False}
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        refusal = self._refusal(scope)
        session = self._session  # which a link that was used before may have changed just now
        if refusal is not None:
            await refusal(scope, receive, guarded)
        else:
            await self.app(scope, receive, guarded)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if host not in (f"127.0.0.1:{self._port}", f"localhost:{self._port}"):
            return _no("This is not the console's name.", 421)
        if scope["method"] not in ("GET", "HEAD", "POST"):
            return _no("The console answers GET and POST.", 405)
        origin = headers.get("origin")
        if origin != f"http://{host}" and (origin is not None or scope["method"] == "POST"):
            return _no("Another page asked for this.", 403)
        query = parse_qs(scope["query_string"].decode("latin-1"))
        token = "".join(query.get("token", ()))
        let_in = self._knows(headers)
        if token and scope["method"] == "GET" and scope["path"] == f"{self.base}/":
            return self._opened(token, let_in=let_in)
        if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return _no("Another page asked for this.", 403)
        return None if let_in else _no(ASK, 403)

    def _knows(self, headers: Headers) -> bool:
        # Other programs of 127.0.0.1 set cookies, too: some are no cookies by the book, or of this name.
        said = (each.strip().partition("=") for each in headers.get("cookie", "").split(";"))
        return any(name == COOKIE and _same(value, self._session) for name, _, value in said)

    def _opened(self, token: str, *, let_in: bool) -> Response:
        if let_in:
            return RedirectResponse(f"{self.base}/", 303)
        if _same(token, self._token):
            self._used, self._token = self._token, ""
            answer = RedirectResponse(f"{self.base}/", 303)
            answer.set_cookie(COOKIE, self._session, path=f"{self.base}/", httponly=True, samesite="strict")
            return answer
        if _same(token, self._used):
            self._anew()
            self._told(self.link)
            return _no(USED, 403)
        return _no(ASK, 403)


def _same(one: str, other: str) -> bool:
    return bool(other) and hmac.compare_digest(one.encode(), other.encode())


def _no(sentence: str, status: int) -> Response:
    return HTMLResponse(REFUSED.format(sentence), status)
