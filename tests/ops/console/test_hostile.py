"""Whatever a message, its attributes, its cause or an address says is shown as text, and reaches nothing else."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from urllib.parse import quote

import pytest

from ops.console.page import breaking
from stacks import names
from tests.ops.cli.typed import queue
from tests.ops.console.tab import Tab, text
from tests.ops.endpoint import Endpoint

BODIES = (
    "<script>alert(1)</script>",
    "</textarea><script>alert(1)</script>",
    "</pre></code></main><img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "' onfocus=alert(1) autofocus='",
    "javascript:alert(1)",
    "{{ 7 * 7 }}{% raw %}",
    '<a href="javascript:alert(1)" hx-get="/" hx-trigger="load">go</a>',
    "<!-- --><style>*{display:none}</style>",
    '<meta http-equiv=refresh content="0;url=//evil.example">',
    "<base href=//evil.example/>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "data: x\n\nevent: over\ndata: over\n\n",
    "\u202eevil\u202c \x1b[2J \u200b\ufeff",
    "\r\nSet-Cookie: a=b\r\n\r\n<script>alert(1)</script>",
    "[" * 3000,
    "9" * 5000,
    json.dumps({"<script>alert(1)</script>": "</script><script>alert(1)</script>", "a": {"b": ["<img onerror=x>"]}}),
)
ALLOWED = {"/static/htmx.min.js", "/static/htmx-sse.min.js", "/static/console.js"}


class Seen(HTMLParser):
    """What of a page a browser would run, load or send."""

    def __init__(self, base: str) -> None:
        super().__init__()
        self.base = base
        self.wrong: list[str] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        said = dict(attrs)
        if tag == "script" and (said.get("src") or "").removeprefix(self.base) not in ALLOWED:
            self.wrong.append(f"script {said}")
        if tag in ("style", "iframe", "object", "embed", "base", "img", "math"):
            self.wrong.append(tag)
        if tag == "meta" and "http-equiv" in said:
            self.wrong.append("meta")
        for name, value in attrs:
            if name.startswith("on") or name == "style":
                self.wrong.append(f"{tag} {name}={value}")
            outside = not (value or "").startswith((self.base, "#"))
            if name in ("href", "src", "action", "formaction", "hx-get", "sse-connect") and outside:
                self.wrong.append(f"{tag} {name}={value}")


def harmless(tab: Tab, page: str) -> None:
    seen = Seen(tab.guard.base)
    seen.feed(page)
    assert not seen.wrong, seen.wrong
    for sign in ("\x1b", "\u202e", "\u200b"):
        assert sign not in page


@pytest.mark.parametrize("body", BODIES)
def test_a_body_is_text_wherever_it_stands(tab: Tab, aws: Endpoint, body: str) -> None:
    dead = queue(aws, "mail_ticket-dlq")
    taken = "".join(each for each in body if each in "\t\n\r" or each >= " ")
    id_ = aws.put(dead, taken, note=taken[:200], correlation_id=taken[:100] or "-")
    cause = {"error_type": {"S": taken[:100]}, "error_message": {"S": taken[:500]}, "attempts": {"N": "3"}}
    told = {"stack": {"L": [{"S": taken[:100]}]}, "version": {"S": taken[:50]}, "function": {"S": taken[:50]}}
    failures = aws.tables[names.resource(names.LOCAL, names.FAILURES)]
    failures[id_] = {"message_id": {"S": id_}, **cause, **told}
    group = tab.desk.samples.take(tab.desk.stage, "mail_ticket").groups()[0].cause
    pages = ["/dead", "/dead/mail_ticket", f"/dead/mail_ticket?group={quote(group)}", f"/dead/mail_ticket/{id_}"]
    for path in [*pages, "/dead/mail_ticket-dlq/causes", "/plan/mail_ticket"]:
        harmless(tab, tab.get(path))
    for deed in ("whole", "edit"):
        harmless(tab, tab.post(f"/dead/mail_ticket/{id_}/{deed}"))
    harmless(tab, tab.post(f"/dead/mail_ticket/{id_}/check", body=taken + "<script>alert(2)</script>"))
    harmless(tab, tab.post("/plan/mail_ticket/dry"))


@pytest.mark.parametrize("word", ["<script>alert(1)</script>", '"><svg onload=alert(1)>', "javascript:alert(1)"])
def test_what_an_address_says_is_text_too(tab: Tab, aws: Endpoint, word: str) -> None:
    aws.put(queue(aws, "open_ticket-dlq"), "{}")
    said = quote(word, safe="")
    for path in (f"/dead/{said}", f"/queue/{said}", f"/plan/{said}", f"/status/{said}", f"/redrives/{said}"):
        answer = tab.client.get(tab.guard.base + path)
        assert answer.status_code in (400, 404, 502)
        harmless(tab, answer.text)
    for path in (f"/request?id={said}", f"/dead/open_ticket?contains={said}&group={said}", f"/{said}"):
        harmless(tab, tab.client.get(tab.guard.base + path).text)
    harmless(tab, tab.client.get(f"{tab.guard.base}/plan/open_ticket?edit={said}&cause={said}").text)


def test_a_newline_in_a_frame_ends_no_event(tab: Tab) -> None:
    from ops.console.lasting import event

    sent = event("flow", "one\n\nevent: over\rtwo\u2028three")
    assert [line for line in sent.split("\n") if line and not line.startswith("data: ")] == ["event: flow"]
    assert sent.endswith("\n\n")
    assert sent.count("\n\n") == 1


def test_a_hidden_secret_is_nowhere_in_a_page(tab: Tab, aws: Endpoint) -> None:
    secret = "tr0ub4dor-and-3"
    dead = queue(aws, "open_ticket-dlq")
    id_ = aws.put(dead, json.dumps({"password": secret, "inside": json.dumps({"token": secret})}), authorization=secret)
    for path in ("/dead", "/dead/open_ticket", f"/dead/open_ticket/{id_}", "/dead/open_ticket/causes"):
        assert secret not in tab.get(path), path
    assert secret in tab.post(f"/dead/open_ticket/{id_}/whole")
    checked = tab.post(f"/dead/open_ticket/{id_}/check", body=json.dumps({"password": secret + "x"}))
    assert secret not in text(checked).split("What would be sent")[1]


def test_a_line_may_end_after_a_slash_of_a_path_and_markup_in_it_is_text() -> None:
    assert breaking("POST /v1/<b>") == "POST /<wbr>v1/<wbr>&lt;b&gt;"
    assert "\u202e" not in breaking("a/\u202eb")
