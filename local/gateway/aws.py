"""The calls to AWS that API Gateway makes: SQS or DynamoDB for an integration, Lambda for an authorizer.

Over real HTTP.
"""

from __future__ import annotations

import json
import ssl
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
from local.gateway.roles import NotAssumed, Roles
from local.passkey import HEADER, passkey

LAMBDA_TIMEOUT = 30
"""Seconds. https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html"""


class Aws:
    """Calls AWS at `endpoint_url`, signed as API Gateway signs. Use it inside the event loop, and close it.

    `credentials` are the account's root's, with which it assumes the roles of integrations; `stack` is the one that
    made them. `ca_bundle` is a file of authorities to trust.
    """

    def __init__(
        self, endpoint_url: str, region: str, credentials: Credentials, *, stack: str, ca_bundle: str = ""
    ) -> None:
        self._endpoint_url = endpoint_url.rstrip("/")
        self._region = region
        self._credentials = credentials
        trusted = ssl.create_default_context(cafile=ca_bundle) if ca_bundle else True
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64, ssl=trusted))
        self._roles = Roles(stack, self._ask)

    async def integrate(self, call: Call) -> Result:
        """What the service answers to the integration's role. Raises `Refusal` if it does not, or there is no such
        role."""
        service, path, headers = _called(call)
        try:
            credentials = await self._roles.credentials(call.role)
            async with self._post(service, path, headers, call.body, call.timeout, credentials) as response:
                text = await response.text()
        except NotAssumed as error:
            raise Refusal("API_CONFIGURATION_ERROR", f"Internal server error: {error}") from None
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

    async def judge(self, asked: Mapping[str, Any]) -> Mapping[str, str]:
        """What IAM says of a signed request to the API. Raises `Refusal` if it says nothing."""
        url, owner = f"{self._endpoint_url}/_headrace/caller", {HEADER: passkey(self._credentials.secret_key)}
        try:
            async with self._session.post(url, json=asked, headers=owner, raise_for_status=True) as response:
                answer: dict[str, str] = await response.json()
        except (TimeoutError, ValueError, aiohttp.ClientError):
            raise Refusal("API_CONFIGURATION_ERROR", "Internal server error") from None
        return answer

    async def _ask(self, service: str, headers: Mapping[str, str], form: str) -> tuple[int, str]:
        sent = {"Content-Type": "application/x-www-form-urlencoded", **headers}
        async with self._post(service, "", sent, form, LAMBDA_TIMEOUT) as response:
            return response.status, await response.text()

    def _post(
        self,
        service: str,
        path: str,
        headers: Mapping[str, str],
        body: str,
        timeout: float,
        credentials: Credentials | None = None,
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        signed = AWSRequest("POST", f"{self._endpoint_url}/{path}", dict(headers), body.encode())
        SigV4Auth(credentials or self._credentials, service, self._region).add_auth(signed)
        return self._session.post(
            signed.url,
            data=BytesIO(signed.body),
            headers=dict(signed.headers.items()),
            timeout=aiohttp.ClientTimeout(total=timeout),
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()


def _called(call: Call) -> tuple[str, str, Mapping[str, str]]:
    """The service, the path and the headers of a call.

    By a path, API Gateway asks for JSON, and SQS's query protocol answers with it. Of an action it says the service's
    own protocol, which is JSON for DynamoDB.
    https://docs.aws.amazon.com/apigateway/latest/api/API_PutIntegration.html#apigw-PutIntegration-request-uri
    """
    _, _, action = call.uri.partition(":dynamodb:action/")
    if action:
        target = {"Content-Type": "application/x-amz-json-1.0", "X-Amz-Target": f"DynamoDB_20120810.{action}"}
        return "dynamodb", "", {**target, **call.headers}
    return "sqs", call.uri.partition(":sqs:path/")[2], {"Accept": "application/json", **call.headers}


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
