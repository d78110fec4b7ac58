"""How old the oldest message of a queue is, asked of CloudWatch in as many questions as it takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from ops.depth import MOST, _ages
from ops.queue import Queue
from ops.stage import Stage
from tests.ops.sight import CloudWatch


@dataclass
class Cloud:
    """A stage on AWS, of which only CloudWatch is asked."""

    cloudwatch: CloudWatch
    endpoint: None = None

    def client(self, service: str) -> CloudWatch:
        assert service == "cloudwatch"
        return self.cloudwatch


def test_the_ages_of_more_queues_than_one_question_takes_are_all_known() -> None:
    every = [Queue(f"work{n}", "work", f"acme-prod-work{n}", "https://sqs.example/1/x") for n in range(MOST + 7)]
    ages: dict[tuple[str, ...], float] = {
        ("ApproximateAgeOfOldestMessage", queue.name): n for n, queue in enumerate(every)
    }
    cloudwatch = CloudWatch(ages)
    assert _ages(cast("Stage", Cloud(cloudwatch)), every) == {queue.name: n for n, queue in enumerate(every)}
    assert [len(each["MetricDataQueries"]) for each in cloudwatch.asked] == [MOST, 7]
