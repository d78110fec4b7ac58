"""A Lambda function that runs a handler of `functions/`: its log, its role, its settings, the same everywhere."""

from __future__ import annotations

from collections.abc import Iterable

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from stacks import names
from stacks.bundle.python_code import PythonCode
from stacks.parts import arn
from stacks.parts.acknowledged import acknowledge
from stacks.parts.function_role import FunctionRole, network_interfaces
from stacks.parts.log_group import LogGroup
from stacks.settings import Settings


class PythonFunction(Construct):
    """The function `word`, whose handler is that of `module`; `inside` runs it in the stage's VPC.

    `module` is `<package>.<word>.handler` where nothing else is said. `timeout` is seconds, `memory` MB. `policy` is
    what it needs before it can do anything; `function` is the function.
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
        inside: bool = False,
        module: str | None = None,
    ) -> None:
        super().__init__(scope, word)
        name = names.resource(settings.stage, word)
        log_group = LogGroup(self, "Logs", name=names.log_group(settings.stage, word), settings=settings)
        own = arn.function(self, name)
        statements = [*statements, *(network_interfaces(own) if inside else ())]
        access = FunctionRole(self, name=name, log_group=log_group, statements=statements)
        self.policy = access.policy
        self.function = lambda_.Function(
            self,
            "Function",
            function_name=name,
            description=description,
            handler=f"{module or f'{code.package}.{word}.handler'}.handler",
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
        # Code that needs more than before finds it allowed; a network interface must be, before it and after it.
        self.function.node.add_dependency(self.policy)
        if inside and settings.vpc is not None:
            function = self.function.node.default_child
            assert isinstance(function, lambda_.CfnFunction)
            function.vpc_config = lambda_.CfnFunction.VpcConfigProperty(
                subnet_ids=list(settings.vpc.subnets), security_group_ids=list(settings.vpc.security_groups)
            )
        acknowledge(self.function, "AwsSolutions-L1", "Serverless-LambdaLatestVersion", "Serverless-LambdaDLQ")
