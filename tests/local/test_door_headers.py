"""What the emulator answers lets no page of another origin read it. Run by the Python that has the emulator."""

from __future__ import annotations

import subprocess

from local.install import EMULATOR
from stacks.names import ROOT

SCRIPT = """
import asyncio
from local.corrections_door import door

async def serve(scope, receive, send):
    headers = [(b"Access-Control-Allow-Origin", b"*"), (b"access-control-expose-headers", b"*"), (b"x-kept", b"1")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"said"})

async def send(message):
    print(message)

scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"host", b"127.0.0.1:1")]}
asyncio.run(door(scope, None, send, serve))
"""


def test_no_header_of_an_answer_opens_it_to_pages() -> None:
    python = str(EMULATOR / "bin" / "python")
    done = subprocess.run([python, "-c", SCRIPT], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "access-control" not in done.stdout.lower()
    assert "x-kept" in done.stdout
    assert "said" in done.stdout
