"""The AWS emulator as a process of its own on 127.0.0.1."""

from __future__ import annotations

import errno
import http.client
import os
import secrets
import signal
import socket
import ssl
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from local import certificate
from local.errors import LocalError
from local.state import ACCOUNT, REGION, Endpoint

PYTHON = Path(sys.prefix) / "emulator" / "bin" / "python"
RUN = f"import sys; sys.path.append({str(Path(__file__).parent.parent)!r}); from local.corrections import run; run()"
"""What it runs: the emulator, corrected."""
PATIENCE = 30.0
"""Seconds the emulator may take to answer."""
PORTS = 3
"""Ports of our own choice to try: any process may take one between our choice and the emulator's start."""
IN_USE = os.strerror(errno.EADDRINUSE)
KEY_CHARACTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def refuse_taken(port: int) -> None:
    """Raise `LocalError` if somebody listens on `port` of 127.0.0.1."""
    with socket.socket() as probe:
        if probe.connect_ex(("127.0.0.1", port)) == 0:
            raise LocalError(f"Port {port} is taken; stop what listens there or choose another port.")


class PortTakenError(LocalError):
    """The emulator could not have its port."""


class Emulator:
    """A running emulator, with its own interpreter, log, certificate and data folder under `home`.

    IAM decides about each call to it, all calls go through TLS, and the account's root has a key of this run.

    Use it as a context manager; it raises `LocalError` if the emulator is not installed, the port is taken, or it
    does not answer within 30 s. Leaving the context stops it and every function process it started.
    """

    def __init__(self, home: Path, port: int = 0) -> None:
        self.home = home
        self.port = port or free_port()
        self._chosen = bool(port)
        self.log = home / "emulator.log"
        self._process: subprocess.Popen[bytes] | None = None
        key = "AKIA" + "".join(secrets.choice(KEY_CHARACTERS) for _ in range(16))
        self._root = key, secrets.token_urlsafe(30)

    @property
    def url(self) -> str:
        """The endpoint URL for every AWS client."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def endpoint(self) -> Endpoint:
        """How clients reach it, as the account's root."""
        key, secret = self._root
        return Endpoint(
            url=self.url,
            access_key_id=key,
            secret_access_key=secret,
            ca_bundle=str(self.home.absolute() / certificate.AUTHORITY),
        )

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process is not None and self._process.poll() is None

    def __enter__(self) -> Self:
        if not PYTHON.exists():
            raise LocalError("The emulator is not installed; run: make setup")
        refuse_taken(self.port)
        data = self.home / "data"
        data.mkdir(parents=True, exist_ok=True)
        certified = certificate.make(self.home.absolute())
        for _ in range(0 if self._chosen else PORTS - 1):
            try:
                self._start(data, certified)
                return self
            except PortTakenError:
                self.port = free_port()
        self._start(data, certified)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start(self, data: Path, certified: certificate.Certificate) -> None:
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                [PYTHON, "-c", RUN],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=data,
                env=self._environment(data, certified),
                start_new_session=True,
            )
        try:
            self._wait()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop the emulator and the functions it runs; do nothing if it never started."""
        process = self._process
        if process is None:
            return
        # It would wait for its clients' connections, and there is nothing to keep.
        for sign, seconds in ((signal.SIGTERM, 0.3), (signal.SIGKILL, 3)):
            try:
                os.killpg(process.pid, sign)
                process.wait(seconds)
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue
        process.wait()
        if process.stdin:
            process.stdin.close()
        self._process = None

    def _environment(self, data: Path, certified: certificate.Certificate) -> dict[str, str]:
        # The emulator hands its own environment on to the functions it runs, so it gets only what it needs.
        return {
            "PATH": os.defpath,
            "HOME": str(data),
            "TMPDIR": str(data),
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "MINISTACK_HOST": "127.0.0.1",
            "MINISTACK_REGION": REGION,
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "AUTH": "true",
            "USE_SSL": "1",
            "MINISTACK_SSL_CERT": str(certified.chain),
            "MINISTACK_SSL_KEY": str(certified.key),
            **self.endpoint.variables(),
            "S3_DATA_DIR": str(data / "s3"),
            "STATE_DIR": str(data / "state"),
            "SFTP_ENABLED": "0",
            "IOT_MTLS_ENABLED": "0",
            "LOG_LEVEL": "INFO",
        }

    def _ended(self) -> LocalError:
        words = self.log.read_text(errors="replace")
        if IN_USE in words:
            return PortTakenError(f"{IN_USE}: port {self.port} was taken while the emulator started; see {self.log}.")
        last = next((line.strip() for line in reversed(words.splitlines()) if line.strip()), "nothing")
        return LocalError(f"The emulator ended while starting. Its last words: {last} (all are in {self.log}).")

    def _wait(self) -> None:
        deadline = time.monotonic() + PATIENCE
        trusted = ssl.create_default_context(cafile=self.endpoint.ca_bundle)
        while time.monotonic() < deadline:
            if not self.alive:
                raise self._ended()
            connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=2, context=trusted)
            try:
                connection.request("GET", "/_ministack/health")
                if connection.getresponse().status == 200:
                    return
            except OSError:
                time.sleep(0.05)
            finally:
                connection.close()
        raise LocalError(f"The emulator did not answer within {PATIENCE:.0f} s; its log is {self.log}.")
