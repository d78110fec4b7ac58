"""The console as a process, and a window of a browser on it that counts clicks."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page

from local.session import Session
from stacks.names import ROOT

AXE = (Path(__file__).parent / "axe.min.js").read_text(encoding="utf-8")
COLOURS = ("color-contrast", "link-in-text-block")
"""axe-core's rules that read colours, which is all that a scheme changes: `tests/ops/console/test_scheme.py`.
https://github.com/dequelabs/axe-core/blob/v4.14.1/doc/rule-descriptions.md"""
LOOKS: tuple[tuple[int, Any, tuple[str, ...]], ...] = (
    *((320, "light", ()), (320, "dark", COLOURS)),
    *((1280, "dark", ()), (1280, "light", COLOURS)),
    *((2560, "light", ()), (2560, "dark", COLOURS)),
)
"""How every page is looked at: the width, the scheme, and by which of axe-core's rules, all where none is named.

The least width is that of WCAG 1.4.10, which a window of 1,280 pixels has at a zoom of 400 %.
"""
LETTERS = 16
"""Pixels of a letter where nobody chose another size in their browser's settings."""
PRESSED: tuple[tuple[int, str, int], ...] = ((640, "zoomed", LETTERS), (1280, "enlarged", 2 * LETTERS))
"""What WCAG 1.4.4 asks of a window of 1,280 pixels: a zoom of 200 %, and letters of 200 % without one."""
PAPER = 680
"""Pixels of the width of a sheet of A4 between its margins, rounded down."""
LOOK = """async (rules) => {
  const only = rules.length ? { runOnly: rules } : {};
  const { violations } = await axe.run(document, { resultTypes: ["violations"], preload: false, ...only });
  return violations;
}"""
"""Nothing is fetched beforehand: no rule that is on by itself reads style sheets, and no page has a film or a sound."""
WIDTHS = """() => {
  const { scrollWidth, clientWidth } = document.documentElement;
  const sideways = [...document.querySelectorAll(".scroll")].some(one => one.scrollWidth > one.clientWidth);
  return { wide: scrollWidth > clientWidth, sideways };
}"""
PRINTED = """() => [
  ...[...document.querySelectorAll("nav:not(.crumbs) a, button, .button, input[type=search]")]
    .filter(one => one.checkVisibility()).map(one => "has what is clicked: " + one.outerHTML.slice(0, 160)),
  ...[...document.querySelectorAll("pre, textarea, .diff, code")]
    .filter(one => one.scrollHeight > one.clientHeight + 1 && getComputedStyle(one).overflowY !== "visible")
    .map(one => "is cut off: " + one.outerHTML.slice(0, 160)),
  ...[...document.querySelectorAll(".tree .value")]
    .filter(one => !one.checkVisibility()).map(one => "is left out: " + one.outerHTML.slice(0, 160)),
]"""
"""What is wrong on paper, where nothing is clicked and nothing scrolls."""
PATIENCE = 30_000
"""Milliseconds for which a page is waited for; a machine may be busy."""


