"""The requests that a route is called with, and what each must come to.

What is assumed stands in docs/edge.md; what nobody has seen on AWS yet has a case here.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from urllib.parse import quote

import msgspec

from functions.contracts.envelope import IDEMPOTENCY_KEY, RECEIVED_AT, ROUTE, SENDER, SIGNATURE, TENANT
from functions.contracts.path import path_field
from functions.contracts.webhooks import SCHEMES
from ops.send.caller import Answer, Header, Request, spoken
from ops.sqs.message import Message
from ops.verify import bodies
from ops.verify.inbox import attributes
from stacks import lanes
from stacks.edge.mapping_template import CORRELATION_ID, DELAY_SECONDS, KEY, TRACE_ID, another_tenant, largest_body
from stacks.entry import Authorized, Queue, Route

JSON = ("Content-Type", "application/json")
TRACE = "1-5759e988-bd862e3fe1be46a994272793"
REFUSED = "JSON with a message, nothing queued"

Judge = Callable[[Answer, list[Message]], tuple[bool, str]]
"""Whether the answer, and what of the request arrived on the queue, are as assumed; and what was seen, in words."""


@dataclass(frozen=True)
class Case:
    """One request. Its correlation id is put in when it is sent, unless it brings its own headers only."""

    check: str
    expected: str
    request: Request
    judge: Judge


def accepted(body: bytes, more: Callable[[Message], str | None] = lambda _: None) -> Judge:
    """A 202, and exactly this body on the queue, once; `more` says what else of the message is not as assumed."""

    def judge(answer: Answer, arrived: list[Message]) -> tuple[bool, str]:
        if answer.status != 202:
            return False, spoken(answer)
        if len(arrived) != 1:
            return False, f"202, and {len(arrived)} messages"
        (message,) = arrived
        said = answer.said or {}
        if said.get("message_id") != message.message_id:
            return False, f"202 names message {said.get('message_id')}, and {message.message_id} arrived"
        got = message.body.encode()
        if got != body:
            at = next(
                (place for place, (a, b) in enumerate(zip(got, body, strict=False)) if a != b),
                min(map(len, (got, body))),
            )
            return False, f"202, and from byte {at} on {got[at : at + 40]!r} for {body[at : at + 40]!r}"
        wrong = more(message)
        return wrong is None, wrong or f"202, {len(body):,} bytes as sent"

    return judge


def refused(*statuses: int, words: str = "") -> Judge:
    """One of these statuses, an answer in JSON that has these words, and nothing on the queue."""

    def judge(answer: Answer, arrived: list[Message]) -> tuple[bool, str]:
        said = answer.said
        good = answer.status in statuses and not arrived and said is not None
        good = good and isinstance(said and said.get("message"), str) and words in str(said and said["message"])
        good = good and bool(said and said.get("correlation_id")) and CORRELATION_ID.lower() in answer.headers
        left = f"; {len(arrived)} messages arrived" if arrived else ""
        return good, spoken(answer) + left

    return judge


class Cases:
    """What one route is called with, where callers show who they are as `authorized` says.

    `run` begins every value that we make up.
    """

    def __init__(self, route: Route, queue: Queue, run: str, authorized: Authorized) -> None:
        self._route = route
        self._queue = queue
        self._run = run
        self._authorized = authorized
        self._count = 0
        self._sender = next(iter(sorted(route.senders)), "")
        self._value = self._fitting_value()

    def __iter__(self) -> Iterator[Case]:
        yield from self._bytes()
        yield from self._bodies()
        yield from self._content_types()
        yield from self._headers()
        yield from self._paths()
        if self._queue.fifo:
            yield from self._fifo()
        if self._route.senders:
            yield from self._senders()

    @property
    def _path(self) -> str:
        return self._filled(self._value)

    def _filled(self, value: str) -> str:
        return re.sub(r"\{[a-z_]+\}", value, self._route.path)

    def _fitting_value(self) -> str:
        """What stands in the path: a sender, or a value of our own where the contract takes it."""
        if self._route.senders:
            return self._sender
        field = path_field(self._route.accepts)
        if field is None or re.fullmatch(field.pattern, self._run):
            return self._run
        known: list[str] = msgspec.json.schema(field.type).get("examples", [])
        return next(iter(known), self._run)

    def _case(
        self,
        check: str,
        expected: str,
        judge: Judge,
        *,
        body: bytes | None = None,
        path: str | None = None,
        without: tuple[str, ...] = (),
        more: tuple[Header, ...] = (),
        method: str = "POST",
        unsigned: bool = False,
        lower: bool = False,
    ) -> Case:
        self._count += 1
        headers = [JSON, (CORRELATION_ID, f"{self._run}-{self._route.queue}-{self._count:02}")]
        if not self._route.senders:
            headers.append((KEY, f"{self._run}-{self._count}"))
        else:
            headers.append(self._signature())
        said = {name for name, _ in more} | set(without)
        headers = [*(each for each in headers if each[0] not in said), *more]
        if lower:
            headers = [(name.lower(), value) for name, value in headers]
        request = Request(
            path=path or self._path,
            body=bodies.plain(self._route.accepts) if body is None else body,
            headers=tuple(headers),
            method=method,
            unsigned=unsigned,
        )
        return Case(check, expected, request, judge)

    def _signature(self) -> Header:
        """A signature of the right form: the edge takes it, and only the consumer could tell that it is not genuine."""
        name = self._route.senders[self._sender]
        forms = {
            "github": f"sha256={'0' * 64}",
            "shopify": f"{'A' * 43}=",
            "stripe": f"t={int(time.time())},v1={'0' * 64}",
            "hmac": f"t={int(time.time())},v1={'0' * 64}",
        }
        return SCHEMES[name].header, forms[name]

    def _bytes(self) -> Iterator[Case]:
        contract, largest = self._route.accepts, largest_body(self._route)
        odd = bodies.odd(contract)
        yield self._case(
            "a 202 means that the queue holds exactly the bytes sent", "202, the same bytes", accepted(odd), body=odd
        )
        whole = bodies.padded(contract, largest)
        yield self._case("the largest body is taken", f"202, {largest:,} bytes as sent", accepted(whole), body=whole)
        yield self._case(
            "a larger one is refused",
            f"413, {REFUSED}",
            refused(413, words=str(largest)),
            body=bodies.padded(contract, largest + 3),
        )
        broken = bodies.plain(contract) + b"\xff"
        yield self._case("bytes that are no UTF-8 are refused", f"400, {REFUSED}", refused(400), body=broken)
        for character, name in (("\ufffd", "U+FFFD"), ("\uffff", "U+FFFF")):
            text = bodies.with_text(contract, character)
            if text is not None:
                yield self._case(
                    f"a body with {name}, which SQS could not keep as it was sent, is refused",
                    f"400, {REFUSED}",
                    refused(400),
                    body=text,
                )

    def _bodies(self) -> Iterator[Case]:
        for number, body in enumerate(bodies.wrong(self._route.accepts), start=1):
            yield self._case(
                f"a body that does not fit ({number}) is refused in JSON", f"400, {REFUSED}", refused(400), body=body
            )
        yield self._case("what is no JSON is refused", f"400, {REFUSED}", refused(400), body=b'{"a": ')
        yield self._case("an empty body is refused", f"400, {REFUSED}", refused(400), body=b"")

    def _content_types(self) -> Iterator[Case]:
        body = bodies.plain(self._route.accepts)
        for spelling in ("application/json; charset=utf-8", "application/json;charset=UTF-8"):
            yield self._case(
                f"Content-Type {spelling} is JSON",
                "202, the same bytes",
                accepted(body),
                more=(("Content-Type", spelling),),
            )
        yield self._case("no Content-Type is JSON", "202, the same bytes", accepted(body), without=("Content-Type",))
        yield self._case(
            "another Content-Type is refused",
            f"415, {REFUSED}",
            refused(415),
            more=(("Content-Type", "text/plain"),),
        )

    def _headers(self) -> Iterator[Case]:
        route, body = self._route, bodies.plain(self._route.accepts)
        yield self._case(
            "header names in lower case, as HTTP/2 sends them, count",
            "202, and the attributes",
            accepted(body, self._known),
            lower=True,
        )
        if not route.senders:
            yield self._case(
                "a wrong Idempotency-Key is refused", f"400, {REFUSED}", refused(400, words=KEY), more=((KEY, "a b"),)
            )
            twice = ((KEY, f"{self._run}-first"), (KEY, f"{self._run}-last"))
            yield self._case(
                "of a header that is there twice the last counts",
                f"202, key {self._run}-last",
                accepted(body, lambda message: _differs(message, IDEMPOTENCY_KEY, f"{self._run}-last")),
                more=twice,
            )
        yield self._case(
            "a trace that the caller decided about goes on",
            f"202, AWSTraceHeader with {TRACE}",
            accepted(body, _traced),
            more=((TRACE_ID, f"Root={TRACE};Parent=53995c3f42cd8ad8;Sampled=1"),),
        )
        yield self._case(
            "a trace that the caller did not decide about is API Gateway's to decide",
            "202, AWSTraceHeader with Sampled, or none",
            accepted(body, _decided),
            more=((TRACE_ID, f"Root={TRACE}"),),
        )
        if route.delay:
            yield self._case(
                "a wrong Delay-Seconds is refused",
                f"400, {REFUSED}",
                refused(400, words=DELAY_SECONDS),
                more=((DELAY_SECONDS, "31536001"),),
            )
        if route.lane_header is not None:
            for lane in (*route.choice.queues, "none-such") if route.choice else ():
                known = lane in lanes.NAMES
                judge = accepted(body) if known else refused(400, words=route.lane_header)
                expected = "202" if known else f"400, {REFUSED}"
                yield self._case(f"{route.lane_header}: {lane}", expected, judge, more=((route.lane_header, lane),))
        if route.tenant_header is not None:
            yield self._tenant(route.tenant_header, body)
        elif route.tenant is not None and self._authorized != "none":
            yield self._case(
                "the tenant is the caller",
                f"202, with the attribute {TENANT}",
                accepted(body, lambda message: _differs(message, TENANT, "who calls", other=True)),
            )

    def _tenant(self, header: str, body: bytes) -> Case:
        named: tuple[Header, ...] = ((header, self._run),)
        if self._authorized in ("none", *self._route.trusts):
            judge = accepted(body, lambda message: _differs(message, TENANT, self._run))
            return self._case("the tenant is the header's", f"202, tenant {self._run}", judge, more=named)
        words = another_tenant(self._route)
        return self._case(
            "a tenant that the caller is not is refused", f"400, {REFUSED}", refused(400, words=words), more=named
        )

    def _known(self, message: Message) -> str | None:
        known = attributes(message)
        if known.get(ROUTE) != self._route.name:
            return f"202, and the attribute {ROUTE} is {known.get(ROUTE)!r}"
        if abs(time.time() * 1000 - float(known.get(RECEIVED_AT, "0"))) > 600_000:
            return f"202, and the attribute {RECEIVED_AT} is {known.get(RECEIVED_AT)!r}"
        wanted = (SENDER, SIGNATURE) if self._route.senders else (IDEMPOTENCY_KEY,)
        missing = [name for name in wanted if not known.get(name, "").strip()]
        return f"202, without the attribute {missing[0]}" if missing else None

    def _paths(self) -> Iterator[Case]:
        body = bodies.plain(self._route.accepts)
        yield self._case("a slash at the end of the path changes nothing", "202", accepted(body), path=f"{self._path}/")
        yield self._case("doubled slashes change nothing", "202", accepted(body), path=self._path.replace("/", "//"))
        yield self._case(
            "a path that is no route is answered in JSON",
            "404, or 403 where requests are signed",
            refused(403, 404),
            path=f"/{self._run}-no-such-route",
        )
        yield self._case(
            "a method that the route does not have is answered in JSON",
            "404, or 403 where requests are signed",
            refused(403, 404),
            method="DELETE",
        )

    def _fifo(self) -> Iterator[Case]:
        route, body = self._route, bodies.plain(self._route.accepts)
        key = f"{self._run}-same"
        yield self._case(
            "a request without an Idempotency-Key is refused",
            f"400, {REFUSED}",
            refused(400, words=KEY),
            without=(KEY,),
        )
        yield self._case(
            "the group is the value of the path, the deduplication id the key and the body's hash code",
            f"202, group of {self._value}, id {key}:<number>",
            accepted(body, lambda message: self._placed(message, key)),
            more=((KEY, key),),
        )
        other = bodies.odd(route.accepts)
        yield self._case(
            "the same key with another body is another message",
            "202, another message",
            accepted(other),
            body=other,
            more=((KEY, key),),
        )
        first = quote(self._value[0], safe="") if not self._value[0].isalnum() else f"%{ord(self._value[0]):02X}"
        yield self._case(
            "an encoded value of the path is the same group, or refused",
            "202 and the group of the decoded value, or 400",
            self._same_group(body),
            path=self._filled(first + self._value[1:]),
        )
        yield self._case(
            "a value that the contract does not take is refused",
            f"400, {REFUSED}",
            refused(400),
            path=self._filled("a%20b"),
        )

    def _placed(self, message: Message, key: str) -> str | None:
        group, id_ = message.group or "", message.attributes.get("MessageDeduplicationId", "")
        if group.rpartition("/")[2] != self._value:
            return f"202, group {group}"
        return None if re.fullmatch(rf"{re.escape(key)}:-?\d+", id_) else f"202, deduplication id {id_}"

    def _same_group(self, body: bytes) -> Judge:
        def judge(answer: Answer, arrived: list[Message]) -> tuple[bool, str]:
            if answer.status == 400:
                return refused(400)(answer, arrived)
            good, seen = accepted(body)(answer, arrived)
            group = arrived[0].group or "" if arrived else ""
            return good and group.rpartition("/")[2] == self._value, f"{seen}, group {group}"

        return judge

    def _senders(self) -> Iterator[Case]:
        header, _ = self._signature()
        yield self._case(
            "a sender that is not known is refused", f"404, {REFUSED}", refused(404), path=self._filled("nobody")
        )
        yield self._case(
            "a signature of the wrong form is refused", f"400, {REFUSED}", refused(400), more=((header, "wrong"),)
        )
        yield self._case("a request without a signature is refused", f"400, {REFUSED}", refused(400), without=(header,))


def unsigned(route: Route, run: str) -> Case:
    """The request of nobody, where callers must show who they are."""
    path = re.sub(r"\{[a-z_]+\}", run, route.path)
    headers = (JSON, (CORRELATION_ID, f"{run}-{route.queue}-nobody"), (KEY, f"{run}-nobody"))
    request = Request(path=path, body=bodies.plain(route.accepts), headers=headers, unsigned=True)
    return Case("a request of nobody is refused", f"401 or 403, {REFUSED}", request, refused(401, 403))


def _differs(message: Message, name: str, wanted: str, *, other: bool = False) -> str | None:
    """What is not as assumed of an attribute; with `other` another value is only said not to be empty."""
    got = attributes(message).get(name, "")
    if got == wanted or (other and got):
        return None
    return f"202, and {name} is {got!r}"


def _decided(message: Message) -> str | None:
    header = message.attributes.get("AWSTraceHeader", "")
    return None if not header or "Sampled=" in header else f"202, and AWSTraceHeader is {header!r}"


def _traced(message: Message) -> str | None:
    header = message.attributes.get("AWSTraceHeader", "")
    return None if TRACE in header else f"202, and AWSTraceHeader is {header!r}"
