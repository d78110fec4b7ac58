"""The HTTP server in front of the API: what it answers by itself, in the words that callers of the API know."""

from __future__ import annotations

import json
import uuid
from collections.abc import Awaitable, Callable

from aiohttp import web

UNREADABLE = "This is no request of HTTP that can be served. Nothing was queued."
FAILED = "The request could not be handled, and the message may be queued or not; execution.log says why."
# https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html
LONGEST_HEADERS = 10_240


def own(status: int, message: str) -> web.Response:
    """An answer that no API gives: it has a request id of its own, which is its correlation id."""
    name = str(uuid.uuid4())
    return web.Response(
        status=status,
        content_type="application/json",
        headers={"x-amzn-RequestId": name, "X-Correlation-Id": name},
        text=json.dumps({"message": message, "correlation_id": name}),
    )


class _Connection(web.RequestHandler):
    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what is no HTTP, and close the connection."""
        answer = own(status, UNREADABLE if status < 500 else FAILED)
        answer.force_close()
        return answer


class Front(web.Server):
    """Hands every request on to `handler` as it was sent. Lengths are API Gateway's."""

    def __init__(self, handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]) -> None:
        super().__init__(
            handler,
            access_log=None,
            # Without a minimum compression size, API Gateway leaves bodies as they are.
            # https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-gzip-compression-decompression.html
            auto_decompress=False,
            max_line_size=LONGEST_HEADERS,
            max_field_size=LONGEST_HEADERS,
        )

    def __call__(self) -> web.RequestHandler:
        """What reads a connection."""
        return _Connection(self, loop=self._loop, **self._kwargs)
