"""One trace leads from the API to the last subscriber: each hop records it, and hands it on."""

from __future__ import annotations

from stacks.topology import TOPOLOGY
from tests.stacks.templates import Templates, listed, statements


def test_the_api_traces_and_puts_the_trace_beside_every_message(prod: Templates) -> None:
    (stage,) = prod.properties("AWS::ApiGateway::Stage")
    assert stage["TracingEnabled"] is True
    methods = [each for each in prod.properties("AWS::ApiGateway::Method") if each["HttpMethod"] == "POST"]
    assert len(methods) == len(TOPOLOGY.routes)
    for method in methods:
        for template in method["Integration"]["RequestTemplates"].values():
            assert "MessageSystemAttribute.1.Name=AWSTraceHeader" in str(template)
            assert "MessageSystemAttribute.1.Value.StringValue=$util.urlEncode($trace)" in str(template)


def test_every_consumer_traces_and_may_say_so(prod: Templates) -> None:
    functions = {each["FunctionName"]: each for each in prod.properties("AWS::Lambda::Function")}
    for consumer in TOPOLOGY.consumers:
        assert functions[f"headrace-prod-{consumer.function}"]["TracingConfig"] == {"Mode": "Active"}
    granted = [
        listed(statement["Action"])
        for policy in prod.properties("AWS::IAM::Policy")
        for statement in statements(policy)
        if "xray:PutTraceSegments" in listed(statement["Action"])
    ]
    assert len(granted) >= len(TOPOLOGY.consumers)
