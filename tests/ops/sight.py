"""AWS as `trace` and `watch` see it: Logs Insights over some lines, queues with messages in them, metrics."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from botocore.exceptions import ClientError

from ops.depth import COUNTS


@dataclass
class Insights:
    """Logs Insights over some lines: understands our queries, and takes a few polls to answer."""

    lines: list[str] = field(default_factory=list)
    statuses: list[str] = field(default_factory=lambda: ["Scheduled", "Running", "Complete"])
    asked: list[dict[str, Any]] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    refusal: str | None = None

    def start_query(self, **arguments: Any) -> dict[str, str]:
        if self.refusal:
            raise ClientError({"Error": {"Code": self.refusal, "Message": "no"}}, "StartQuery")
        assert 1 <= len(arguments["logGroupNames"]) <= 50
        assert len(arguments["queryString"]) <= 10_000
        self.asked.append(arguments)
        self._polls = iter(self.statuses)
        return {"queryId": str(len(self.asked) - 1)}

    def get_query_results(self, queryId: str) -> dict[str, Any]:  # noqa: N803 - botocore's name
        status = next(self._polls)
        if status != "Complete":
            return {"status": status, "results": []}
        query = self.asked[int(queryId)]["queryString"]
        patterns = re.findall(r"filter @message like /((?:\\.|[^/])*)/", query)
        assert patterns
        lines = self.lines[::-1] if "sort @timestamp desc" in query else self.lines
        found = [line for line in lines if all(re.search(pattern, line) for pattern in patterns)]
        found = found[: int(query.rpartition("limit ")[2])]
        return {
            "status": status,
            "results": [
                [{"field": "@timestamp", "value": "t"}, {"field": "@message", "value": line}] for line in found
            ],
        }

    def __call__(self, action: str, request: dict[str, Any]) -> dict[str, Any]:
        """The answer to an action of the protocol, spelled in small letters."""
        match action:
            case "startquery":
                return self.start_query(**request)
            case "getqueryresults":
                return self.get_query_results(**request)
        assert action == "stopquery"
        self.stop_query(**request)
        return {"success": True}

    def stop_query(self, queryId: str) -> None:  # noqa: N803 - botocore's name
        self.stopped.append(queryId)


@dataclass
class Queues:
    """SQS, where only the named queues hold something: physical name → messages that wait."""

    waiting: dict[str, int] = field(default_factory=dict)

    def get_queue_url(self, QueueName: str, **_: Any) -> dict[str, str]:  # noqa: N803 - botocore's name
        return {"QueueUrl": f"https://sqs.example/1/{QueueName}"}

    def get_queue_attributes(self, QueueUrl: str, **_: Any) -> dict[str, Any]:  # noqa: N803 - botocore's name
        waiting = self.waiting.get(QueueUrl.rpartition("/")[2], 0)
        return {"Attributes": {**dict.fromkeys(COUNTS, "0"), "ApproximateNumberOfMessages": str(waiting)}}


@dataclass
class CloudWatch:
    """CloudWatch: every metric with that name and those dimension values has the value, one a minute."""

    values: dict[tuple[str, ...], float] = field(default_factory=dict)
    asked: list[dict[str, Any]] = field(default_factory=list)

    def get_metric_data(self, **arguments: Any) -> dict[str, Any]:
        queries = arguments["MetricDataQueries"]
        assert 1 <= len(queries) <= 500
        self.asked.append(arguments)
        results = []
        for query in queries:
            metric = query["MetricStat"]["Metric"]
            key = (metric["MetricName"], *sorted(each["Value"] for each in metric["Dimensions"]))
            found = [self.values[key], 99_999.0] if key in self.values else []
            minutes = [arguments["EndTime"] - timedelta(minutes=number + 1) for number in range(len(found))]
            results.append({"Id": query["Id"], "Timestamps": minutes, "Values": found})
        return {"MetricDataResults": results}
