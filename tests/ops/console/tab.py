"""A tab of a browser without the browser: it keeps the cookie, follows redirects and fills in forms."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import unescape
from typing import Any

from starlette.testclient import TestClient

from ops.console.desk import Desk
from ops.console.guard import Guard
from ops.console.site import site
from ops.stage import Stage

PORT = 8123
ORIGIN = f"http://127.0.0.1:{PORT}"


@dataclass
class Tab:
    """One tab, at the console's own address."""

    desk: Desk
    guard: Guard
    client: TestClient
    links: list[str] = field(default_factory=list)

    def get(self, path: str = "/", code: int = 200, **headers: str) -> str:
        """The page at that path below the console's base."""
        answer = self.client.get(self.guard.base + path, headers=headers)
        assert answer.status_code == code, (answer.status_code, text(answer.text))
        return answer.text

    def post(self, path: str, code: int = 200, **fields: Any) -> str:
        """The page that a form leads to."""
        fields = {"csrf": self.desk.csrf, **fields}
        answer = self.client.post(self.guard.base + path, data=fields, headers={"origin": ORIGIN})
        assert answer.status_code == code, (answer.status_code, text(answer.text))
        return answer.text

    def links_of(self, page: str) -> list[str]:
        """Where a page leads to, below the base."""
        found = (unescape(each) for each in re.findall(r'href="([^"]*)"', page))
        return [each.removeprefix(self.guard.base) for each in found if each.startswith(self.guard.base)]


def text(page: str) -> str:
    """What a person reads of a page."""
    page = page.replace("<wbr>", "")
    page = re.sub(r"<(script|style)\b.*?</\1>", "", page, flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


@contextmanager
def opened(stage: Stage, **said: Any) -> Iterator[Tab]:
    """A console of that stage, and a tab that opened its link."""
    links: list[str] = []
    desk = Desk(lambda: stage, **said)
    guard = site(desk, port=PORT, told=links.append)
    with TestClient(guard, base_url=ORIGIN) as client:
        tab = Tab(desk, guard, client, links)
        assert client.get(guard.link, follow_redirects=False).status_code == 303
        yield tab
    for job in desk.jobs.running():
        assert job.wait(20), job
