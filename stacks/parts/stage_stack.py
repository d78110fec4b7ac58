"""A stack of one stage: its name, its account and region, its protection."""

from __future__ import annotations

import os

from aws_cdk import Environment, Stack, Tags
from constructs import Construct

from stacks import names
from stacks.settings import Settings


class StageStack(Stack):
    """A stack named `<project>-<stage>-<word>`.

    Account and region come from `CDK_DEFAULT_ACCOUNT` and `CDK_DEFAULT_REGION`, which the CDK command sets; with
    neither the template fits any account. Stacks meet by the fixed names of `stacks.names`, never by exports: an export
    cannot be taken back while another stack imports it, and then removing an integration would take two deployments.
    The key of a stage that has one is the exception, because it must not go while anything is encrypted with it.
    """

    def __init__(self, scope: Construct, word: str, *, settings: Settings, description: str) -> None:
        super().__init__(
            scope,
            names.resource(settings.stage, word),
            description=f"{names.PROJECT} {settings.stage}: {description}",
            env=Environment(account=os.environ.get("CDK_DEFAULT_ACCOUNT"), region=os.environ.get("CDK_DEFAULT_REGION")),
            suppress_template_indentation=True,  # a template with many routes is a third smaller
            termination_protection=word in settings.protected.stacks,
        )
        Tags.of(self).add("project", names.PROJECT)
        Tags.of(self).add("stage", settings.stage)
