"""A console in this process over a fake AWS, which is slow, refuses or ends when a test says so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Thread
from typing import Any, cast

import uvicorn
from playwright.sync_api import Browser

from ops.console.desk import Desk, closed
from ops.console.server import listen
from ops.console.site import site
from ops.stage import Stage
from tests.console.window import Console


@dataclass
class Served:
    """A server that runs in a thread."""

    desk: Desk
    console: Console
    port: int
    server: uvicorn.Server
    thread: Thread

    def stop(self) -> None:
        """Ends it, and does not wait for the pages that live."""
        self.server.should_exit = self.server.force_exit = True
        self.thread.join(20)
        assert not self.thread.is_alive()


@contextmanager
def served(stage: Stage, browser: Browser, port: int = 0) -> Iterator[Served]:
    """A console of that stage, until the end of the block."""
    desk, listening = Desk(lambda: stage), listen(port)
    port = listening.getsockname()[1]
    guard = site(desk, port=port, told=lambda _: None)
    server = uvicorn.Server(uvicorn.Config(guard, log_level="critical", lifespan="off", ws="none"))
    thread = Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    made = Served(desk, Console(cast(Any, None), browser, guard.link), port, server, thread)
    try:
        yield made
    finally:
        for context in made.console.contexts:
            context.close()
        made.stop()
        assert not closed(desk), "what it runs did not stop"
        listening.close()
