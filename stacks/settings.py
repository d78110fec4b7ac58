"""The settings of a stage, decoded strictly from `cdk.json`.

Plain frozen data without `aws_cdk`, so that the command line and the local run can read them too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

STAGE = re.compile(r"[a-z][a-z0-9]{0,11}")

# The retention times that CloudWatch Logs takes.
# https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
LogDays = Literal[
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653
]


class SettingsError(ValueError):
    """A stage or a setting makes no sense; the message names it and says what to do."""


class Settings(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What may differ from stage to stage. Everything else is the same everywhere."""

    stage: str
    python: Literal["host", "3.13", "3.14"] = "3.13"
    """The Python that functions run on; `host` is the one that synthesizes, for the emulator."""
    architecture: Literal["host", "arm64", "x86_64"] = "arm64"
    retain: bool = False
    """Tables, archive and logs stay when their stack is deleted, and tables can be restored to any second."""
    protect: bool = False
    """A stack or a table can be deleted only after its protection was taken off by hand."""
    archive_days: Annotated[int, Meta(ge=1, le=3650)] | None = None
    """Days for which events can be replayed; none means no archive."""
    log_days: LogDays = 30
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    email_sender: Annotated[str, Meta(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
    """The address that e-mail comes from; it or its domain is a verified identity of SES."""
    authorization: Literal["iam", "none"] = "iam"
    """Who may call the API: signed requests of AWS identities, or anyone (only on this machine)."""
    throttle_rate: Annotated[float, Meta(gt=0)] = 100.0
    """Requests a second that the API takes in the long run."""
    throttle_burst: Annotated[int, Meta(gt=0)] = 200
    """Requests that the API takes at once."""

    def __post_init__(self) -> None:
        if self.authorization == "none" and self.stage != "local":
            raise ValueError("authorization 'none' is for stage local only; choose 'iam'")
        if (self.python == "host") != (self.architecture == "host"):
            raise ValueError("python and architecture are both 'host' or neither is")


def read(stage: str, stages: Mapping[str, Any]) -> Settings:
    """The settings of `stage`, from the `stages` of cdk.json's context.

    Raises `SettingsError` with one sentence if the stage is not there or a setting is unknown or wrong.
    """
    if stage not in stages:
        raise SettingsError(f"There is no stage {stage!r} in cdk.json; choose one of {', '.join(sorted(stages))}.")
    if not STAGE.fullmatch(stage):
        raise SettingsError(f"Stage {stage!r}: a stage's name is 1 to 12 lower-case letters and digits; rename it.")
    try:
        return msgspec.convert({**stages[stage], "stage": stage}, Settings)
    except msgspec.ValidationError as wrong:
        raise SettingsError(f"cdk.json, stage {stage!r}: {wrong}.") from None
