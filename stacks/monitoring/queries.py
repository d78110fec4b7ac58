"""The questions that are asked of the logs at night, saved where CloudWatch shows them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from stacks import names
from stacks.entry import Topology

GROUPS = 50
"""Log groups that a saved query takes.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-logs-querydefinition.html"""


@dataclass(frozen=True)
class Query:
    """A query of Logs Insights over some log groups."""

    name: str
    text: str
    log_groups: tuple[str, ...]


def queries(topology: Topology, stage: str) -> list[Query]:
    """Every saved query of the stage."""
    functions = tuple(names.log_group(stage, consumer.function) for consumer in topology.consumers)
    api = (names.api_log_group(stage),) if topology.routes else ()
    every = [
        Query(
            "one request",
            "fields @timestamp, coalesce(service, route) as place, message, status, attempt, message_id, error\n"
            "| filter correlation_id = 'PUT THE CORRELATION ID HERE'\n"
            "| sort @timestamp",
            (*api, *functions),
        ),
        Query(
            "failures",
            "filter ispresent(error_type)\n"
            "| stats count(*) as times, latest(error) as latest, latest(message_id) as message by service, error_type\n"
            "| sort times desc",
            functions,
        ),
        Query(
            "crashes",
            "fields @timestamp, @log, @message\n"
            '| filter @message like /Task timed out|Runtime exited|errorType|Traceback|"status":"(timeout|error)"/\n'
            "| sort @timestamp desc",
            functions,
        ),
        Query(
            "slow batches",
            "filter type = 'platform.report'\n"
            "| fields record.metrics.durationMs as ms, record.metrics.maxMemoryUsedMB as mb\n"
            "| stats max(ms) as slowest, pct(ms, 99) as p99, avg(ms) as average, max(mb) as memory by @log\n"
            "| sort slowest desc",
            functions,
        ),
        Query(
            "cold starts",
            "filter type = 'platform.report' and ispresent(record.metrics.initDurationMs)\n"
            "| stats count(*) as starts, avg(record.metrics.initDurationMs) as average, "
            "max(record.metrics.initDurationMs) as slowest by @log",
            functions,
        ),
        Query(
            "refused",
            "filter status >= 400\n"
            "| stats count(*) as requests, latest(correlation_id) as latest "
            "by route, status, integration_status, error, caller, api_key_id, principal\n"
            "| sort requests desc",
            api,
        ),
    ]
    return [part for query in every if query.log_groups for part in _split(query)]


def _split(query: Query) -> Iterator[Query]:
    """The query itself, or as many as its log groups take, which are numbered then."""
    parts = [query.log_groups[start : start + GROUPS] for start in range(0, len(query.log_groups), GROUPS)]
    for number, groups in enumerate(parts, start=1):
        yield Query(query.name if len(parts) == 1 else f"{query.name} {number}", query.text, groups)
