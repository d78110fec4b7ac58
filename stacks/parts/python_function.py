"""A Lambda function that runs a handler of `functions/`: its log, its role, its settings, the same everywhere."""

from __future__ import annotations

from collections.abc import Iterable

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from stacks import names
from stacks.bundle.python_code import PythonCode
from stacks.parts.acknowledged import acknowledge
from stacks.parts.function_role import FunctionRole
from stacks.parts.log_group import LogGroup
from stacks.settings import Settings


class PythonFunction(Construct):
    """The function `word`, whose handler is `<package>.<word>.handler.handler`.

    `timeout` is seconds, `memory` MB. `policy` is what it needs before it can do anything; `function` is the function.
    """

    def __init__(
        self,
        scope: Construct,
        word: str,
        *,
        description: str,
        code: PythonCode,
        settings: Settings,
        timeout: int,
        memory: int,
        environment: dict[str, str],
        statements: Iterable[iam.PolicyStatement] = (),
    ) -> None:
        super().__init__(scope, word)
        name = names.resource(settings.stage, word)
        log_group = LogGroup(self, "Logs", name=names.log_group(settings.stage, word), settings=settings)
        access = FunctionRole(self, name=name, log_group=log_group, statements=statements)
        self.policy = access.policy
        self.function = lambda_.Function(
            self,
            "Function",
            function_name=name,
            description=description,
            handler=f"{code.package}.{word}.handler.handler",
            code=code.code,
            layers=[code.layer],
            runtime=code.runtime,
            architecture=code.architecture,
            role=access.role,
            timeout=Duration.seconds(timeout),
            memory_size=memory,
            environment=environment,
            log_group=log_group,
            logging_format=lambda_.LoggingFormat.JSON,
            # Our log filters by LOG_LEVEL; Lambda's filter above INFO would drop metrics, which have no level.
            # https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
            application_log_level_v2=lambda_.ApplicationLogLevel.DEBUG
            if settings.log_level == "DEBUG"
            else lambda_.ApplicationLogLevel.INFO,
            system_log_level_v2=lambda_.SystemLogLevel.INFO,
            tracing=lambda_.Tracing.ACTIVE,
        )
        # Code that needs more than before finds it allowed.
        self.function.node.add_dependency(self.policy)
        acknowledge(self.function, "AwsSolutions-L1", "Serverless-LambdaLatestVersion", "Serverless-LambdaDLQ")
