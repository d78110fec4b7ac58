"""What `ops cost` takes from the topology and the settings is what the templates deploy."""

from __future__ import annotations

import json

from ops.cost.work import Assumptions
from stacks.edge.access_log import FORMAT
from tests.sample.topology import SAMPLE
from tests.stacks.templates import Templates, settings_of

REQUEST = {
    "$context.requestTimeEpoch": "1795300605664",
    "$context.requestId": "61e11ad2-c521-433d-8315-486b2ddaae14",
    "$context.extendedRequestId": "fJkZtGZkIAMFVFg=",
    "$context.responseOverride.header.X-Correlation-Id": "61e11ad2-c521-433d-8315-486b2ddaae14",
    "$context.xrayTraceId": "1-5759e988-bd862e3fe1be46a994272793",
    "$context.httpMethod": "POST",
    "$context.resourcePath": "/v1/tickets",
    "$context.status": "202",
    "$context.responseLength": "109",
    "$context.responseLatency": "22",
    "$context.integration.status": "200",
    "$context.integration.latency": "12",
    "$context.identity.caller": "AROAEXAMPLEEXAMPLE:caller",
}


def test_functions_cost_what_the_topology_says(prod: Templates) -> None:
    settings = settings_of("prod")
    integrations = (integration.name for integration in SAMPLE.integrations)
    mappings = [each for name in integrations for each in prod.properties("AWS::Lambda::EventSourceMapping", name)]
    assert sorted(each["BatchSize"] for each in mappings) == sorted(consumer.batch for consumer in SAMPLE.consumers)
    for consumer in SAMPLE.consumers:
        function = prod.function(consumer.function)
        assert function["MemorySize"] == consumer.memory
        assert function["Architectures"] == [settings.architecture]
        assert function["TracingConfig"] == {"Mode": "Active"}
        assert function["LoggingConfig"]["SystemLogLevel"] == "INFO", "a start and a report for every batch"


def test_events_stay_in_the_archive_as_long_as_the_settings_say(dev: Templates, prod: Templates) -> None:
    assert [each["RetentionDays"] for each in dev.properties("AWS::Events::Archive")] == [7]
    assert [each["RetentionDays"] for each in prod.properties("AWS::Events::Archive")] == [90]


def test_tables_are_paid_by_request(prod: Templates) -> None:
    tables = prod.properties("AWS::DynamoDB::Table") or prod.properties("AWS::DynamoDB::GlobalTable")
    assert tables
    assert {each["BillingMode"] for each in tables} == {"PAY_PER_REQUEST"}


def test_a_line_of_the_access_log_is_about_as_long_as_assumed() -> None:
    line = json.dumps({name: REQUEST.get(value, "-") for name, value in FORMAT.items()}, separators=(", ", ": "))
    assert abs(len(line) + 26 - Assumptions().access_line) < 0.2 * Assumptions().access_line
