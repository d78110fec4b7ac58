"""A route of the REST API that feeds a queue: API Gateway calls SQS itself, no Lambda function in between."""

from __future__ import annotations

from typing import Any

from aws_cdk import Aws, Duration
from aws_cdk import aws_apigateway as apigateway
from aws_cdk import aws_iam as iam
from constructs import Construct

from stacks import names
from stacks.edge import lanes, location, mapping_template, method
from stacks.edge.content_type import JSON, SPELLINGS
from stacks.edge.model_schema import draft4
from stacks.entry import Authorized, Queue, Route, Topology
from stacks.parts import arn
from stacks.parts.customer_key import key_grant
from stacks.settings import Settings

# What a sender does with a queue's key.
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
SEND = ("kms:GenerateDataKey", "kms:Decrypt")
# The headers that the templates of the answers set.
_ANSWERED = (mapping_template.CORRELATION_ID, mapping_template.TENANT, "Retry-After")


class ApiToQueue(Construct):
    """A method that validates the request and sends its body to the queue, byte for byte.

    The queue is found by its name, so that the stacks share no exports. The role may do nothing but send to that
    queue, or to those of its lanes. It has no source condition on who assumes it: API Gateway sets neither
    `aws:SourceAccount` nor `aws:SourceArn` when it assumes the role of an integration, so a condition would refuse
    every request (docs/decisions.md).
    """

    def __init__(
        self,
        api: apigateway.RestApi,
        *,
        route: Route,
        queue: Queue,
        settings: Settings,
        topology: Topology,
        **options: Any,
    ) -> None:
        super().__init__(api, route.name.replace("/", "."))
        queue_name = names.queue(settings.stage, queue.name, fifo=queue.fifo)
        # A route that chooses a lane may send to each, and a template says to which.
        fed = [names.queue(settings.stage, word, fifo=queue.fifo) for word in route.queues]
        self.role = iam.Role(
            self,
            # A route that feeds another queue gets another role: the deployed one needs the old until it gives way.
            f"Role-{' '.join(fed)}",
            description=f"Lets {route.name} send to {', '.join(fed)}.",
            assumed_by=iam.ServicePrincipal("apigateway.amazonaws.com"),
            inline_policies={
                "send": iam.PolicyDocument(
                    statements=[
                        iam.PolicyStatement(
                            actions=["sqs:SendMessage"], resources=[arn.queue(self, name) for name in fed]
                        ),
                        # With a former key, too: where a key changes, this stack is deployed before the queue's.
                        *key_grant(settings, *SEND, former=SEND),
                    ]
                )
            },
        )
        authorized = route.authorized(settings.authorization)
        named = method.callers(route, authorized, settings)
        schema, template = draft4(route.accepts), named + mapping_template.request(route, queue, authorized)
        template += lanes.chosen(route, settings.stage)
        # Neither is part of the method, of which a change makes a new deployment.
        if api.latest_deployment is not None:
            api.latest_deployment.add_to_logical_id({"schema": schema, "template": template})
        model = self._model(api, schema)
        self.method = api.root.resource_for_path(route.path).add_method(
            route.method,
            apigateway.AwsIntegration(
                service="sqs",
                path=f"{Aws.ACCOUNT_ID}/" + (f"{{{lanes.PLACEHOLDER}}}" if route.choice else queue_name),
                integration_http_method="POST",
                options=apigateway.IntegrationOptions(
                    credentials_role=self.role,
                    # Anything but JSON is refused with 415; it would reach SQS as it is otherwise.
                    passthrough_behavior=apigateway.PassthroughBehavior.NEVER,
                    request_parameters={
                        "integration.request.header.Content-Type": "'application/x-www-form-urlencoded'",
                        **({lanes.PARAMETER: f"'{queue_name}'"} if route.choice else {}),
                    },
                    request_templates=dict.fromkeys(SPELLINGS, method.once(self, template)),
                    integration_responses=_responses(route, authorized, named, location.of(route, topology)),
                    timeout=Duration.seconds(10),
                ),
            ),
            request_models=dict.fromkeys(SPELLINGS, model),
            # None is required: API Gateway would compare the name's case. The template asks for what must be there.
            request_parameters={
                f"method.request.header.{name}": False
                for name in mapping_template.variables(route)
                if name != mapping_template.TRACE_ID
            },
            request_validator=method.validator(self, api),
            method_responses=[
                apigateway.MethodResponse(
                    status_code=status,
                    response_parameters={
                        f"method.response.header.{name}": True
                        for name in (*_ANSWERED, *(location.names(route, topology) if status == "202" else ()))
                    },
                )
                for status in ("202", "400", "413", "500", "503")
            ],
            **options,
        )
        method.accept_its_callers(self.method, options)

    def _model(self, api: apigateway.RestApi, schema: dict[str, Any]) -> apigateway.IModel:
        model = apigateway.CfnModel(self, "Model", rest_api_id=api.rest_api_id, content_type=JSON, schema=schema)
        return apigateway.Model.from_model_name(self, "Contract", model.ref)


def _responses(route: Route, authorized: Authorized, named: str, located: str) -> list[apigateway.IntegrationResponse]:
    """SQS's statuses and our answers. The one without a pattern takes whatever the others leave: never a success.

    `named` is what says whose key was shown, before each of them, and `located` where the outcome is read.
    """
    answers = {
        ("202", r"2\d{2}"): mapping_template.accepted(route, authorized, located),
        ("400", r"4\d{2}"): mapping_template.refused(route, authorized),
        ("503", r"5\d{2}"): mapping_template.failed(route, authorized, busy=True),
        ("500", None): mapping_template.failed(route, authorized, busy=False),
    }
    return method.responses(answers, named)
