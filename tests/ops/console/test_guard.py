"""Nobody is let in but the person who was given the link, in one browser: no page, no program, no other name."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from ops.audit import kept
from ops.console.guard import COOKIE
from ops.console.page import HERE
from ops.console.server import ADDRESS, listen
from ops.console.site import PAGES
from ops.errors import UsageError
from ops.stage import Stage
from tests.ops.cli.typed import dead_tickets, queue
from tests.ops.console.tab import ORIGIN, PORT, Tab, opened, text
from tests.ops.endpoint import Endpoint


@pytest.fixture
def stranger(tab: Tab) -> Iterator[TestClient]:
    """Another program of this machine, which has no cookie and knows the base."""
    with TestClient(tab.guard, base_url=ORIGIN) as client:
        yield client


def test_the_link_is_good_once_and_leaves_no_token_in_the_address(tab: Tab, stranger: TestClient) -> None:
    tab.guard._anew()
    link = tab.guard.link
    opened_by_the_first = tab.client.get(link, follow_redirects=False)
    assert (opened_by_the_first.status_code, opened_by_the_first.headers["location"]) == (303, f"{tab.guard.base}/")
    assert stranger.get(link, follow_redirects=False).status_code == 403
    assert stranger.get(f"{ORIGIN}{tab.guard.base}/?token=guessed", follow_redirects=False).status_code == 403


def test_a_link_that_is_used_again_lets_nobody_in_any_more_and_a_new_one_is_told(tab: Tab) -> None:
    used = f"{ORIGIN}{tab.guard.base}/?token={tab.guard._used}"
    tab.get()
    assert tab.client.get(used, follow_redirects=False).status_code == 303, "one's own browser is let in already"
    with TestClient(tab.guard, base_url=ORIGIN) as thief:
        answer = thief.get(used, follow_redirects=False)
        assert (answer.status_code, "used before" in answer.text) == (403, True)
    tab.get(code=403)
    (link,) = tab.links
    assert tab.client.get(link, follow_redirects=False).status_code == 303
    tab.get()


def test_the_cookie_is_for_this_path_only_and_out_of_reach_of_scripts_and_other_sites(
    stage: Stage, aws: Endpoint
) -> None:
    with opened(stage) as tab:
        tab.guard._anew()
        answer = tab.client.get(tab.guard.link, follow_redirects=False)
        assert answer.headers["location"] == f"{tab.guard.base}/"
        said = answer.headers["set-cookie"].lower()
        assert "httponly" in said
        assert "samesite=strict" in said
        assert f"path={tab.guard.base}/".lower() in said
        assert len(tab.guard.base) > 16, "no other program on 127.0.0.1 knows the path, and cookies know no ports"


@pytest.mark.parametrize(
    "path", ["/", "/dead", "/live/flow", "/static/console.css", "/redrives", "/?token=", "/nothing"]
)
def test_who_has_no_cookie_sees_nothing(stranger: TestClient, tab: Tab, path: str) -> None:
    assert stranger.get(tab.guard.base + path).status_code == 403
    assert stranger.get(tab.guard.base + path, headers={"cookie": f"{COOKIE}=guessed"}).status_code == 403
    assert stranger.get(path).status_code == 403


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", f"127.0.0.1.evil.example:{PORT}", "127.0.0.1:1", ""])
def test_another_name_is_not_answered_even_with_the_cookie(tab: Tab, host: str) -> None:
    answer = tab.client.get(tab.guard.base + "/", headers={"host": host})
    assert answer.status_code == 421
    assert "headrace" not in answer.text


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": f"http://127.0.0.1:{PORT + 1}"},
        {"origin": f"https://127.0.0.1:{PORT}"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_what_another_page_asks_is_refused_even_with_the_cookie(tab: Tab, headers: dict[str, str]) -> None:
    tab.get(code=403, **headers)


@pytest.mark.parametrize(
    "others",
    [
        'theme={"dark": true}; {}',
        "no pair; {}",
        "[x]=1; {}",
        f"{{}}; {COOKIE}=tossed",
        f"{COOKIE}=tossed; {{}}",
        "a=; ;{}",
    ],
)
def test_the_cookies_of_other_programs_on_this_machine_lock_nobody_out(tab: Tab, others: str) -> None:
    """A browser sends those of 127.0.0.1 to every port, whoever set them."""
    session = tab.client.cookies[COOKIE]
    tab.client.cookies.clear()
    tab.get(code=403, cookie=others.replace("{}", f"{COOKIE}=x"))
    tab.get(cookie=others.replace("{}", f"{COOKIE}={session}"))


def test_who_is_locked_out_is_shown_nothing_more_of_what_was_open(tab: Tab, aws: Endpoint) -> None:
    """The pages of whoever used the link before live on until then."""
    sent: list[Any] = []

    async def app(_: Any, __: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"one", "more_body": True})
        tab.guard._anew()
        for body in (b"two", b"three"):
            await send({"type": "http.response.body", "body": body, "more_body": True})

    async def receive() -> Any:
        return {"type": "http.request"}

    async def send(message: Any) -> None:
        sent.append(message)

    tab.guard.app = app
    cookie = f"{COOKIE}={tab.client.cookies[COOKIE]}".encode()
    headers = [(b"host", f"127.0.0.1:{PORT}".encode()), (b"cookie", cookie)]
    scope = {
        "type": "http",
        "method": "GET",
        "path": f"{tab.guard.base}/live/flow",
        "query_string": b"",
        "headers": headers,
    }
    asyncio.run(tab.guard(scope, receive, send))
    assert [each.get("body") for each in sent[1:]] == [b"one", b""]
    assert [each.get("more_body") for each in sent[1:]] == [True, False]


@pytest.mark.parametrize(
    "path", ["../desk.py", "..%2fdesk.py", "%2e%2e/desk.py", "....//desk.py", "/etc/passwd", "..%5cdesk.py", "%00", "."]
)
def test_nothing_but_what_is_static_is_served_as_a_file(tab: Tab, path: str) -> None:
    answer = tab.client.get(f"{tab.guard.base}/static/{path}")
    assert answer.status_code == 404
    assert "Desk" not in answer.text


PLACES = {"queue": "open_ticket", "run": "none", "verb": "pause", "subscriber": "mail_ticket", "name": "none"}
POSTS = [each for each in PAGES if each.method == "POST"]


@pytest.mark.parametrize("path", [each.path for each in POSTS])
def test_no_form_is_taken_without_its_token_or_from_elsewhere(tab: Tab, aws: Endpoint, path: str, stage: Stage) -> None:
    (id_,) = dead_tickets(aws, 1)
    path = tab.guard.base + path.format_map(PLACES | {"id": id_})
    form = {"csrf": tab.desk.csrf, "queue": "open_ticket", "body": "{}"}
    for fields in ({}, {"csrf": ""}, {"csrf": "wrong"}, {"csrf": tab.desk.csrf[:-1]}):
        assert tab.client.post(path, data={**form, "csrf": "", **fields}, headers={"origin": ORIGIN}).status_code == 403
    for origin in ({}, {"origin": "null"}, {"origin": "http://evil.example"}):
        assert tab.client.post(path, data=form, headers=origin).status_code == 403
    answer = tab.client.post(path, json=form, headers={"origin": ORIGIN})
    assert answer.status_code == 403
    assert not kept(stage)
    assert not queue(aws, "open_ticket").arrived


@pytest.mark.parametrize("path", [each.path for each in POSTS if each.changes])
def test_read_only_refuses_every_change(stage: Stage, aws: Endpoint, path: str) -> None:
    with opened(stage, read_only=True) as tab:
        (id_,) = dead_tickets(aws, 1)
        said = tab.post(path.format_map(PLACES | {"id": id_}), code=403, queue="open_ticket", body="{}")
        assert "--read-only" in text(said)
        assert not kept(stage)
        assert not queue(aws, "open_ticket").arrived


def test_whatever_changes_a_queue_says_so_in_the_list_of_pages() -> None:
    changing = {each.path for each in PAGES if each.changes}
    assert changing == {
        "/dead/{queue}/{id}/send",
        "/plan/{queue}/redrive",
        "/redrives/stop",
        "/redrives/{run}/resume",
        "/schedule/{verb}",
        "/queue/{queue}/open",
        "/replay/{subscriber}/begin",
        "/replays/{name}/cancel",
        "/try/route",
    }
    assert all(each.method == "POST" for each in PAGES if each.changes)


@pytest.mark.parametrize("path", ["/", "/dead", "/nothing", "/static/console.css"])
def test_every_answer_tells_the_browser_what_is_allowed(tab: Tab, path: str) -> None:
    for answer in (tab.client.get(tab.guard.base + path), tab.client.get(path, headers={"host": "evil.example"})):
        policy = dict(each.strip().split(" ", 1) for each in answer.headers["content-security-policy"].split(";"))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == "'self'"
        assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert policy["form-action"] == "'self'"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["cache-control"] == "no-store"


def test_other_methods_and_forms_of_any_size_are_refused(tab: Tab) -> None:
    for method in ("PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"):
        assert tab.client.request(method, tab.guard.base + "/", headers={"origin": ORIGIN}).status_code == 405
    huge = "x" * (8 * 1024 * 1024)
    assert "larger than any message" in text(tab.post("/plan/open_ticket", code=403, edit=huge))


def test_it_listens_on_this_machine_only_and_says_who_has_the_port() -> None:
    with listen(0) as listening:
        host, port = listening.getsockname()
        assert (host, ADDRESS) == ("127.0.0.1", "127.0.0.1")
        with socket.create_connection((host, port), timeout=1):
            assert True, "a browser that is quicker than the server waits"
        with pytest.raises(UsageError, match=f"Port {port} cannot be used"):
            listen(port)


def test_templates_trust_nothing_and_say_nothing_inline() -> None:
    templates = {path.name: path.read_text() for path in (HERE / "templates").glob("*.html")}
    assert len(templates) > 15
    for name, source in templates.items():
        written = re.sub(r"\{%.*?%\}", "", re.sub(r"\{\{.*?\}\}", "X", source, flags=re.DOTALL), flags=re.DOTALL)
        assert not re.search(r"\s[a-z-]+=(?![\"'])", re.sub(r"\"[^\"]*\"|'[^']*'", '""', written)), f"{name}: quote it"
        assert not re.search(r"\|\s*safe|autoescape|Markup", source), name
        assert not re.search(r"<style|\sstyle=|\son[a-z]+=|javascript:|hx-on|hx-vals=.js|<script(?! src=)", source), (
            name
        )
        assert not re.search(r"<form[^>]*method=\"post\"(?:(?!</form>).)*?</form>", source, re.DOTALL) or all(
            "m.csrf(desk)" in form for form in re.findall(r'<form[^>]*method="post".*?</form>', source, re.DOTALL)
        ), name
