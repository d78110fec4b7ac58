"""One request through the API, from the method request to the method response.

https://docs.aws.amazon.com/apigateway/latest/developerguide/rest-api-develop.html
"""

from __future__ import annotations

import json
import re
import time
import traceback
import uuid
from collections.abc import Awaitable, Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, unquote

from airspeed import TemplateError

from local.gateway import signature, validation, velocity
from local.gateway.api import MOCK, Api, GatewayResponse, Method
from local.gateway.authorization import Doors, Invoke
from local.gateway.errors import Refusal, UnsupportedError
from local.gateway.signature import Judge
from local.gateway.throttle import Limit, Throttle

JSON = "application/json"
# The status of an answer for which the API sets no gateway response of its own.
STATUSES = {
    "ACCESS_DENIED": 403,
    "API_CONFIGURATION_ERROR": 500,
    "AUTHORIZER_FAILURE": 500,
    "BAD_REQUEST_BODY": 400,
    "BAD_REQUEST_PARAMETERS": 400,
    "DEFAULT_5XX": 500,
    "EXPIRED_TOKEN": 403,
    "INTEGRATION_FAILURE": 504,
    "INTEGRATION_TIMEOUT": 504,
    "INVALID_API_KEY": 403,
    "INVALID_SIGNATURE": 403,
    "MISSING_AUTHENTICATION_TOKEN": 403,
    "QUOTA_EXCEEDED": 429,
    "REQUEST_TOO_LARGE": 413,
    "THROTTLED": 429,
    "UNAUTHORIZED": 401,
    "UNSUPPORTED_MEDIA_TYPE": 415,
}
AWS_DEFAULT = GatewayResponse(status=None, template='{"message":$context.error.messageString}', headers={})


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request as the caller wrote it. `path` is below the stage, still percent-encoded."""

    http_method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes | None
    """None if it is larger than API Gateway takes."""
    source_ip: str = "127.0.0.1"
    target: str = ""
    """Path and query as they were sent, stage and all: what a signature covers."""

    def header(self, name: str, default: str = "") -> str:
        """The value of a header, whatever the case of its name."""
        return next((value for key, value in self.headers.items() if key.lower() == name), default)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A response, and what the logs tell of it: a line of the access log each."""

    status: int
    headers: Mapping[str, str]
    body: str
    log: str = ""
    detail: str = ""
    """A line about what is wrong, which API Gateway tells its execution log and not the caller."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call to the integrated service."""

    uri: str
    headers: Mapping[str, str]
    body: str
    timeout: float
    role: str
    """The ARN of the role that calls."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """What the integrated service answered."""

    status: int
    body: str


Integrate = Callable[[Call], Awaitable[Result]]


@dataclass(kw_only=True)
class Exchange:
    """A request on its way through the API."""

    api: Api
    request: Request
    doors: Doors
    throttle: Throttle
    integrate: Integrate
    invoke: Invoke
    judge: Judge
    context: dict[str, Any] = field(init=False)

    async def answer(self) -> Answer:
        """The API's answer, whatever happens."""
        self.context = _context(self.api, self.request)
        started = time.monotonic()
        try:
            answer = await self._served()
        except Refusal as refusal:
            answer = self._refused(refusal)
        except (TemplateError, UnsupportedError) as error:
            answer = self._refused(Refusal("API_CONFIGURATION_ERROR", f"Internal server error: {error}"))
        except Exception:
            answer = replace(
                self._refused(Refusal("DEFAULT_5XX", "Internal server error")),
                detail=f"Execution failed: {json.dumps(traceback.format_exc())}",
            )
        self.context |= {
            "status": answer.status,
            "responseLength": len(answer.body.encode()),
            "responseLatency": int((time.monotonic() - started) * 1000),
        }
        headers = {"Content-Type": JSON, "x-amzn-RequestId": self.context["requestId"], **answer.headers}
        log = _substituted(self.api.access_log, self.context, absent="-")
        return Answer(status=answer.status, headers=headers, body=answer.body, log=log, detail=answer.detail)

    async def _served(self) -> Answer:
        if self.request.body is None:
            raise Refusal("REQUEST_TOO_LARGE", "Request size exceeded 10485760 bytes")
        found = self.api.find(self.request.http_method, self.request.path)
        if found is None:
            raise Refusal("MISSING_AUTHENTICATION_TOKEN", "Missing Authentication Token")
        method, path = found
        self.context["resourcePath"] = method.path
        await self._admitted(method)
        parameters = {
            "path": {name: unquote(value) for name, value in path.items()},
            "querystring": self.request.query,
            "header": self.request.headers,
        }
        body = self._validated(method, parameters)
        result = await self._integrated(method, parameters, body)
        return self._mapped(method, parameters, result)

    async def _admitted(self, method: Method) -> None:
        headers = {name.lower(): value for name, value in self.request.headers.items()}
        await self.doors.admit(method.properties, self._arn, headers, self.context, self.invoke, self._identify)
        limits: dict[Hashable, Limit | None] = {(method.http_method, method.path): self.api.limit(method)}
        if "apiKeyId" in self.context["identity"]:
            limits[self.context["identity"]["apiKeyId"]] = self.api.key_limit
        self.throttle.take({key: limit for key, limit in limits.items() if limit is not None})

    @property
    def _arn(self) -> str:
        return self.api.arn(self.request.http_method, self.request.path)

    async def _identify(self) -> dict[str, str]:
        api, request = self.api, self.request
        return await signature.identify(
            self.judge,
            http_method=request.http_method,
            target=request.target,
            headers=request.headers,
            body=request.body or b"",
            source_ip=request.source_ip,
            arn=self._arn,
            region=api.region,
        )

    @property
    def _content_type(self) -> str:
        """As the caller wrote it, charset and all: the strictest way to choose a model and a template by it."""
        return self.request.header("content-type", JSON)

    def _validated(self, method: Method, parameters: Mapping[str, Mapping[str, str]]) -> str:
        validation.check_parameters(method.required, parameters)
        assert self.request.body is not None
        # As recorded from AWS: https://github.com/localstack/localstack/pull/12215
        body = self.request.body.decode(errors="replace")
        model = method.model(self._content_type)
        if model is not None:
            validation.check_body(body, model)
        return body

    async def _integrated(self, method: Method, parameters: Mapping[str, Mapping[str, str]], body: str) -> Result:
        integration = method.integration
        template = integration.get("RequestTemplates", {}).get(self._content_type)
        if template is None:
            if integration.get("PassthroughBehavior", "WHEN_NO_MATCH") != "NEVER":
                raise UnsupportedError("only PassthroughBehavior NEVER is served")
            raise Refusal("UNSUPPORTED_MEDIA_TYPE", "Unsupported Media Type")
        if integration["Type"] == MOCK:
            return Result(status=json.loads(self._rendered(template, body, parameters))["statusCode"], body="")
        static = _static(integration.get("RequestParameters", {}))
        text = self._rendered(template, body, parameters)
        override = self.context["requestOverride"]
        if override["header"] or override["querystring"]:
            raise UnsupportedError("a template overrides only the path locally")
        call = Call(
            uri=_filled(integration["Uri"], {**static["path"], **override["path"]}),
            headers=static["header"],
            body=text,
            timeout=integration.get("TimeoutInMillis", 29_000) / 1000,
            role=integration["Credentials"],
        )
        started = time.monotonic()
        result = await self.integrate(call)
        self.context["integration"] = {
            "status": result.status,
            "latency": int((time.monotonic() - started) * 1000),
        }
        return result

    def _mapped(self, method: Method, parameters: Mapping[str, Mapping[str, str]], result: Result) -> Answer:
        responses = method.integration["IntegrationResponses"]
        chosen = next(
            (
                response
                for response in responses
                if "SelectionPattern" in response and re.fullmatch(response["SelectionPattern"], str(result.status))
            ),
            next((response for response in responses if "SelectionPattern" not in response), None),
        )
        if chosen is None:
            raise Refusal("API_CONFIGURATION_ERROR", "Internal server error")
        text = self._rendered(chosen["ResponseTemplates"][JSON], result.body, parameters)
        override = self.context["responseOverride"]
        status = override["status"] or int(chosen["StatusCode"])
        return Answer(
            status=status, headers={name: str(value) for name, value in override["header"].items()}, body=text
        )

    def _rendered(self, template: str, body: str, parameters: Mapping[str, Mapping[str, str]]) -> str:
        given = velocity.Input(body, parameters["path"], parameters["querystring"], parameters["header"])
        return velocity.render(template, given=given, context=self.context, stage_variables=self.api.variables)

    def _refused(self, refusal: Refusal) -> Answer:
        """The gateway response of that kind, else the default of its class with its own status, else AWS's."""
        status = STATUSES[refusal.kind]
        self.context["error"] = {
            "message": refusal.message,
            "messageString": refusal.message,
            "responseType": refusal.kind,
            "validationErrorString": refusal.detail,
        }
        answers = self.api.gateway_responses
        answer = answers.get(refusal.kind, answers.get("DEFAULT_4XX" if status < 500 else "DEFAULT_5XX", AWS_DEFAULT))
        headers = {
            name: value[1:-1] if value.startswith("'") else str(_variable(self.context, value.removeprefix("context.")))
            for name, value in answer.headers.items()
        }
        body = _substituted(answer.template, self.context, absent="")
        detail = f"Request body does not match model schema: {refusal.detail}" if refusal.detail else ""
        return Answer(status=answer.status or status, headers=headers, body=body, detail=detail)


