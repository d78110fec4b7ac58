"""One local stack, one console at a time, and Chromium. On a machine without one the tests say so in a line."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from local.effects import Effects
from local.session import Session, running
from ops.stage import Stage
from stacks import names
from tests.console.served import served
from tests.console.window import Console, started
from tests.ops.conftest import aws, home, stage
from tests.sample.lifetime import LIMITED, READABLE, now
from tests.sample.local import CDK_APP
from tests.sample.topology import SAMPLE

__all__ = ["aws", "home", "stage"]  # a stage whose AWS is a fake, for what the local stack does not do
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
REQUIRED = "HEADRACE_BROWSER"
"""Set to `required` where nobody is to take a run without a browser for a whole one."""
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


@pytest.fixture(scope="package")
def stack(tmp_path_factory: pytest.TempPathFactory, browser: Browser) -> Iterator[Session]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(LIMITED, "close_ticket")
        patch.setenv(READABLE, "yes")
        with running(SAMPLE, tmp_path_factory.mktemp("local"), app=CDK_APP) as session:
            yield session


@pytest.fixture(scope="package")
def effects(stack: Session) -> Effects:
    return Effects(SAMPLE, stack.state.endpoint)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        if os.environ.get(REQUIRED) == "required":
            pytest.fail("There is no Chromium: .ci/install installs it.")
        pytest.skip("no Chromium on this machine: apt-get install chromium, or .ci/install")
    # No longer than this folder's tests: its event loop runs all the while, and others would have theirs.
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)


@pytest.fixture(scope="package")
def reached(stack: Session) -> Stage:
    """The local stack as its operator reaches it."""
    return Stage.open(names.LOCAL, now(), stack.home)


@pytest.fixture
def console(reached: Stage, browser: Browser) -> Iterator[Console]:
    """A console of the local stack, in this process: to start one of its own takes a second of the processor."""
    with served(reached, browser) as here:
        yield here.console


@pytest.fixture
def launched(stack: Session, browser: Browser) -> Iterator[Console]:
    """One that is started as a person does."""
    with started(stack, browser) as console:
        yield console


@pytest.fixture
def consoles(stack: Session, browser: Browser) -> Callable[..., Console]:
    def start(*options: str) -> Console:
        return Console.start(stack, browser, *options)

    return start
