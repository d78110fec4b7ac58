"""Requests and bodies that have broken somebody, for any route: drawn from one seed, so that every run has the same."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random
from typing import Any

import msgspec

from functions.contracts.contract import Command
from functions.contracts.example import example
from functions.contracts.path import path_field
from functions.contracts.webhooks import SCHEMES, ReceiveWebhook
from local.gateway.exchange import Request
from stacks.edge import mapping_template
from stacks.edge.content_type import SPELLINGS
from stacks.edge.model_schema import draft4
from stacks.entry import Route
from tests.local.gateway.bodies import written

Json = Any

WORDS = [
    *("", "a", "a b", "é€😀", "\u2028", "\ufeff", "\ufffd", "\uffff", "\x7f", "%EF%BF%BD", "%26Action%3DPurgeQueue"),
    *("&Action=PurgeQueue", ";x", "+", "100%", "'", '"', "\\", '\\"', "\\'", "`", "~", "*", "|", "<", ">", "\t", "\n"),
    *(
        "$",
        "#",
        "$!",
        "##",
        "#*",
        "*#",
        "#end",
        "#if(true)",
        "#set($wrong = '')",
        "$input.body",
        "${context.requestId}",
    ),
    *("$util.urlDecode('%26')", "#[[a]]#", "$correlation", "#{else}", "\\$input.body", "#foreach($i in [1..9])x#end"),
]
"""What a body's texts are taken from."""
LINES = [word for word in WORDS if not set(word) & set("\n\r\x00")]
"""What a header may hold."""
KEYS = ["k-1", "k" * 105, "k" * 106, "k" * 128, "k" * 129, "!~", "a,b;c=d", "&x=1"]
VALUES = [
    "a",
    "A-1_b",
    "a.b",
    "a%2Fb",
    "a%20b",
    "%2e",
    "a+b",
    "a~b",
    "a;b",
    "a%3Bb",
    "%25",
    "t" * 64,
    "t" * 65,
    "é",
    "%C3%A9",
]
TRACES = [
    "Root=1-5759e988-bd862e3fe1be46a994272793",
    "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0",
    "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1",
    "Self=1-5759e988-bd862e3fe1be46a994272793;Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1",
    "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=?",
]
SIGNATURES = {
    "github": [f"sha256={'0' * 64}", f"sha256={'9af' * 21}0", "sha256=0"],
    "stripe": [f"t=17,v1={'a' * 64}", f"t=17,v1={'a' * 64},v0={'b' * 64}", "t=17"],
    "shopify": ["A" * 43 + "=", "a+/" * 14 + "z=", "A" * 44],
    "hmac": [f"t=17,v1={'a' * 64}", f"t=0,v1={'b' * 64}", f"t=1{'0' * 12},v1={'a' * 64}"],
}


def requests(route: Route, number: int, seed: int) -> Iterator[Request]:
    """That many requests to the route."""
    random = Random(seed)
    for _ in range(number):
        yield Request(
            http_method=route.method,
            path=_path(route, random),
            query=random.choice(({}, {"Idempotency-Key": "query", "X-Correlation-Id": "query"})),
            headers=dict(_headers(route, random)),
            body=_body(route, random),
        )


def _path(route: Route, random: Random) -> str:
    field = path_field(route.accepts)
    values = {name: random.choice(VALUES) for name in route.parameters}
    if field is not None and random.random() < 0.85:
        values[field.name] = msgspec.json.schema(field.type).get("examples", ["a-1"])[0]
    if route.senders:
        values["source"] = random.choice([*route.senders, *route.senders, "nobody", "git%68ub"])
    path = route.path.format_map(values)
    return random.choice((path, path, path, f"{path}/", path.replace("/", "//")))


_SOON = f"{datetime.now(UTC) + timedelta(days=30):%Y-%m-%dT%H:%M:%SZ}"
UNTIL = [_SOON, _SOON, _SOON, "2020-01-01T00:00:00Z", "2098-01-01T00:00:00Z", "2027-02-29T00:00:00Z", "soon"]


def _headers(route: Route, random: Random) -> Iterator[tuple[str, str]]:
    """The headers that the route reads, well and badly written, in any case, some of them twice."""
    if random.random() < 0.9:
        yield random.choice(("Content-Type", "content-type")), random.choice(SPELLINGS)
    if random.random() < 0.03:
        yield "CONTENT-TYPE", random.choice([*SPELLINGS, "text/plain", ""])
    for name, variable in mapping_template.variables(route).items():
        good = {
            "key": KEYS,
            "named": ["acme", "a/b", "a%2Fb", "100%", "t" * 60, "t" * 128],
            "correlation": ["c-1", "c" * 128, "c" * 129, "a:b/c@d"],
            "delay": ["0", "7", "60", "899", "900", "901", "31536000", *random.sample(["31536001", "-1", "1.5"], 1)],
            "until": UNTIL,
            "lane": ["high", "normal", "low", "urgent", "High"],
            "trace": TRACES,
        }.get(variable, ["push", "orders/create", "t" * 65])
        good = next((SIGNATURES[scheme] for scheme in SIGNATURES if SCHEMES[scheme].header == name), good)
        for _ in range(random.choice((0, 1, 1, 1, 1, 1, 2) if variable == "key" else (0, 1, 1, 1, 2))):
            value = random.choice(LINES) if random.random() < 0.04 else random.choice(good)
            yield random.choice((name, name.lower(), name.upper())), value
    for name in random.sample(["get", "class", "keySet", "X-$input.body", "#end"], random.choice((0, 0, 1, 2))):
        yield name, random.choice(LINES)


