"""The commands as a person types them, and what replays are called."""

from __future__ import annotations

from botocore.stub import Stubber
from typer.testing import CliRunner, Result

from ops.cli.app import app
from stacks import names
from stacks.entry import Topology
from tests.sample.topology import SAMPLE

BUS = names.resource("cloud", names.BUS)
RULE = names.rule("cloud", "mail_ticket", "TicketOpened")
PREFIX = names.replay("cloud", "")


def called(number: int) -> str:
    """The name of a replay of the stage."""
    return f"{PREFIX}20261121-10000{number}-3f2a"


def counts(cloudwatch: Stubber, **by_rule: int) -> None:
    """What CloudWatch counted, by the position of the rule among those for the same event."""
    results = [{"Id": id_, "Values": [float(count)]} for id_, count in by_rule.items()]
    cloudwatch.add_response("get_metric_data", {"MetricDataResults": results})


def ops(*arguments: str, topology: Topology = SAMPLE) -> Result:
    return CliRunner().invoke(app, [*arguments], obj=topology)


def replay(*arguments: str, topology: Topology = SAMPLE) -> Result:
    return ops("replay", *arguments, topology=topology)
