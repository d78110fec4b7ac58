"""An AWS that hangs, and a person who has enough of it: what only asks ends at once, in processes of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException
from pathlib import Path
from threading import Thread, Timer
from urllib.request import HTTPCookieProcessor, OpenerDirector, build_opener

import pytest

from ops.depth import depth
from ops.queue import find
from ops.stage import Stage
from stacks import names
from tests.ops.cli.typed import dead_tickets
from tests.ops.endpoint import Endpoint
from tests.ops.gate import Gate, until
from tests.ops.sight import Insights

ROOT = Path(__file__).resolve().parents[3]
SOON = 25.0
"""Seconds within which even a busy machine ends a process; botocore alone would ask for 40 before it gives up."""


@contextmanager
def started(home: Path, *words: str) -> Iterator[subprocess.Popen[str]]:
    """The operator's command in a process of its own, which is killed at the end if it did not end."""
    running = subprocess.Popen(
        [sys.executable, "-u", "-m", "tests.sample.ops", *words, "--stage", names.LOCAL],
        cwd=ROOT,
        env={**os.environ, "HEADRACE_LOCAL": str(home)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield running
    finally:
        running.kill()
        running.communicate()


def test_a_console_ends_while_pages_wait_for_aws(aws: Endpoint, home: Path) -> None:
    aws.insights = Insights(statuses=["Complete"])
    aws.hanging = {"lambda"}
    with started(home, "console", "--no-browser") as running:
        browser, base = let_in(running)
        with browser.open(f"{base}live/flow?soon=yes") as living:
            assert living.readline() == b"event: flow\n"
            assert aws.hung, "Lambda was asked"
            aws.hanging = {"lambda", "amazonsqs"}
            hung = aws.hung
            waiting = Thread(target=waits_for, args=(browser, f"{base}queue/open_ticket"))
            waiting.start()
            until(lambda: aws.hung > hung)
            running.send_signal(signal.SIGINT)
            assert running.wait(SOON) == 0
            waiting.join(SOON)


def test_a_console_that_ends_shows_again_what_a_page_of_its_hid(
    aws: Endpoint, stage: Stage, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead_tickets(aws, 80)
    gate = Gate(aws, monkeypatch, left=3)
    with started(home, "console", "--no-browser") as running:
        browser, base = let_in(running)
        waiting = Thread(target=waits_for, args=(browser, f"{base}dead/open_ticket"))
        waiting.start()
        until(lambda: gate.waiting > 0 and gate.left == 0)
        running.send_signal(signal.SIGINT)
        Timer(1.5, gate.open).start()  # longer than the server waits for its pages
        assert running.wait(SOON) == 0
        waiting.join(SOON)
    left = depth(stage, find(stage, "open_ticket-dlq"))
    assert (left.waiting, left.in_flight) == (80, 0)


def let_in(running: subprocess.Popen[str]) -> tuple[OpenerDirector, str]:
    """A browser that the console let in, and the address of its first page."""
    assert running.stdout is not None
    link = next(line.strip() for line in running.stdout if line.startswith("http://"))
    browser = build_opener(HTTPCookieProcessor())
    with browser.open(link) as page:
        return browser, page.url


def waits_for(browser: OpenerDirector, url: str) -> None:
    with suppress(OSError, HTTPException), browser.open(url) as page:
        page.read()


def test_a_watch_ends_while_sqs_hangs(aws: Endpoint, home: Path) -> None:
    with started(home, "watch", "--once") as running:
        aws.hanging = {"amazonsqs"}
        until(lambda: aws.hung > 0)
        running.send_signal(signal.SIGINT)
        assert running.wait(SOON) == 5
