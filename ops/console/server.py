"""The server: on this machine's own address and a free port, until Ctrl-C."""

from __future__ import annotations

import asyncio
import socket
import webbrowser
from collections.abc import Callable
from threading import Thread

import uvicorn

from ops.console.desk import Desk, closed
from ops.console.site import site
from ops.errors import UsageError

ADDRESS = "127.0.0.1"
GRACE = 1
"""Seconds for which pages that are open may keep the server from its end."""


class Server(uvicorn.Server):
    """One that stops what only looks as soon as somebody ends it, while its pages come to their end."""

    def __init__(self, config: uvicorn.Config, desk: Desk) -> None:
        super().__init__(config)
        self._desk = desk

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Ends it."""
        self._desk.jobs.halt()
        await super().shutdown(sockets)


def serve(desk: Desk, *, port: int = 0, browser: bool = True, told: Callable[[str], None]) -> None:
    """Serves the console until Ctrl-C, and opens it in the person's browser; `told` is given what they must know.

    Redrives that run are asked to stop at the end, and leave what `resume` goes on with. Raises `UsageError` where
    another program has the port.
    """
    listening = listen(port)
    guard = site(desk, port=listening.getsockname()[1], told=told)
    told(guard.link)
    settings = uvicorn.Config(
        guard,
        log_level="critical",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=GRACE,
    )
    server = Server(settings, desk)
    if browser:  # beside the server: a browser of the terminal's own keeps whoever opens it until it is closed
        Thread(target=webbrowser.open, args=(guard.link,), daemon=True).start()
    try:
        asyncio.run(server.serve(sockets=[listening]))
    except KeyboardInterrupt:
        pass
    finally:
        for run in closed(desk):
            told(f"{run} did not stop in time: `resume {run}` goes on.")
        for name in desk.replays.leave():
            told(f"AWS goes on with {name}, and nobody records how it ends: `replays` says it.")


def listen(port: int) -> socket.socket:
    """A socket that listens on this machine's own address. Raises `UsageError` where another program has the port."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((ADDRESS, port))
        listening.listen()  # a browser that is quicker than the server waits for it
    except OSError as error:
        listening.close()
        raise UsageError(f"Port {port} cannot be used ({error.strerror}): leave --port out, or say another.") from None
    return listening
