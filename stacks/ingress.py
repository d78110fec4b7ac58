"""Where requests come in: a REST API whose routes feed queues, and whose statuses say what became of them."""

from __future__ import annotations

from typing import Any

from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_wafv2 as wafv2
from constructs import Construct

from stacks import names, status
from stacks.edge.access_log import AccessLog
from stacks.edge.api_to_queue import ApiToQueue
from stacks.edge.api_to_table import ApiToTable
from stacks.edge.authorization import Authorization
from stacks.edge.closed_route import ClosedRoute
from stacks.edge.gateway_responses import add_gateway_responses
from stacks.edge.path_pattern import meet
from stacks.entry import Topology
from stacks.parts.acknowledged import acknowledge
from stacks.parts.stage_stack import StageStack
from stacks.route import PARAMETER
from stacks.settings import Settings, SettingsError


class Ingress(StageStack):
    """The API of the stage: a method for every route, who may call it, its answers, its limits and its access log.

    A route of a retired integration answers 404.
    """

    def __init__(self, scope: Construct, *, settings: Settings, topology: Topology) -> None:
        super().__init__(scope, "ingress", settings=settings, description="Requests become messages.")
        name = names.resource(settings.stage, "api")
        log = AccessLog(self, name=name, settings=settings)
        authorization = Authorization(self, settings=settings, topology=topology)
        self.api = apigateway.RestApi(
            self,
            "Api",
            rest_api_name=name,
            description="Turns requests into messages.",
            deploy_options=apigateway.StageOptions(
                stage_name=settings.stage,
                throttling_rate_limit=settings.throttle_rate,
                throttling_burst_limit=settings.throttle_burst,
                method_options=_limits(topology),
                tracing_enabled=True,
                metrics_enabled=True,
                access_log_destination=log.destination,
                access_log_format=log.format,
            ),
            **self._exposure(settings, topology),
        )
        # What is deployed may write its log and ask its authorizer from the first request on.
        self.api.deployment_stage.node.add_dependency(log.account, authorization)
        add_gateway_responses(self.api, signed=authorization.signed)
        for route in topology.routes:
            ApiToQueue(
                self.api,
                route=route,
                queue=topology.queue(route.queue),
                settings=settings,
                topology=topology,
                **authorization.options(route),
            )
        for read in status.reads(topology):
            ApiToTable(self.api, read=read, settings=settings, **authorization.options(read.route))
        for route in (*topology.retired_routes, *status.closed(topology)):
            ClosedRoute(self.api, route=route, **authorization.options(route))
        authorization.add_keys(self.api)
        acknowledge(self.api.deployment_stage, "AwsSolutions-APIG6")
        if not settings.web_acl_arn:
            acknowledge(self.api.deployment_stage, "AwsSolutions-APIG3")
        else:
            wafv2.CfnWebACLAssociation(
                self,
                "Firewall",
                resource_arn=self.api.deployment_stage.stage_arn,
                web_acl_arn=settings.web_acl_arn,
            )

    def _exposure(self, settings: Settings, topology: Topology) -> dict[str, Any]:
        """Public in its region, or private: reached through the named VPC endpoints and no other way.

        The policy of a private API allows only routes that IAM and the authorizer are not asked about: for those that
        they are, what it allows would do instead of a permission of the caller's, in this account, or of the
        authorizer's yes.
        https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-private-apis.html
        https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-authorization-flow.html
        """
        if not settings.vpc_endpoints:
            return {"endpoint_types": [apigateway.EndpointType.REGIONAL]}
        endpoints = [
            ec2.InterfaceVpcEndpoint.from_interface_vpc_endpoint_attributes(
                self, f"Endpoint{number}", vpc_endpoint_id=endpoint, port=443
            )
            for number, endpoint in enumerate(settings.vpc_endpoints, start=1)
        ]
        invoke: dict[str, Any] = {"principals": [iam.AnyPrincipal()], "actions": ["execute-api:Invoke"]}
        anybodys = open_paths(settings, topology)
        allowed = [iam.PolicyStatement(**invoke, resources=anybodys)] if anybodys else []
        elsewhere = {"StringNotEquals": {"aws:SourceVpce": list(settings.vpc_endpoints)}}
        return {
            "endpoint_configuration": apigateway.EndpointConfiguration(
                types=[apigateway.EndpointType.PRIVATE], vpc_endpoints=endpoints
            ),
            "policy": iam.PolicyDocument(
                statements=[
                    *allowed,
                    iam.PolicyStatement(
                        effect=iam.Effect.DENY, conditions=elsewhere, resources=["execute-api:/*"], **invoke
                    ),
                ]
            ),
        }


def _limits(topology: Topology) -> dict[str, apigateway.MethodDeploymentOptions]:
    """The routes that have limits of their own. A method's settings replace the stage's, so they repeat its metrics."""
    return {
        f"{route.path}/{route.method}": apigateway.MethodDeploymentOptions(
            throttling_rate_limit=route.rate, throttling_burst_limit=route.burst, metrics_enabled=True
        )
        for route in (*topology.routes, *(read.route for read in status.reads(topology)))
        if route.rate is not None
    }


def open_paths(settings: Settings, topology: Topology) -> list[str]:
    """The routes that a resource policy must allow, as it names them: of callers who hold a key, or sign the body.

    Raises `SettingsError` where one of them, with anything in the place of its parameters, is also a route whose
    callers IAM or the authorizer judges, with some value in the place of its own.
    """
    routes = [*topology.routes, *topology.retired_routes]
    routes += [*(read.route for read in status.reads(topology)), *status.closed(topology)]
    judged = [route for route in routes if route.authorized(settings.authorization) in ("iam", "jwt")]
    found = []
    for route in (each for each in routes if each not in judged):
        pattern = f"{route.method}{PARAMETER.sub('*', route.path)}"
        covered = next((each.name for each in judged if meet(f"{each.method}{each.path}", pattern)), None)
        if covered is not None:
            raise SettingsError(
                f"Stage {settings.stage} is private, and what lets anybody call {route.name} would let them call "
                f"{covered}, too, which asks who calls: give one of them another path."
            )
        found.append(f"execute-api:/{settings.stage}/{pattern}")
    return found
