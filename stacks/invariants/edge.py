"""Rules for what stands between a caller and a queue."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stacks.invariants.assembly import Assembly, Resource, text
from stacks.invariants.rule import Finding, rule
from stacks.invariants.velocity import unencoded

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


RULES = (passthrough, url_encoded, honest_answers)
