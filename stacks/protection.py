"""What a stage protects from deletion, judged by what it has."""

from __future__ import annotations

import json
from collections.abc import Sequence

from stacks import names
from stacks.entry import Topology
from stacks.settings import Settings, SettingsError


def check(settings: Settings, topology: Topology) -> None:
    """Raise `SettingsError` where the setting `protect` is true, or names what the stage has not.

    Nothing is protected as it is made: a create that fails deletes what it made, and CloudFormation cannot delete a
    table with deletion protection, nor the CDK command a stack with termination protection.
    """
    stage = settings.stage
    stacks = _stacks(settings, topology)
    tables = [*names.SHARED_TABLES, *(table.name for table in topology.tables)]
    tables += [names.SCHEDULE_RUNS] if topology.skips else []
    if settings.protect is True:
        everything = json.dumps({"stacks": stacks, "tables": tables})
        raise SettingsError(
            f"cdk.json, stage {stage!r}: protect is true, but what is protected as it is made cannot be taken back if "
            f'that fails; name what is deployed already, which in the end is "protect": {everything}.'
        )
    for kind, known, named in (
        ("stack", stacks, settings.protected.stacks),
        ("table", tables, settings.protected.tables),
    ):
        _refuse_unknown(stage, kind, known, named)


def _stacks(settings: Settings, topology: Topology) -> list[str]:
    """The words of all stacks of the stage."""
    absent = set()
    absent |= set() if settings.customer_key is True else {"encryption"}
    absent |= set() if topology.routes or topology.retired_routes else {"ingress"}
    absent |= set() if settings.alarms else {"observability"}
    shared = [word for word in names.SHARED_STACKS if word not in absent]
    return [*shared, *(each.name for each in topology.integrations if each.tables or each.queues)]


def _refuse_unknown(stage: str, kind: str, known: Sequence[str], named: Sequence[str]) -> None:
    unknown = next((word for word in named if word not in known), None)
    if unknown is not None:
        raise SettingsError(
            f"cdk.json, stage {stage!r}: protect names the {kind} {unknown!r}, which the stage has not; take it out or "
            "correct it."
        )
