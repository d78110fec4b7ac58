"""The calls to AWS that API Gateway makes: SQS for an integration, Lambda for an authorizer. Over real HTTP."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from io import BytesIO
from typing import Any
from xml.etree import ElementTree

import aiohttp
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local.gateway.authorization import FunctionError
from local.gateway.errors import Refusal
from local.gateway.exchange import Call, Result

LAMBDA_TIMEOUT = 30
"""Seconds. https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html"""


class Aws:
    """Calls AWS at `endpoint_url`, signed as API Gateway signs. Use it inside the event loop, and close it."""

    def __init__(self, endpoint_url: str, region: str) -> None:
        self._endpoint_url = endpoint_url.rstrip("/")
        self._region = region
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64))

    async def integrate(self, call: Call) -> Result:
        """SQS's answer. Raises `Refusal` if there is none."""
        # API Gateway asks for JSON, and SQS's query protocol answers with it.
        headers = {"Accept": "application/json", **call.headers}
        path = call.uri.partition(":sqs:path/")[2]
        try:
            async with self._post("sqs", path, headers, call.body, call.timeout) as response:
                text = await response.text()
        except TimeoutError:
            raise Refusal("INTEGRATION_TIMEOUT", "Endpoint request timed out") from None
        except aiohttp.ClientError:
            raise Refusal("INTEGRATION_FAILURE", "Internal server error") from None
        return Result(status=response.status, body=_as_json(text))

    async def invoke(self, function: str, event: Mapping[str, Any]) -> Mapping[str, Any]:
        """What the function returns. Raises `FunctionError` with what it raised, or with why it could not be asked."""
        path = f"2015-03-31/functions/{function}/invocations"
        try:
            async with self._post("lambda", path, {}, json.dumps(event), LAMBDA_TIMEOUT) as response:
                answer: dict[str, Any] = json.loads(await response.read())
        except (TimeoutError, ValueError, aiohttp.ClientError) as error:
            raise FunctionError(f"Lambda did not answer: {error}") from error
        if response.status >= 300 or "X-Amz-Function-Error" in response.headers:
            raise FunctionError(str(answer.get("errorMessage", answer)))
        return answer

    def _post(
        self, service: str, path: str, headers: Mapping[str, str], body: str, timeout: float
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        signed = AWSRequest("POST", f"{self._endpoint_url}/{path}", dict(headers), body.encode())
        SigV4Auth(Credentials("test", "test"), service, self._region).add_auth(signed)
        return self._session.post(
            signed.url,
            data=BytesIO(signed.body),
            headers=dict(signed.headers.items()),
            timeout=aiohttp.ClientTimeout(total=timeout),
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()


def _as_json(text: str) -> str:
    """An answer in the JSON that SQS gives to API Gateway, also where the service only speaks XML.

    A success keeps the name of its root element; an error is `{"Error": {"Code", "Message"}, "RequestId"}`.
    """
    if not text.lstrip().startswith("<"):
        return text
    root = ElementTree.fromstring(text)  # noqa: S314 - the emulator's own answer
    value = _element(root)
    name = root.tag.rpartition("}")[2]
    return json.dumps(value if name == "ErrorResponse" else {name: value})


def _element(element: ElementTree.Element) -> object:
    children = {child.tag.rpartition("}")[2]: _element(child) for child in element}
    return children or (element.text or "")