@dataclass
class Console:
    """A console that runs, and the browser's windows on it."""

    process: subprocess.Popen[str]
    browser: Browser
    link: str
    state: Any = None
    contexts: list[BrowserContext] = field(default_factory=list)

    @classmethod
    def start(cls, stack: Session, browser: Browser, *options: str) -> Console:
        """Starts it as a person does, and takes the link that it prints."""
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.sample.ops", "console", "--no-browser", *options],
            cwd=ROOT,
            env={**os.environ, "HEADRACE_LOCAL": str(stack.home), "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        for line in process.stdout:
            if found := re.search(r"http://127\.0\.0\.1:\S+", line):
                return cls(process, browser, found[0])
        raise AssertionError("it printed no link")

    @property
    def base(self) -> str:
        return self.link.partition("?")[0]

    def window(self, width: int = 1280, **more: Any) -> Window:
        """A window of the browser that was let in, with nothing in it yet."""
        window = self._window(width, **more)
        if self.state is None:
            context = window.page.context
            context.request.get(self.link, max_redirects=0)  # to draw the page that it leads to takes longer
            self.state = context.storage_state()
        return window

    def entered(self) -> Window:
        """The first window, in which somebody opened the link."""
        window = self._window(1280)
        window.page.goto(self.link)
        assert "token" not in window.page.url
        self.state = window.page.context.storage_state()
        return window

    def _window(self, width: int, **more: Any) -> Window:
        context = self.browser.new_context(viewport={"width": width, "height": 800}, storage_state=self.state, **more)
        context.set_default_timeout(PATIENCE)
        self.contexts.append(context)
        return Window(self, context.new_page())

    def stop(self, number: int = signal.SIGINT) -> int:
        """Ends it, and answers its code."""
        for context in self.contexts:
            with contextlib.suppress(Exception):
                context.close()
        self.process.send_signal(number)
        try:
            return self.process.wait(40)
        finally:
            self.process.kill()
            assert self.process.stdout is not None
            self.process.stdout.close()


@dataclass
class Window:
    """A window: what is clicked is counted, and what the browser complains of is kept."""

    console: Console
    page: Page
    clicks: int = 0
    complaints: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.page.on("console", lambda said: self.complaints.append(said.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("dialog", lambda dialog: self.complaints.append(f"dialog {dialog.message}"))

    def open(self, path: str = "") -> None:
        self.page.goto(self.console.base + path)

    def click(self, selector: str) -> None:
        self.clicks += 1
        self.page.locator(selector).first.click()

    def text(self) -> str:
        return " ".join(self.page.locator("body").inner_text().split())

    def sees(self, words: str, timeout: float = PATIENCE) -> None:
        """Waits until the page shows these words."""
        self.page.get_by_text(words).first.wait_for(timeout=timeout)

    def picture(self, name: str) -> None:
        """Takes a picture for the docs, light and dark, where somebody asked for them."""
        folder = os.environ.get("HEADRACE_PICTURES")
        for scheme in ("light", "dark") if folder else ():
            self.page.emulate_media(color_scheme=scheme)
            self.page.screenshot(path=f"{folder}/{name}-{scheme}.png", full_page=True)

    def violations(self, *rules: str) -> list[str]:
        """What axe-core finds by these rules, or by all of its own: the rule, and where."""
        self.page.wait_for_load_state()
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(AXE)
        return [
            f"{each['id']}: {node['html'][:160]} ({node['failureSummary'][:200]})"
            for each in self.page.evaluate(LOOK, list(rules))
            for node in each["nodes"]
        ]

    def cramped(self, *, lists: bool) -> list[str]:
        """What is outside the page's width, and, where tables are to be `lists`, which is scrolled sideways."""
        seen = self.page.evaluate(WIDTHS)
        found = ["is wider than its window"] if seen["wide"] else []
        return [*found, "has a table that is scrolled sideways"] if seen["sideways"] and lists else found

    def flaws(self, name: str) -> list[str]:
        """What is wrong with the page that is open, which has that name, at each width, light and dark.

        It is what axe-core finds, what is outside the page's width, and what is scrolled sideways on a small screen,
        where each table is a list; and what is so at 200 %, or on paper.
        """
        found: list[str] = []
        before = self.page.viewport_size
        for width, scheme, rules in LOOKS:
            self.page.set_viewport_size({"width": width, "height": 900})
            self.page.emulate_media(color_scheme=scheme)
            found += [f"{name} {width} {scheme}: {each}" for each in self.violations(*rules)]
            found += [f"{name} {width} {scheme} {each}" for each in self.cramped(lists=width == min(LOOKS)[0])]
            if not rules:
                self.picture(f"{re.sub(r'[^a-z0-9]+', '-', name)}-{width}")
        self.page.emulate_media(color_scheme="light")
        found += self._pressed(name)
        self.page.set_viewport_size(before or {"width": 1280, "height": 800})
        return found

    def _pressed(self, name: str) -> list[str]:
        """What has no room where the page is enlarged or printed, and what paper is no place for."""
        found: list[str] = []
        browser = self.page.context.new_cdp_session(self.page)
        for width, how, letters in (*PRESSED, (PAPER, "printed", LETTERS)):
            self.page.set_viewport_size({"width": width, "height": 900})
            self.page.emulate_media(media="print" if how == "printed" else "screen")
            browser.send("Page.setFontSizes", {"fontSizes": {"standard": letters}})
            found += [f"{name} {width} {how} {each}" for each in self.cramped(lists=True)]
            if how == "printed":
                found += [f"{name} {width} {how} {each}" for each in self.page.evaluate(PRINTED)]
        browser.detach()
        self.page.emulate_media(media="screen")
        return found


@contextmanager
def started(stack: Session, browser: Browser, *options: str) -> Iterator[Console]:
    """A console, until the end of the block."""
    console = Console.start(stack, browser, *options)
    try:
        yield console
    finally:
        console.stop()
