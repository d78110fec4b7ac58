"""What API Gateway answers by itself has the shape of all our answers."""

from __future__ import annotations

import json
import re

from stacks.edge.answers import ANSWERS, SAFE
from tests.stacks.templates import Templates


def test_api_gateways_own_answers_have_one_shape(prod: Templates) -> None:
    answers = prod.properties("AWS::ApiGateway::GatewayResponse", "ingress")
    assert {answer["ResponseType"] for answer in answers} == {answer.kind for answer in ANSWERS}
    for answer in answers:
        (template,) = answer["ResponseTemplates"].values()
        assert set(json.loads(template)) == {"message", "correlation_id"}
        assert set(re.findall(r"\$context\.([\w.]*\w)", template)) <= set(SAFE)
        assert template.count("$") == template.count("$context.")
        headers = answer["ResponseParameters"]
        assert headers["gatewayresponse.header.X-Correlation-Id"] == "context.requestId"
        assert ("gatewayresponse.header.Retry-After" in headers) == (answer.get("StatusCode") == "429")


def test_a_missing_signature_is_a_403_and_a_missing_route_a_404_where_nothing_is_signed(
    prod: Templates, local: Templates
) -> None:
    kind = ("AWS::ApiGateway::GatewayResponse", "ResponseType", "MISSING_AUTHENTICATION_TOKEN")
    assert (prod.named(*kind)["StatusCode"], local.named(*kind)["StatusCode"]) == ("403", "404")
