"""What the stage wrote down of our requests and dead letters: logs, and the metrics that alarms watch."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from botocore.exceptions import BotoCoreError, ClientError

from functions.contracts.log_line import Handled
from ops.observe.logs import Answered, Line, search
from ops.stage import Stage, in_words
from ops.verify.finding import Finding, judged, not_checked
from stacks.entry import Route
from stacks.monitoring import metrics
from stacks.monitoring.metrics import Metric

PATIENCE = 300.0
"""Seconds until a line can be searched for, and a metric read."""
EARLIER = 60
"""Seconds before our first call that we look at, too: clocks differ."""


def logged(operator: Stage, route: Route | None, run: str, message_id: str | None, since: float) -> Iterator[Finding]:
    """The access log's line of a request, and the consumer's lines of a dead letter."""
    if route is not None:
        # The first case of a route is one that reaches its queue.
        id_ = f"{run}-{route.queue}-01"
        lines = [line for line in _lines(operator, id_, since) if isinstance(line, Answered)]
        ids = sorted({line.correlation_id for line in lines})
        yield judged(
            route.name,
            "the access log has the correlation id of the answer",
            id_,
            ", ".join(ids) or "no such line",
            good=ids == [id_],
        )
    if message_id is not None:
        attempts = [line for line in _lines(operator, message_id, since) if isinstance(line, Handled)]
        yield judged(
            attempts[0].service if attempts else "the consumer",
            "the consumer's log has a line for each attempt",
            "a line with Reject",
            ", ".join(sorted({line.error_type or "no error" for line in attempts})) or "no such line",
            good=any(line.error_type == "Reject" for line in attempts),
        )


def _lines(operator: Stage, text: str, since: float) -> list[Line]:
    end = time.monotonic() + (PATIENCE if operator.endpoint is None else 10)
    while not (found := search(operator, text, since - EARLIER)) and time.monotonic() < end:
        time.sleep(5 if operator.endpoint is None else 0.5)
    return found


def counted(operator: Stage, route: Route | None, function: str | None, since: float) -> Iterator[Finding]:
    """Whether CloudWatch has the metrics that alarms and dashboard read, by these names and dimensions."""
    wanted: dict[str, Metric] = {}
    if route is not None:
        wanted["requests are counted"] = metrics.of_api(operator.name, "Count")
        wanted["refused requests are counted"] = metrics.of_api(operator.name, "4XXError")
    if function is not None:
        wanted["the runtime's metrics are counted"] = metrics.of_consumer(operator.name, function, "Rejected")
        wanted["the function's runs are counted"] = metrics.of_function(operator.name, function, "Invocations")
    for check, metric in wanted.items():
        if operator.endpoint is not None:
            yield not_checked(metric.namespace, check, "an emulator measures nothing")
            continue
        total = _sum(operator, metric, since)
        place = f"{metric.namespace} {metric.name}"
        yield judged(place, check, "more than 0", f"{total:g}", good=total > 0)


def _sum(operator: Stage, metric: Metric, since: float) -> float:
    end = time.monotonic() + PATIENCE
    while True:
        now = datetime.now(UTC)
        with in_words():
            answer = operator.client("cloudwatch").get_metric_data(
                MetricDataQueries=[
                    {
                        "Id": "m",
                        "MetricStat": {
                            "Metric": {
                                "Namespace": metric.namespace,
                                "MetricName": metric.name,
                                "Dimensions": [
                                    {"Name": name, "Value": value} for name, value in metric.dimensions.items()
                                ],
                            },
                            "Period": metric.period,
                            "Stat": "Sum",
                        },
                    }
                ],
                StartTime=datetime.fromtimestamp(since, UTC) - timedelta(seconds=EARLIER),
                EndTime=now,
            )
        total = sum(answer["MetricDataResults"][0].get("Values", ()))
        if total > 0 or time.monotonic() > end:
            return float(total)
        time.sleep(15)


def mail_to_nobody(stage: Stage, sender: str) -> Finding:
    """What SES answers to an e-mail without a recipient: nothing is sent."""
    check, expected = "an e-mail to nobody is refused", "BadRequestException"
    content = {"Simple": {"Subject": {"Data": "verify"}, "Body": {"Text": {"Data": "verify"}}}}
    try:
        stage.client("sesv2").send_email(FromEmailAddress=sender, Destination={"ToAddresses": []}, Content=content)
        seen = "it was taken"
    except ClientError as error:
        seen = error.response["Error"]["Code"]
        if seen in ("AccessDeniedException", "AccessDenied"):
            return not_checked("SES", check, f"you may not send e-mail ({seen})")
    except BotoCoreError as error:
        return not_checked("SES", check, str(error))
    return judged("SES", check, expected, seen, good=seen == expected)