def _body(route: Route, random: Random) -> bytes:
    if issubclass(route.accepts, ReceiveWebhook):
        value = {random.choice(WORDS): random.choice([*WORDS, 1, None, [1.5, {}]]) for _ in range(3)}
    else:
        value = _hostile(*_schema_and_example(route.accepts), random)
        if route.choice is not None and route.choice.header is None:
            meant = [each for values in route.choice.means.values() for each in values]
            value[route.choice.field] = random.choice([*meant, value.get(route.choice.field), None])
    raw = written(value, random, alone=True).encode()
    match random.randrange(120):
        case 0 | 1:
            return raw.replace(b"e", b"\xff", 1)
        case 2 | 3:
            return raw.replace(b'"', b'"\xe2\x82', 1)
        case 4:
            return b""
        case 5 if random.random() < 0.5:
            return raw + b" " * random.choice((998_000, 1_046_526 - len(raw), 1_046_527 - len(raw), 1_100_000))
    return raw


@cache
def _schema_and_example(contract: type[Command]) -> tuple[Json, Json]:
    return draft4(contract), example(contract)


def _hostile(schema: Json, value: Json, random: Random) -> Json:
    """The value with words of ours wherever the schema takes any text."""
    if schema.get("type") == "object" and isinstance(value, dict):
        known = schema.get("properties", {})
        return {name: _hostile(known.get(name, {}), inner, random) for name, inner in value.items()}
    if schema.get("type") == "array" and isinstance(value, list):
        return [_hostile(schema.get("items", {}), inner, random) for inner in value]
    free = schema.get("type") == "string" and not {"pattern", "enum", "minLength", "maxLength", "format"} & set(schema)
    return random.choice(WORDS) if free else value


def bodies(contract: type[Command]) -> Iterator[str]:
    """Bodies for the contract's model: those that fit, and every way to miss each of its rules that we know."""
    schema, valid = draft4(contract), {"a": 1} if issubclass(contract, ReceiveWebhook) else example(contract)
    yield from map(json.dumps, (valid, None, [], "", 0, True, {}, [valid], {"": valid}))
    for place in list(_places(valid)):
        for wrong in _WRONG:
            yield json.dumps(_with(valid, place, wrong))
        yield json.dumps(_without(valid, place))
    whole = json.dumps(valid)
    for spelled in _SPELLED:
        yield whole[:-1] + "," + spelled + "}"
        yield "{" + spelled + "}"
    yield from (form.replace("{}", whole, 1) for form in _FORMS)
    assert schema["type"] == "object"


_WRONG: list[Json] = [
    *(
        None,
        True,
        0,
        1,
        -1,
        1.0,
        1.5,
        1e300,
        10**30,
        "",
        "a",
        "1",
        "A",
        "EN",
        "a@b.c",
        "é😀",
        "a\n",
        "\n",
        "a" * 65,
        "\\",
    ),
    *('"', "a" * 300, [], ["a"], [1, 1], {}, {"a": 1}, [[]], [{}], "2026-01-01", "\u2028", "\uff41", "\u0661"),
]
_SPELLED = [
    *('"x":1', '"x":NaN', '"x":01', '"x":+1', '"x":.5', '"x":1.', '"x":1e400', '"x":-0', '"x":0x1', '"x":Infinity'),
    *("\"x\":'a'", "x:1", '"x":"\\x41"', '"x":"\\ud800"', '"x":"\\u00e9"', '"x":"a\tb"', '"x":"\\u0000"', '"x":1,'),
    *('"x":1 /* c */', '"x":1 // c', '"x":{"y":1,"y":2}', '"x":tru', '"x":"\x7f"', '"x":"\\/"', '"x":[1,]', '"":1'),
]
_FORMS = [
    *(
        "{} ",
        " \t\r\n{}",
        "{}{}",
        "{} x",
        "{},",
        "({})",
        "\ufeff{}",
        "\u00a0{}",
        "\f{}",
        "\x00{}",
        "{}\x00",
        "{",
        "}",
        "",
    ),
    *(" ", "nul", "[" * 500, "[" * 20_000, '{"a":' * 200 + "1" + "}" * 200, "// c\n{}", "<a/>", "a=b&c=d"),
]


def _places(value: Json, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where in the value something stands: the names and positions that lead there."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, each in inner:
        yield (*place, step)
        yield from _places(each, (*place, step))


def _with(value: Json, place: tuple[Any, ...], wrong: Json) -> Json:
    changed = copy.deepcopy(value)
    _at(changed, place[:-1])[place[-1]] = wrong
    return changed


def _without(value: Json, place: tuple[Any, ...]) -> Json:
    changed = copy.deepcopy(value)
    del _at(changed, place[:-1])[place[-1]]
    return changed


def _at(value: Json, place: tuple[Any, ...]) -> Json:
    for step in place:
        value = value[step]
    return value
