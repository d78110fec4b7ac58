"""SQS that is not ours, each in a process of its own on a port of its own.

`ministack` is run as its makers made it, without our corrections, `moto` behind `moto_engine`. Both keep visibility,
receipt handles, MD5, 1 MiB and batches of partial failures. Both lock a FIFO group while any of its messages is in
flight, which is more than AWS does, and neither hands out the rest of a group without its head. What each does not do:
ministack loses the trace header in a batch, has no ListDeadLetterSourceQueues, counts a body only and refuses to delete
twice (the proxy corrects that); moto names no
source queue on a dead letter, mixes up a FIFO group as it moves it to the DLQ, hands out a group without its head where
a hold ran out (not where it was ended by ChangeMessageVisibility), and takes old handles.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
MINISTACK = Path(sys.prefix) / "emulator" / "bin" / "python"
RUN_MINISTACK = (
    "import sys, os, threading; sys.argv = ['ministack']\n"
    "def end():\n    sys.stdin.buffer.read(); os._exit(0)\n"
    "threading.Thread(target=end, daemon=True).start()\n"
    "from ministack.app import main; main()"
)
PATIENCE = 30.0


@dataclass(frozen=True)
class Engine:
    """An SQS that answers at `url`."""

    name: str
    url: str
    names_source: bool
    """Whether a dead letter says which queue it came from."""

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])


@contextmanager
def engines(
    folder: Path, names: tuple[str, ...] = ("ministack", "moto"), services: str = "sqs"
) -> Iterator[dict[str, Engine]]:
    """The engines of those names, as long as the body runs; moto is SQS whatever the services."""
    started: list[subprocess.Popen[bytes]] = []
    found: dict[str, Engine] = {}
    try:
        for name in names:
            for tries in range(3):
                process, url = _ministack(folder, services) if name == "ministack" else _moto()
                started.append(process)
                found[name] = Engine(name, url, name == "ministack")
                # Its port may have been taken between our choice and its start; then it ends, and gets another.
                if _listens(found[name].port, process, last=tries == 2):
                    break
        yield found
    finally:
        for process in started:
            assert process.stdin is not None
            process.stdin.close()
            if process.stdout is not None:
                process.stdout.close()
            try:
                process.wait(3)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _ministack(folder: Path, services: str) -> tuple[subprocess.Popen[bytes], str]:
    data = folder / "ministack"
    data.mkdir(parents=True, exist_ok=True)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = int(listener.getsockname()[1])
    environment = {
        "PATH": os.defpath,
        "HOME": str(data),
        "TMPDIR": str(data),
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "MINISTACK_HOST": "127.0.0.1",
        "SERVICES": services,
        "S3_DATA_DIR": str(data / "s3"),
        "STATE_DIR": str(data / "state"),
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        "LOG_LEVEL": "ERROR",
    }
    with (data / "log").open("wb") as log:
        process = subprocess.Popen(
            [MINISTACK, "-c", RUN_MINISTACK], stdin=subprocess.PIPE, stdout=log, stderr=log, cwd=data, env=environment
        )
    return process, f"http://127.0.0.1:{port}"


def _moto() -> tuple[subprocess.Popen[bytes], str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.redrive_fuzz.moto_engine"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
    )
    assert process.stdout is not None
    return process, process.stdout.readline().decode().strip()


def _listens(port: int, process: subprocess.Popen[bytes], last: bool) -> bool:
    end = time.monotonic() + PATIENCE
    while process.poll() is None or last:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return True
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.05)
    return False
