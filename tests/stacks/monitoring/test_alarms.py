"""Every part of the flow has its alarms, and every alarm watches something that exists and says what to do."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import Any

import botocore.session
import jmespath
import pytest
from aws_cdk import App, Stack

from documents.alarms import draw
from stacks import names, settings
from stacks.invariants.assembly import text
from stacks.monitoring import chat_webhook
from stacks.monitoring.alarms import KINDS
from stacks.monitoring.alarms import alarms as every_alarm
from tests.sample.scheduled import SCHEDULED
from tests.sample.topology import SAMPLE
from tests.stacks.templates import STAGES, Templates, statements

ALARM = "AWS::CloudWatch::Alarm"


@pytest.fixture(scope="module")
def alarms(prod: Templates) -> dict[str, Any]:
    return {alarm["AlarmName"].removeprefix(names.resource("prod", "")): alarm for alarm in prod.properties(ALARM)}


def watched(alarm: Any) -> list[tuple[str, str, dict[str, str], str]]:
    """Namespace, metric, dimensions and statistic of everything that an alarm looks at."""
    if "MetricName" in alarm:
        statistic = alarm.get("Statistic") or alarm["ExtendedStatistic"]
        return [(alarm["Namespace"], alarm["MetricName"], _dimensions(alarm), statistic)]
    return [
        (stat["Metric"]["Namespace"], stat["Metric"]["MetricName"], _dimensions(stat["Metric"]), stat["Stat"])
        for stat in (metric["MetricStat"] for metric in alarm["Metrics"] if "MetricStat" in metric)
    ]


def _dimensions(metric: Any) -> dict[str, str]:
    return {dimension["Name"]: dimension["Value"] for dimension in metric["Dimensions"]}


def test_every_queue_consumer_rule_and_the_api_has_its_alarms(alarms: dict[str, Any]) -> None:
    expected = {"api-faults", "api-refused", "api-latency", "pause_consumer-paused", "pause_consumer-errors"}
    for queue in SAMPLE.queues:
        expected |= {f"{queue.name}-{kind}" for kind in ("dead-letters", "oldest", "drain", "not-deleting")}
    for consumer in SAMPLE.consumers:
        expected |= {f"{consumer.function}-{kind}" for kind in ("errors", "throttles", "duration")}
        expected |= {f"{consumer.function}-concurrency"} if consumer.concurrency else set()
        expected |= {f"{consumer.function}-publish-failures"} if consumer.publishes else set()
    for subscription in SAMPLE.subscriptions:
        rule = f"{subscription.queue}-on-{subscription.event.__name__}"
        expected |= {f"{rule}-{kind}" for kind in ("failed-invocations", "undelivered-events", "lost-events")}
        expected.add(f"{subscription.queue}-undelivered")
    expected |= {"chat-not-posted", "plan_command-unsent"}
    assert set(alarms) == expected


def test_every_alarm_watches_something_that_the_templates_have(prod: Templates, alarms: dict[str, Any]) -> None:
    existing = {
        "QueueName": {queue["QueueName"] for queue in prod.properties("AWS::SQS::Queue")},
        "FunctionName": {function["FunctionName"] for function in prod.properties("AWS::Lambda::Function")},
        "RuleName": {rule["Name"] for rule in prod.properties("AWS::Events::Rule")},
        "EventBusName": {bus["Name"] for bus in prod.properties("AWS::Events::EventBus")},
        "ApiName": {api["Name"] for api in prod.properties("AWS::ApiGateway::RestApi")},
        "Stage": {stage["StageName"] for stage in prod.properties("AWS::ApiGateway::Stage")},
        "stage": {"prod"},
        "service": {consumer.function for consumer in SAMPLE.consumers},
    }
    for alarm in alarms.values():
        for _, _, dimensions, _ in watched(alarm):
            for name, value in dimensions.items():
                assert value in existing[name], f"{alarm['AlarmName']} watches {name} {value}"


def test_dead_letters_are_counted_where_they_rest_because_moves_are_no_sends(alarms: dict[str, Any]) -> None:
    for queue in SAMPLE.queues:
        alarm = alarms[f"{queue.name}-dead-letters"]
        name = names.dead_letter_queue("prod", queue.name, fifo=queue.fifo)
        assert watched(alarm) == [("AWS/SQS", "ApproximateNumberOfMessagesVisible", {"QueueName": name}, "Maximum")]
        assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (0, "GreaterThanThreshold")


def test_a_slow_consumer_is_told_of_before_its_timeout(alarms: dict[str, Any]) -> None:
    for consumer in SAMPLE.consumers:
        alarm = alarms[f"{consumer.function}-duration"]
        assert alarm["Threshold"] == 800 * consumer.timeout
        assert watched(alarm)[0][3] == "p99"


def test_thresholds_are_the_stages_own(dev: Templates, prod: Templates) -> None:
    ages = [
        templates.named(ALARM, "AlarmName", names.resource(stage, "open_ticket-oldest"))["Threshold"]
        for stage, templates in (("dev", dev), ("prod", prod))
    ]
    assert ages == [900, 300]


def test_every_alarm_says_what_to_do_within_what_cloudwatch_takes(alarms: dict[str, Any]) -> None:
    sections = {line.removeprefix("## ") for line in draw(SAMPLE).splitlines() if line.startswith("## ")}
    for alarm in alarms.values():
        description = alarm["AlarmDescription"]
        page, _, section = description.rpartition(" ")[2].partition("#")
        assert (page, section in sections) == ("docs/alarms.md", True)
        assert len(description) <= 1024
        assert '"' not in description  # it stands between quotes in the message to the chat
        assert alarm["TreatMissingData"] == "notBreaching"


def test_what_to_do_can_be_typed_as_it_stands(alarms: dict[str, Any]) -> None:
    assert "`python -m ops redrive open_ticket --stage prod`" in alarms["open_ticket-dead-letters"]["AlarmDescription"]
    assert (
        "`python -m ops redrive close_ticket-undelivered --stage prod`"
        in alarms["close_ticket-undelivered"]["AlarmDescription"]
    )
    for alarm in alarms.values():
        for command in re.findall(r"`(python -m ops [^`]+)`", alarm["AlarmDescription"]):
            assert "--stage prod" in command
            assert "<" not in command


def test_only_cloudwatch_of_this_account_may_publish_to_the_topic_and_over_tls_only(prod: Templates) -> None:
    (policy,) = prod.properties("AWS::SNS::TopicPolicy")
    allows = [each for each in statements(policy) if each["Effect"] == "Allow"]
    (deny,) = [each for each in statements(policy) if each["Effect"] == "Deny"]
    (allow,) = allows
    assert allow["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert allow["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_the_chats_url_is_a_secret_that_no_template_holds(prod: Templates) -> None:
    (destination,) = prod.properties("AWS::Events::ApiDestination")
    assert destination["InvocationEndpoint"] == (
        f"{{{{resolve:secretsmanager:{names.resource('prod', 'chat_webhook')}:SecretString:::}}}}"
    )


def test_the_chat_hears_of_this_stage_only(prod: Templates) -> None:
    rule = prod.named("AWS::Events::Rule", "Name", names.resource("prod", "chat"))
    assert rule["EventPattern"]["detail"]["alarmName"] == [{"prefix": names.resource("prod", "")}]
    assert json.loads(rule["Targets"][0]["InputTransformer"]["InputTemplate"]) == {
        "text": "<state> <alarm>: <description>"
    }


def test_the_chat_of_prod_hears_nothing_of_prod_eu_beside_it(prod: Templates, monkeypatch: pytest.MonkeyPatch) -> None:
    def pattern(*stages: str) -> Any:
        monkeypatch.setattr(names, "STAGES", stages)
        stack = Stack(App(), "Observability")
        return stack.resolve(chat_webhook._not_of("prod", stack))

    assert pattern("prod", "dev") == {}
    (other,) = pattern("prod", "prod-eu", "production")["resources"]
    assert text(other["anything-but"]["prefix"]).endswith(f":alarm:{names.resource('prod-eu', '')}")
    (others,) = pattern("prod", "prod-eu", "prod-us")["resources"]
    assert len(others["anything-but"]["prefix"]) == 2


def test_a_rotated_webhook_reaches_the_destination_by_the_command_that_security_md_says(prod: Templates) -> None:
    (command,) = re.findall(r"--query \"(\{.+?\})\"", (names.ROOT / "docs" / "security.md").read_text())
    asked = command.replace("<project>-prod", names.resource("prod", "")[:-1])
    sent = jmespath.search(asked, {"SecretString": "https://chat.example/hook"})
    (destination,) = prod.properties("AWS::Events::ApiDestination")
    assert sent == {"Name": destination["Name"], "InvocationEndpoint": "https://chat.example/hook"}
    events = botocore.session.get_session().get_service_model("events")
    assert sent.keys() <= events.operation_model("UpdateApiDestination").input_shape.members.keys()


def test_a_stage_without_the_setting_has_no_alarms(local: Templates) -> None:
    assert "observability" not in local.stacks


def test_every_kind_of_alarm_is_used(alarms: dict[str, Any]) -> None:
    used = Counter(alarm["AlarmDescription"].rpartition("#")[2] for alarm in alarms.values())
    scheduled = {each.kind.name for each in every_alarm(SCHEDULED, settings.read("prod", STAGES))}
    assert used.keys() | scheduled == {kind.name for kind in KINDS}


def test_what_the_chat_did_not_take_is_told_by_email_too(prod: Templates, alarms: dict[str, Any]) -> None:
    alarm = alarms["chat-not-posted"]
    assert watched(alarm)[0][2] == {"QueueName": names.target_dead_letter_queue("prod", names.CHAT)}
    (subscription,) = prod.properties("AWS::SNS::Subscription")
    assert subscription["Protocol"] == "email"
    assert {action["Ref"] for action in alarm["AlarmActions"]} == {subscription["TopicArn"]["Ref"]}
    assert "`python -m ops drop chat-undelivered --stage prod --yes`" in alarm["AlarmDescription"]
