"""Rules for what stands between a caller and a queue."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from stacks.edge.answers import SAFE
from stacks.edge.read_template import ESCAPED as ESCAPE
from stacks.invariants.assembly import Assembly, Resource, text
from stacks.invariants.rule import Finding, rule
from stacks.invariants.velocity import overriding, unencoded

GUIDE = "https://docs.aws.amazon.com/apigateway/latest/developerguide"


def integrations(assembly: Assembly) -> Iterator[tuple[Resource, Mapping[str, Any]]]:
    """Every integration with an AWS service."""
    for method in assembly.of("AWS::ApiGateway::Method"):
        integration = method.properties.get("Integration", {})
        if integration.get("Type") == "AWS":
            yield method, integration


@rule(fix="Set PassthroughBehavior to NEVER.", source=f"{GUIDE}/integration-passthrough-behaviors.html")
def passthrough(assembly: Assembly) -> Iterator[Finding]:
    """No integration passes a body on that no template has mapped, because it would choose the service's parameters."""
    for method, integration in integrations(assembly):
        if integration.get("PassthroughBehavior") != "NEVER":
            yield method, f"PassthroughBehavior is {integration.get('PassthroughBehavior', 'WHEN_NO_MATCH')}"


@rule(fix="Wrap it in $util.urlEncode().", source=f"{GUIDE}/api-gateway-mapping-template-reference.html")
def url_encoded(assembly: Assembly) -> Iterator[Finding]:
    """Every value of a caller is url-encoded on its way into a queue, because it would inject parameters otherwise."""
    for method, integration in integrations(assembly):
        if ":sqs:" in text(integration.get("Uri")):
            for content_type, template in integration.get("RequestTemplates", {}).items():
                for reference in unencoded(text(template)):
                    yield method, f"the template for {content_type} prints ${reference}"


ESCAPED = re.compile(r"\$util\.escapeJavaScript\((\$\w+)\)" + re.escape(ESCAPE))
"""What makes a variable the inside of a text of JSON."""


@rule(
    fix="Ask for GetItem, and print what a caller says by $util.escapeJavaScript(), its apostrophes restored.",
    source=f"{GUIDE}/api-gateway-mapping-template-reference.html",
)
def read_by_key(assembly: Assembly) -> Iterator[Finding]:
    """What is asked of a table is one item, by a key that is one text of JSON, because no code looks at it first."""
    for method, integration in integrations(assembly):
        uri = text(integration.get("Uri"))
        if ":dynamodb:" not in uri:
            continue
        if not uri.endswith(":action/GetItem"):
            yield method, f"it asks for {uri.rpartition('/')[2]}"
        for content_type, template in integration.get("RequestTemplates", {}).items():
            # To the same judge as what goes into a queue: what is escaped for JSON counts as encoded.
            for reference in unencoded(ESCAPED.sub(r"$util.urlEncode(\1)", text(template))):
                yield method, f"the template for {content_type} prints ${reference}"


@rule(
    fix="Assign a text of the template's own.", source=f"{GUIDE}/apigateway-override-request-response-parameters.html"
)
def own_path(assembly: Assembly) -> Iterator[Finding]:
    """No template overrides a call by a caller's words, because they would choose the queue, or what is asked of it."""
    for method, integration in integrations(assembly):
        for content_type, template in integration.get("RequestTemplates", {}).items():
            for reference in overriding(text(template)):
                yield method, f"the template for {content_type} overrides the call by ${reference}"


@rule(
    fix="Set selection patterns so that the response without one is a failure.",
    source="https://docs.aws.amazon.com/apigateway/latest/api/API_IntegrationResponse.html",
)
def honest_answers(assembly: Assembly) -> Iterator[Finding]:
    """No answer that stands for whatever is left is a success, because a queue's refusal would be answered with it."""
    for method, integration in integrations(assembly):
        for response in integration.get("IntegrationResponses", []):
            if not response.get("SelectionPattern") and str(response.get("StatusCode")).startswith("2"):
                yield method, f"{response['StatusCode']} has no pattern"


@rule(fix="Let the template judge it, in lower case.", source=f"{GUIDE}/api-gateway-known-issues.html")
def no_required_header(assembly: Assembly) -> Iterator[Finding]:
    """No method requires a header, because API Gateway compares its name exactly, and HTTP/2 sends it in lower case."""
    for method in assembly.of("AWS::ApiGateway::Method"):
        for name, required in method.properties.get("RequestParameters", {}).items():
            if required and name.startswith("method.request.header."):
                yield method, f"{name} is required"


@rule(
    fix="Name the model of that content type in RequestModels, and let the method's validator check bodies.",
    source=f"{GUIDE}/api-gateway-method-request-validation.html",
)
def checked_bodies(assembly: Assembly) -> Iterator[Finding]:
    """Every content type that reaches a queue has a model, because a body of one without is not checked."""
    for method, integration in integrations(assembly):
        if ":sqs:" not in text(integration.get("Uri")):
            continue
        properties = method.properties
        validator = assembly.target(method, properties.get("RequestValidatorId"), "AWS::ApiGateway::RequestValidator")
        if validator is None or not validator.properties.get("ValidateRequestBody"):
            yield method, "no validator checks its bodies"
        for content_type in sorted({*integration.get("RequestTemplates", {})} - {*properties.get("RequestModels", {})}):
            yield method, f"{content_type} has a template and no model"


@rule(fix="Say it in words of our own.", source=f"{GUIDE}/supported-gateway-response-types.html")
def own_words(assembly: Assembly) -> Iterator[Finding]:
    """No answer of API Gateway's own shows what may hold a caller's words, because nothing escapes them there."""
    for answer in assembly.of("AWS::ApiGateway::GatewayResponse"):
        for template in answer.properties.get("ResponseTemplates", {}).values():
            for variable in re.findall(r"\$(?!context\.)\w*|\$context\.[\w.-]*\w", text(template)):
                if variable.removeprefix("$context.") not in SAFE:
                    yield answer, f"{answer.properties.get('ResponseType')} shows {variable}"


RULES = (
    *(passthrough, url_encoded, own_path, read_by_key, honest_answers, no_required_header, checked_bodies),
    own_words,
)
