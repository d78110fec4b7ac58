"""Where a person is asked twice: in production, and where no stage tells what it is."""

from __future__ import annotations

from ops.stage import Stage
from stacks import names, settings


def careful(stage: Stage) -> bool:
    """Whether it is one where data is kept: called `prod…`, one whose settings say `retain`, or none of cdk.json's."""
    if stage.name == names.LOCAL:
        return False
    if not stage.staged:
        return stage.on_aws
    try:
        return stage.name.startswith("prod") or settings.read(stage.name, names.CONTEXT["stages"]).retain
    except settings.SettingsError:
        return True