def _context(api: Api, request: Request) -> dict[str, Any]:
    now = time.time()
    request_id = str(uuid.uuid4())
    return {
        "accountId": api.account,
        "apiId": "local",
        "stage": api.stage,
        "requestId": request_id,
        "extendedRequestId": request_id.replace("-", "")[:15] + "=",
        "requestTime": time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(now)),
        "requestTimeEpoch": int(now * 1000),
        "httpMethod": request.http_method,
        "path": f"/{api.stage}{request.path}",
        "protocol": "HTTP/1.1",
        "identity": {"sourceIp": request.source_ip, "userAgent": request.header("user-agent")},
        "authorizer": {},
        "requestOverride": {"header": {}, "path": velocity.Final(), "querystring": {}},
        "responseOverride": {"header": {}, "status": 0},
    }


def _static(parameters: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """The headers, and the parts of the path, that the integration sets to a fixed value."""
    found: dict[str, dict[str, str]] = {"header": {}, "path": {}}
    for parameter, value in parameters.items():
        place, _, name = parameter.removeprefix("integration.request.").partition(".")
        if place not in found or not value.startswith("'"):
            raise UnsupportedError(f"{parameter} = {value} is not mapped locally")
        found[place][name] = value[1:-1]
    return found


def _filled(uri: str, path: Mapping[str, Any]) -> str:
    """The URI with what its placeholders stand for: what the template set, or else the integration.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-override-request-response-parameters.html
    """

    def value(found: re.Match[str]) -> str:
        if found[1] not in path:
            raise UnsupportedError(f"nothing stands for {{{found[1]}}} in the path of the integration")
        return quote(str(path[found[1]]), safe="")

    return re.sub(r"\{(\w+)\}", value, uri)


def _variable(context: Mapping[str, Any], path: str) -> Any:
    value: Any = context
    for step in path.split("."):
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _substituted(template: str, context: Mapping[str, Any], *, absent: str) -> str:
    """Variables replaced by their values, as the inside of a JSON string; `messageString` comes with its quotes."""

    def value(found: re.Match[str]) -> str:
        path = found[1]
        known = _variable(context, path)
        text = json.dumps(absent if known is None else known if isinstance(known, str) else json.dumps(known))
        return text if path.endswith("messageString") else text[1:-1]

    return re.sub(r"\$context\.([\w-]+(?:\.[\w-]+)*)", value, template)
