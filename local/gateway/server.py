"""Serves a synthesized REST API on 127.0.0.1, in a thread of its own."""

from __future__ import annotations

import asyncio
import json
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import Future
from json import JSONDecodeError
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import parse_qsl

from aiohttp import web
from botocore.credentials import Credentials

from local.gateway.api import Api, find_template, read
from local.gateway.authorization import Doors
from local.gateway.aws import Aws
from local.gateway.exchange import Exchange, Request
from local.gateway.front import FAILED, UNREADABLE, Front, own
from local.gateway.throttle import Throttle
from local.pages import is_from_a_page

HOST = "127.0.0.1"
ANYONE = Credentials("test", "test")
"""For an AWS that checks nothing."""
# https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html
LARGEST_REQUEST = 10 * 1024 * 1024


class Gateway:
    """Our API Gateway, as a context manager.

    `assembly` is the CDK's output folder; its template is read again when it has changed. SQS is called at
    `endpoint_url` with the template's roles, which `credentials`, the root's, let it assume; `ca_bundle` is the
    authority to trust there. With `port` 0 a free port is taken. `url` holds the stage, as AWS's does:
    `<url>/v1/orders`. The access log is `access.log` beside the assembly; why a body was refused stands in
    `execution.log`. `clock` says the seconds by which throttling counts. Raises `OSError` if the port is taken,
    `FileNotFoundError` if the assembly holds no REST API and `UnsupportedError` if it says something that is not served
    here.
    """

    def __init__(
        self,
        *,
        assembly: Path,
        endpoint_url: str,
        credentials: Credentials = ANYONE,
        ca_bundle: str = "",
        port: int = 0,
        account: str = "000000000000",
        region: str = "us-east-1",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._template = find_template(assembly)
        self._access_log = assembly.resolve().parent / "access.log"
        self._endpoint_url = endpoint_url
        self._credentials = credentials
        self._ca_bundle = ca_bundle
        self._account = account
        self._region = region
        self._clock = clock
        self._version = 0
        self._port = port
        self._api = self._current()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="gateway", daemon=True)

    @property
    def url(self) -> str:
        """Where the stage is served."""
        return f"http://{HOST}:{self._port}/{self._api.stage}"

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._run(self._start())
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._run(self._stop())
        self._end()

    def _run(self, coroutine: object) -> None:
        future: Future[None] = asyncio.run_coroutine_threadsafe(coroutine, self._loop)  # type: ignore[arg-type]
        future.result()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _start(self) -> None:
        self._log = self._access_log.open("a", buffering=1)
        self._execution_log = self._access_log.with_name("execution.log").open("a", buffering=1)
        stack = self._template.name.removesuffix(".template.json")
        self._aws = Aws(self._endpoint_url, self._region, self._credentials, stack=stack, ca_bundle=self._ca_bundle)
        self._runner = web.ServerRunner(Front(self._handle))
        await self._runner.setup()
        site = web.TCPSite(self._runner, HOST, self._port, reuse_address=True)
        try:
            await site.start()
        except OSError:
            await self._stop()
            raise
        self._port = self._runner.addresses[0][1]

    async def _stop(self) -> None:
        await self._runner.cleanup()
        await self._aws.close()
        self._log.close()
        self._execution_log.close()

    def _current(self) -> Api:
        """The API as the template has it now. While the template is being written, the one before."""
        try:
            version = self._template.stat().st_mtime_ns
            if version != self._version:
                self._api = read(self._template, account=self._account, region=self._region)
                self._doors = Doors(self._api.authorizers, self._api.keys)
                self._throttle = Throttle(self._clock)
                self._version = version
        except (FileNotFoundError, JSONDecodeError):
            if not self._version:
                raise
        return self._api

    async def _handle(self, incoming: web.BaseRequest) -> web.Response:
        if is_from_a_page({name.lower(): value for name, value in incoming.headers.items()}):
            return own(403, "Forbidden: no web page may call this.")
        try:
            return await self._answered(incoming)
        except (web.RequestPayloadError, ConnectionError):
            return own(400, UNREADABLE)
        except Exception:
            response = own(500, FAILED)
            self._explain(
                response.headers["x-amzn-RequestId"], f"Execution failed: {json.dumps(traceback.format_exc())}"
            )
            return response

    def _explain(self, request_id: str, what: str) -> None:
        self._execution_log.write(f"({request_id}) {what}\n")

    async def _answered(self, incoming: web.BaseRequest) -> web.Response:
        api = self._current()
        stage, _, path = incoming.raw_path.partition("?")[0].removeprefix("/").partition("/")
        if stage != api.stage:
            return own(403, "Forbidden")
        exchange = Exchange(
            api=api,
            request=await _read(incoming, f"/{path}"),
            doors=self._doors,
            throttle=self._throttle,
            integrate=self._aws.integrate,
            invoke=self._aws.invoke,
            judge=self._aws.judge,
        )
        answer = await exchange.answer()
        self._log.write(answer.log + "\n")
        if answer.detail:
            self._explain(answer.headers["x-amzn-RequestId"], answer.detail)
        return web.Response(status=answer.status, headers=answer.headers, body=answer.body.encode())


async def _read(incoming: web.BaseRequest, path: str) -> Request:
    body = bytearray()
    async for chunk in incoming.content.iter_any():
        body += chunk
        if len(body) > LARGEST_REQUEST:
            break
    return Request(
        http_method=incoming.method,
        path=path,
        query=dict(parse_qsl(incoming.raw_path.partition("?")[2], keep_blank_values=True)),
        headers={name.decode("latin-1"): value.decode("latin-1") for name, value in incoming.raw_headers},
        body=bytes(body) if len(body) <= LARGEST_REQUEST else None,
        source_ip=incoming.remote or HOST,
        target=incoming.raw_path,
    )
