"""The call to SQS that API Gateway makes for an integration, over real HTTP."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import aiohttp
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from local.gateway.errors import Refusal
from local.gateway.exchange import Call, Result


class Sqs:
    """Calls SQS at `endpoint_url`, signed as API Gateway signs. Use it inside the event loop, and close it."""

    def __init__(self, endpoint_url: str, region: str) -> None:
        self._endpoint_url = endpoint_url.rstrip("/")
        self._signature = SigV4Auth(Credentials("test", "test"), "sqs", region)
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64))

    async def __call__(self, call: Call) -> Result:
        """The service's answer. Raises `Refusal` if there is none."""
        url = f"{self._endpoint_url}/{call.uri.partition(':sqs:path/')[2]}"
        # API Gateway asks for JSON, and SQS's query protocol answers with it.
        signed = AWSRequest("POST", url, {"Accept": "application/json", **call.headers}, call.body.encode())
        self._signature.add_auth(signed)
        try:
            async with self._session.post(
                url,
                data=signed.body,
                headers=dict(signed.headers.items()),
                timeout=aiohttp.ClientTimeout(total=call.timeout),
            ) as response:
                text = await response.text()
        except TimeoutError:
            raise Refusal("INTEGRATION_TIMEOUT", "Endpoint request timed out") from None
        except aiohttp.ClientError:
            raise Refusal("INTEGRATION_FAILURE", "Internal server error") from None
        return Result(status=response.status, body=_as_json(text))

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
